//! Reads the store's books, once the faults are over. IO: HTTP.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::time::Duration;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::Value;

use super::SoakError;
use super::books::{Books, Entry, Reports, Told};
use super::front::{Front, Request, is_open};
use super::traffic::Seen;
use crate::history::Movement;
use crate::load::Answer;
use store_testbed::progress::wait_until;

/// Rows that a report has at most.
pub const REPORTED: usize = 100;
/// Reads at the same time.
const AT_ONCE: usize = 8;
/// A ring that has just healed may refuse some.
const PATIENCE: Duration = Duration::from_secs(40);

/// How often a stock is read until it stays as it is while its movements are read.
const LOOKS: usize = 20;

/// Version and quantity of a stock, and its movements, both of the same moment: the sweeper still gives back what orders
/// took that a fault broke off.
async fn stock_and_movements(front: &Front, product: &str) -> Result<((i64, i64), Vec<Value>), SoakError> {
    let stock = async || {
        let stock = read(front, &format!("/stocks/{product}")).await?.body;
        Ok::<_, SoakError>((number(&stock, "version"), number(&stock, "quantity")))
    };
    let mut before = stock().await?;
    for _ in 0..LOOKS {
        let rows = pages(front, format!("/stocks/{product}/movements?limit=100")).await?;
        let after = stock().await?;
        if after == before {
            return Ok((after, rows));
        }
        before = after;
    }
    Err(SoakError::Told(format!("the stock of {product} does not come to rest")))
}

/// Everything about what people saw.
///
/// # Errors
/// [`SoakError`] when the store does not tell.
pub async fn gather(front: &Front, seen: &Seen) -> Result<Books, SoakError> {
    let mut books = Books::default();
    for product in &seen.products {
        let (stock, rows) = stock_and_movements(front, product).await?;
        books.stocks.insert(product.clone(), stock);
        books.movements.insert(product.clone(), rows.iter().map(entry).collect());
    }
    for user in &seen.users {
        let rows = pages(front, format!("/orders?limit=100&user_id={user}")).await?;
        books.listed.extend(rows.iter().map(order));
    }
    books.by_id = each(seen.orders.iter(), |order| async move {
        let answer = read(front, &format!("/orders/{}", order.id)).await?;
        Ok(answer.status.is_success().then(|| self::order(&answer.body)))
    })
    .await?
    .into_iter()
    .flatten()
    .collect::<BTreeMap<_, _>>();
    let lost = each(seen.rows.iter(), |(path, field, value)| async move {
        let answer = read(front, path).await?;
        Ok((answer.body[field] != value.as_str()).then(|| format!("{path} {field} {value}: {}", answer.body)))
    });
    books.lost_rows = lost.await?.into_iter().flatten().collect();
    books.reports = Reports {
        sold: report(front, "/orders/reports/best-sellers", "product_id", "quantity_sold").await?,
        spent: report(front, "/orders/reports/highest-spenders", "user_id", "total_expense").await?,
    };
    Ok(books)
}

async fn each<T, I, F>(items: impl Iterator<Item = I>, look: impl FnMut(I) -> F) -> Result<Vec<Option<T>>, SoakError>
where
    F: Future<Output = Result<Option<T>, SoakError>>,
{
    stream::iter(items).map(look).buffer_unordered(AT_ONCE).try_collect().await
}

async fn read(front: &Front, path: &str) -> Result<Answer, SoakError> {
    let request = Request::get(path);
    let answer = wait_until(path, PATIENCE, || async {
        match front.send(0, "check", &request).await {
            Some(answer) if !is_open(&answer) => Ok(answer),
            Some(answer) => Err(answer.body.to_string()),
            None => Err("no answer".to_owned()),
        }
    });
    Ok(answer.await?)
}

/// All rows of a list, page by page.
async fn pages(front: &Front, first: String) -> Result<Vec<Value>, SoakError> {
    let (mut rows, mut next) = (Vec::new(), Some(first));
    while let Some(path) = next {
        let Answer { headers, body, .. } = read(front, &path).await?;
        let Value::Array(page) = body else { return Err(SoakError::Told(format!("{path}: {body}"))) };
        rows.extend(page);
        let link = headers.get(http::header::LINK).and_then(|value| value.to_str().ok());
        next = link.and_then(|link| Some(link.strip_prefix('<')?.split_once('>')?.0.to_owned()));
    }
    Ok(rows)
}

async fn report(front: &Front, path: &str, id: &str, amount: &str) -> Result<HashMap<String, i64>, SoakError> {
    let rows = read(front, &format!("{path}?limit={REPORTED}")).await?.body;
    let rows = rows.as_array().ok_or_else(|| SoakError::Told(format!("{path}: {rows}")))?;
    let amount_of =
        |row: &Value| row[amount].as_i64().filter(|_| amount == "quantity_sold").unwrap_or(cents(&row[amount]));
    Ok(rows.iter().map(|row| (text(row, id), amount_of(row))).collect())
}

/// Money in cents: the prices of the traffic are exact in a double.
#[allow(clippy::cast_possible_truncation, reason = "rounded, and far below the limits")]
fn cents(value: &Value) -> i64 {
    (value.as_f64().unwrap_or(f64::NAN) * 100.0).round() as i64
}

fn number(value: &Value, name: &str) -> i64 {
    value[name].as_i64().unwrap_or(-1)
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

fn entry(row: &Value) -> Entry {
    let reference = row["reference"].as_str().map(str::to_owned);
    let order = if row["kind"] == "order" { reference.clone() } else { None };
    let (version, delta, quantity) = (number(row, "version"), number(row, "delta"), number(row, "quantity"));
    Entry { movement: Movement { version, delta, quantity, order }, kind: text(row, "kind"), reference }
}

fn order(row: &Value) -> (String, Told) {
    let items = row["items"].as_array().into_iter().flatten();
    let mut lines: Vec<_> = items.map(|item| (text(item, "product_id"), number(item, "quantity"))).collect();
    lines.sort();
    let told = Told { status: text(row, "status"), user: text(row, "user_id"), lines, total: cents(&row["total"]) };
    (text(row, "id"), told)
}
