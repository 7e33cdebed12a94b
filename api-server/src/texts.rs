//! `store-api texts`: rows that were stored before today's rules of texts, so that somebody can put them right. Reads only.

use std::borrow::Cow;
use std::io::Write;
use std::time::Duration;

use uuid::Uuid;

use crate::app::Services;
use crate::dao::products::{Product, fold_name};
use crate::dao::users::User;
use crate::models::text::{Broken, Read, Text};
use crate::models::{Context, Filter, LOOKED_AT_MAX, ModelError, product, user};
use crate::views::csv::Form;

/// Columns of the report.
const COLUMNS: [&str; 5] = ["kind", "id", "field", "code", "detail"];
/// Rows that are read at once.
const PAGE: usize = 100;
/// How long one page may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// The report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TextsError {
    /// A page could not be read.
    #[error("reading the store's rows: {0}")]
    Read(#[from] ModelError),
    /// Nobody takes the report.
    #[error("writing the report: {0}")]
    Write(#[from] std::io::Error),
}

/// What was looked at, and how many fields would not be taken as they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looked {
    pub products: u64,
    pub users: u64,
    pub fields: u64,
}

/// Writes a line of CSV for each text in the lists of products and users that would be refused today, or be kept in another
/// form. Names and addresses of users are not written.
///
/// # Errors
/// [`TextsError`]; what was written by then is not the whole report.
pub async fn report(services: &Services, out: &mut (dyn Write + Send)) -> Result<Looked, TextsError> {
    let form = Form::default();
    let mut looked = Looked::default();
    out.write_all(&form.head(&COLUMNS))?;
    let mut cursor = None;
    loop {
        let mut rows: Vec<Product> = Vec::with_capacity(PAGE);
        let cx = Context::within(DEADLINE);
        let looks = (PAGE, LOOKED_AT_MAX);
        let page = services.products.page(&cx, Filter::default(), looks, cursor.as_deref(), &mut rows).await?;
        for row in &rows {
            looked.products += 1;
            let mut told = of_product(row);
            if !is_found(services, row).await? {
                let detail = "is not found by its beginning: give the product another name, and then this one again";
                told.push(("name", ("other_beginning", detail.to_owned())));
            }
            looked.fields += write(out, "product", row.id, told)?;
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    loop {
        let mut rows: Vec<User> = Vec::with_capacity(PAGE);
        let page = services.users.page(&Context::within(DEADLINE), PAGE, cursor.as_deref(), &mut rows).await?;
        for row in &rows {
            looked.users += 1;
            looked.fields += write(out, "user", row.id, of_user(row))?;
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(looked);
        }
    }
}

type Told = Vec<(&'static str, Broken)>;

fn write(out: &mut (dyn Write + Send), kind: &str, id: Uuid, told: Told) -> Result<u64, std::io::Error> {
    let mut lines = Vec::new();
    for (field, (code, detail)) in &told {
        Form::default().write_line(&mut lines, [kind, &id.to_string(), field, code, detail]);
    }
    out.write_all(&lines)?;
    Ok(told.len() as u64)
}

/// Whether a product is found by its name. Once names were folded as whole words, so one that was stored then may lie under
/// another beginning than it is looked for by.
async fn is_found(services: &Services, row: &Product) -> Result<bool, ModelError> {
    if fold_name(&row.name) == row.name.to_lowercase() {
        return Ok(true);
    }
    let filter = Filter { name_prefix: Some(row.name.clone()), ..Filter::default() };
    let mut rows: Vec<Product> = Vec::new();
    let cx = Context::within(DEADLINE);
    let page = services.products.page(&cx, filter, (PAGE, LOOKED_AT_MAX), None, &mut rows).await?;
    // Where so many have the same name, nobody can say.
    Ok(page.next.is_some() || rows.iter().any(|found| found.id == row.id))
}

fn of_product(row: &Product) -> Told {
    let texts = [
        ("sku", Some(&row.sku), Text::Identifier, product::SKU_MAX),
        ("name", Some(&row.name), Text::Name, product::NAME_MAX),
        ("brand", row.brand.as_ref(), Text::Name, product::BRAND_MAX),
        ("category", row.category.as_ref(), Text::Name, product::CATEGORY_MAX),
        ("description", row.description.as_ref(), Text::Paragraphs, product::DESCRIPTION_MAX),
    ];
    let read = texts.into_iter().filter_map(|(field, text, kind, max)| {
        let text = text?;
        told(text, kind.read(text, max)).map(|told| (field, told))
    });
    read.collect()
}

fn of_user(row: &User) -> Told {
    let name = told(&row.name, Text::Name.read(&row.name, user::NAME_MAX)).map(|told| ("name", told));
    let email = told(&row.email, user::read_email(&row.email, user::EMAIL_MAX)).map(|told| ("email", told));
    name.into_iter().chain(email).collect()
}

fn told(kept: &str, read: Read) -> Option<Broken> {
    match read {
        Err(broken) => Some(broken),
        Ok(read) if read != kept => {
            let hidden = kept.chars().filter(|c| !c.is_ascii() && !read.contains(*c));
            let hidden: Vec<Cow<'static, str>> =
                hidden.take(5).map(|c| format!("U+{:04X}", u32::from(c)).into()).collect();
            Some(("other_form", format!("would be kept in another form, without {}", hidden.join(", "))))
        }
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dao::memory;
    use crate::models::Price;
    use crate::models::clock::Clock;
    use crate::models::create::Identity;
    use crate::models::cursor::CursorKey;
    use crate::models::figures::Figures;

    #[tokio::test]
    async fn rows_from_before_the_rules_are_told_and_no_others() {
        let services = Services::new(
            memory::daos(),
            &CursorKey::new(b"0123456789abcdef"),
            0,
            None,
            Figures::unseen(),
            Clock::default(),
        );
        let cx = Context::within(DEADLINE);
        for (sku, name) in
            [("LAMP-1", "Desk lamp"), ("LAMP-1\u{a0}", "Desk lamp"), ("LAMP\u{2011}2", "The\u{301}"), ("GR-1", "ΣΟΦΟΣ")]
        {
            // As rows were made before: past what reads a request.
            let draft = product::Draft {
                sku: sku.into(),
                name: name.into(),
                price: Price::new(1, 0).unwrap(),
                brand: None,
                low_stock: None,
                description: None,
                category: None,
            };
            services.products.create(&cx, draft, Identity::generate()).await.unwrap();
        }
        let draft = user::Draft { name: "A\u{200b}na".into(), email: "ana@example.org".into() };
        services.users.create(&cx, draft, Identity::generate()).await.unwrap();
        let mut out = Vec::new();
        let looked = report(&services, &mut out).await.unwrap();
        assert_eq!(looked, Looked { products: 4, users: 1, fields: 4 });
        let text = String::from_utf8(out).unwrap();
        let told: Vec<String> = text
            .lines()
            .skip(1)
            .map(|line| {
                let cells: Vec<&str> = line.split(',').collect();
                format!("{} {} {}", cells[0], cells[2], cells[3])
            })
            .collect();
        let expected = [
            "product sku other_form",
            "product name other_form",
            "product sku blank_ends",
            "user name unseen_character",
        ];
        assert_eq!(told, expected);
        assert!(text.contains("U+2011") && !text.contains("Ana"), "{text}");
    }
}
