//! Reading one page of a list of products. Each page reads a bounded number of rows and partitions, whatever
//! the size of the list; where the bound ends a page early, the page is short and the next one
//! goes on.

use std::pin::pin;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _};
use scylla::response::query_result::{QueryResult, QueryRowsResult};
use uuid::Uuid;

use super::buckets::Buckets;
use super::newest::{BEFORE_FIRST, Filling, MAX_PARTITIONS, Newest, Next, Taken, next};
use super::prefixes_of;
use crate::dao::cassandra::StartError;
use crate::dao::cassandra::execute::{Database, Statement};
use crate::dao::cassandra::products::{LIST_COLUMNS, ListedRow, TRUTH_COLUMNS, TruthRow, broken};
use crate::dao::products::{Filter, PageEnd, PageQuery, Position, Product, ProductSink, fold_name, has_words};
use crate::dao::words::words_of;
use crate::dao::{Context, DaoError, Receipt};

/// Rows that are asked for at least where some may not be admitted.
const CHOSEN_AT_LEAST: i32 = 32;

/// Products read at the same time for a list by name.
const READ_AT_ONCE: usize = 16;

/// Reads the truth about one product.
pub trait Truth: Send + Sync {
    /// The product with this id as it is now.
    fn read(&self, cx: &Context, id: Uuid)
    -> impl Future<Output = Result<(Option<Product>, Receipt), DaoError>> + Send;
}

/// The statements that read lists.
pub struct Pages {
    database: Arc<Database>,
    by_time: Newest,
    archived: Newest,
    by_category: Statement,
    chosen: Statement,
    category_buckets: Statement,
    by_prefix: Statement,
    prefix_buckets: Statement,
    by_word: Statement,
    word_buckets: Statement,
}

impl Pages {
    /// Prepares the statements.
    pub async fn prepare(database: Arc<Database>) -> Result<Self, StartError> {
        let by_category = format!(
            "SELECT {LIST_COLUMNS} FROM {{ks}}.products_by_category \
             WHERE category = ? AND bucket = ? AND id < ? LIMIT ?"
        );
        let chosen = format!(
            "SELECT {LIST_COLUMNS} FROM {{ks}}.products_by_category \
             WHERE category = ? AND bucket = ? AND id IN ? LIMIT ?"
        );
        let category_buckets = "SELECT bucket FROM {ks}.product_category_buckets \
             WHERE category = ? AND bucket <= ? LIMIT ?";
        let by_prefix = "SELECT id, name FROM {ks}.products_by_name_prefix \
             WHERE prefix = ? AND bucket = ? AND id < ? LIMIT ?";
        let prefix_buckets = "SELECT bucket FROM {ks}.product_name_prefix_buckets \
             WHERE prefix = ? AND bucket <= ? LIMIT ?";
        let by_word = "SELECT id, words FROM {ks}.products_by_word \
             WHERE word = ? AND bucket = ? AND id < ? LIMIT ?";
        let word_buckets = "SELECT bucket FROM {ks}.product_word_buckets \
             WHERE word = ? AND bucket <= ? LIMIT ?";
        Ok(Self {
            by_word: database.plain("SELECT", "products_by_word", by_word).await?,
            word_buckets: database.plain("SELECT", "product_word_buckets", word_buckets).await?,
            by_time: Newest::prepare(Arc::clone(&database), "products_by_time", LIST_COLUMNS).await?,
            archived: Newest::prepare(Arc::clone(&database), "products_archived", TRUTH_COLUMNS).await?,
            by_category: database.plain("SELECT", "products_by_category", &by_category).await?,
            chosen: database.plain("SELECT", "products_by_category", &chosen).await?,
            category_buckets: database.plain("SELECT", "product_category_buckets", category_buckets).await?,
            by_prefix: database.plain("SELECT", "products_by_name_prefix", by_prefix).await?,
            prefix_buckets: database.plain("SELECT", "product_name_prefix_buckets", prefix_buckets).await?,
            database,
        })
    }

    /// The list of everything.
    pub async fn everything(
        &self,
        cx: &Context,
        buckets: &Arc<Buckets>,
        query: &PageQuery,
        sink: &mut dyn ProductSink,
    ) -> Result<PageEnd, DaoError> {
        let mut show = |rows: &QueryRowsResult, room| show(rows, room, None, sink);
        self.by_time.page(cx, buckets, (query.limit, query.look_at), query.after, &mut show).await
    }

    /// The list of archived products.
    pub async fn archived(
        &self,
        cx: &Context,
        buckets: &Arc<Buckets>,
        query: &PageQuery,
        sink: &mut dyn ProductSink,
    ) -> Result<PageEnd, DaoError> {
        let mut show = |rows: &QueryRowsResult, room| {
            let mut taken = Taken::default();
            for row in rows.rows::<TruthRow<'_>>().map_err(broken)? {
                let TruthRow(Some(product)) = row.map_err(broken)? else { continue };
                if !taken.take(room, product.id) {
                    break;
                }
                sink.product(product);
            }
            Ok(taken)
        };
        self.archived.page(cx, buckets, (query.limit, query.look_at), query.after, &mut show).await
    }

    /// The list of a category.
    pub async fn category(
        &self,
        cx: &Context,
        query: &PageQuery,
        category: &str,
        sink: &mut dyn ProductSink,
    ) -> Result<PageEnd, DaoError> {
        let upto = query.after.map_or(i64::MAX, |after| after.bucket);
        let buckets = self.buckets(cx, &self.category_buckets, category, upto).await?;
        let mut page = Filling::new(query.limit, query.look_at);
        page.receipt = Some(buckets.receipt);
        let mut show = |rows: &QueryRowsResult, room| show(rows, room, Some(category), sink);
        for bucket in buckets.begins {
            let after = query.after.filter(|after| after.bucket == bucket).map_or(BEFORE_FIRST, |after| after.id);
            if page.has_looked_enough() {
                return page.cut_at(Position { bucket, id: after });
            }
            let values = (category, bucket, after, page.want());
            let result = self.database.run(cx, &self.by_category, &values).await?;
            let receipt = self.database.receipt(cx, &result);
            if page.fill(bucket, result, receipt, &mut show)? {
                return page.end_full();
            }
        }
        page.end()
    }

    /// The list by the beginning or the words of names.
    pub async fn named(
        &self,
        cx: &Context,
        truth: &impl Truth,
        query: &PageQuery,
        named: &Named,
        sink: &mut dyn ProductSink,
    ) -> Result<PageEnd, DaoError> {
        let cx = &cx.of_many();
        let upto = query.after.map_or(i64::MAX, |after| after.bucket);
        let buckets = self.buckets(cx, self.buckets_of(named), named.key(), upto).await?;
        let mut page = Filling::new(query.limit, query.look_at);
        page.receipt = Some(buckets.receipt);
        for bucket in buckets.begins {
            let mut after = query.after.filter(|after| after.bucket == bucket).map_or(BEFORE_FIRST, |after| after.id);
            loop {
                let room = page.room();
                // A page that has begun looks at something, so that the next one goes on.
                let enough = page.looked_at > 0 && cx.has_enough();
                if page.has_looked_enough() || enough {
                    return page.cut_at(Position { bucket, id: after });
                }
                let (found, read) = self.candidates(cx, named, Position { bucket, id: after }, &mut page).await?;
                match self.show(cx, truth, &query.filter, &mut page, bucket, found, sink).await? {
                    Shown::All => {}
                    Shown::Full => return page.end_full(),
                    Shown::UpTo(id) => return page.cut_at(Position { bucket, id }),
                }
                match read.last {
                    Some(last) if read.count == room => after = last,
                    _ => break,
                }
            }
        }
        page.end()
    }

    /// The list by the beginning or the words of names and a category. Both have lists in the same buckets: where both have rows, the
    /// names tell which of the one to ask the other for, all in one statement. So a page costs two statements for each 250
    /// names, however few of them are of the category.
    pub async fn named_of_category(
        &self,
        cx: &Context,
        query: &PageQuery,
        (named, category): (&Named, &str),
        sink: &mut dyn ProductSink,
    ) -> Result<PageEnd, DaoError> {
        let cx = &cx.of_many();
        let upto = query.after.map_or(i64::MAX, |after| after.bucket);
        let (of_name, of_category) = tokio::try_join!(
            self.buckets(cx, self.buckets_of(named), named.key(), upto),
            self.buckets(cx, &self.category_buckets, category, upto),
        )?;
        let mut page = Filling::new(query.limit, query.look_at);
        page.receipt = Some(of_name.receipt);
        let both = common(&of_name.begins, &of_category.begins);
        for bucket in both.begins {
            let mut after = query.after.filter(|after| after.bucket == bucket).map_or(BEFORE_FIRST, |after| after.id);
            loop {
                let enough = page.looked_at > 0 && cx.has_enough();
                if page.has_looked_enough() || enough {
                    return page.cut_at(Position { bucket, id: after });
                }
                let room = page.room();
                let (found, read) = self.candidates(cx, named, Position { bucket, id: after }, &mut page).await?;
                if self.show_chosen(cx, query, &mut page, (category, bucket), found, sink).await? {
                    return page.end_full();
                }
                match read.last {
                    Some(last) if read.count == room => after = last,
                    _ => break,
                }
            }
        }
        match both.goes_on_before {
            Some(bucket) => page.cut_at(Position { bucket, id: BEFORE_FIRST }),
            None => page.end(),
        }
    }

    /// Shows those of the ids that the category has, and whose copies the filter admits; true when the page is full and
    /// there is more.
    async fn show_chosen(
        &self,
        cx: &Context,
        query: &PageQuery,
        page: &mut Filling,
        (category, bucket): (&str, i64),
        mut ids: Vec<Uuid>,
        sink: &mut dyn ProductSink,
    ) -> Result<bool, DaoError> {
        while !ids.is_empty() {
            let want = page.want().max(CHOSEN_AT_LEAST);
            let result = self.database.run(cx, &self.chosen, &(category, bucket, &ids, want)).await?;
            page.receipt = Some(self.database.receipt(cx, &result));
            let rows = result.into_rows_result().map_err(broken)?;
            let mut last = None;
            for row in rows.rows::<ListedRow<'_>>().map_err(broken)? {
                let ListedRow(Some(mut product)) = row.map_err(broken)? else { continue };
                product.category = Some(category);
                last = Some(product.id);
                if !query.filter.admits(&product) {
                    continue;
                }
                if page.shown == page.limit {
                    return Ok(true);
                }
                page.shown += 1;
                page.last = Some(Position { bucket, id: product.id });
                sink.product(product);
            }
            // Rows that were not admitted may have kept others out of the answer.
            let all = i32::try_from(rows.rows_num()).unwrap_or(i32::MAX) < want;
            let Some(last) = last.filter(|_| !all) else { return Ok(false) };
            ids.retain(|id| *id < last);
        }
        Ok(false)
    }

    /// Ids after a position whose listed name is meant, as many as the page may look at, and how far that has come.
    async fn candidates(
        &self,
        cx: &Context,
        named: &Named,
        Position { bucket, id }: Position,
        page: &mut Filling,
    ) -> Result<(Vec<Uuid>, Looked), DaoError> {
        let values = (named.key(), bucket, id, i32::try_from(page.room()).unwrap_or(i32::MAX));
        let result = self.database.run(cx, self.rows_of(named), &values).await?;
        let (found, read) = candidates(result, named)?;
        page.partitions += 1;
        // An empty partition was looked at, too.
        page.looked_at += read.count.max(1);
        Ok((found, read))
    }

    /// Reads the truth about candidates in their order and shows those that the filter admits.
    #[expect(clippy::too_many_arguments, reason = "the page under construction and its sink")]
    async fn show(
        &self,
        cx: &Context,
        truth: &impl Truth,
        filter: &Filter,
        page: &mut Filling,
        bucket: i64,
        found: Vec<Uuid>,
        sink: &mut dyn ProductSink,
    ) -> Result<Shown, DaoError> {
        let read = |id| async move { (id, truth.read(cx, id).await) };
        let mut products = pin!(stream::iter(found).map(read).buffered(READ_AT_ONCE));
        let mut upto = None;
        loop {
            let (id, read) = match next(cx, upto, &mut products).await {
                Next::Row(row) => row,
                Next::Enough(id) => return Ok(Shown::UpTo(id)),
                Next::End => return Ok(Shown::All),
            };
            let (product, receipt) = read?;
            page.receipt = Some(receipt);
            let admitted = product.filter(|product| filter.admits(&product.borrowed()));
            if let Some(product) = admitted {
                if page.shown == page.limit {
                    return Ok(Shown::Full);
                }
                page.shown += 1;
                page.last = Some(Position { bucket, id: product.id });
                sink.product(product.borrowed());
            }
            upto = Some(id);
        }
    }

    const fn rows_of(&self, named: &Named) -> &Statement {
        match named {
            Named::Prefix(_) => &self.by_prefix,
            Named::Words(_) => &self.by_word,
        }
    }

    const fn buckets_of(&self, named: &Named) -> &Statement {
        match named {
            Named::Prefix(_) => &self.prefix_buckets,
            Named::Words(_) => &self.word_buckets,
        }
    }

    async fn buckets(&self, cx: &Context, statement: &Statement, key: &str, upto: i64) -> Result<Begins, DaoError> {
        // One more than can be read, so that a page which ends at the bound knows of the rest.
        let most = i32::try_from(MAX_PARTITIONS + 1).unwrap_or(i32::MAX);
        let result = self.database.run(cx, statement, &(key, upto, most)).await?;
        let receipt = self.database.receipt(cx, &result);
        let rows = result.into_rows_result().map_err(broken)?;
        let mut begins = Vec::with_capacity(rows.rows_num());
        for row in rows.rows::<(i64,)>().map_err(broken)? {
            begins.push(row.map_err(broken)?.0);
        }
        Ok(Begins { begins, receipt })
    }
}

/// What is asked of a name, in the form of its lists.
pub enum Named {
    Prefix(String),
    Words(Vec<String>),
}

impl Named {
    /// By what of the name a filter is looked up, if it is.
    pub fn of(filter: &Filter) -> Option<Self> {
        let prefix = filter.name_prefix.as_deref().map(|prefix| Self::Prefix(fold_name(prefix)));
        prefix.or_else(|| filter.words.as_deref().map(|words| Self::Words(words_of(words))))
    }

    /// Which list is read: of several words that of the longest, which most often is the shortest list. Empty where no
    /// name is meant.
    pub fn key(&self) -> &str {
        match self {
            Self::Prefix(folded) => prefixes_of(folded).last().copied().unwrap_or_default(),
            // Of equal ones the last; the same for each page.
            Self::Words(words) => words.iter().max_by_key(|word| word.len()).map_or("", String::as_str),
        }
    }

    /// Whether a row means it that lists this of a name.
    fn is(&self, listed: &str) -> bool {
        match self {
            Self::Prefix(folded) => listed.starts_with(folded),
            Self::Words(words) => {
                let listed: Vec<String> = listed.split(' ').map(str::to_owned).collect();
                has_words(&listed, words)
            }
        }
    }
}

/// Shows products of an answer; `category` stands where the rows leave it out.
fn show(
    rows: &QueryRowsResult,
    room: usize,
    category: Option<&str>,
    sink: &mut dyn ProductSink,
) -> Result<Taken, DaoError> {
    let mut taken = Taken::default();
    for row in rows.rows::<ListedRow<'_>>().map_err(broken)? {
        let ListedRow(Some(mut product)) = row.map_err(broken)? else {
            continue;
        };
        if category.is_some() {
            product.category = category;
        }
        if !taken.take(room, product.id) {
            break;
        }
        sink.product(product);
    }
    Ok(taken)
}

/// How far the candidates of one statement were shown.
enum Shown {
    All,
    /// The page is full and there is more.
    Full,
    /// There was no time for those after this one.
    UpTo(Uuid),
}

struct Begins {
    begins: Vec<i64>,
    receipt: Receipt,
}

/// Buckets of two lists, newest first, as far as both are known.
#[derive(Debug, PartialEq, Eq)]
struct Common {
    begins: Vec<i64>,
    /// Where at least one of them was not read to its end: from here on nothing is known.
    goes_on_before: Option<i64>,
}

/// What two lists have in common. One that has more buckets than are read at once ends before its last.
fn common(one: &[i64], other: &[i64]) -> Common {
    let cut = |begins: &[i64]| begins.last().copied().filter(|_| begins.len() > MAX_PARTITIONS);
    let unknown = cut(one).max(cut(other));
    let known = |bucket: &&i64| unknown.is_none_or(|unknown| **bucket > unknown);
    let begins = one.iter().filter(known).filter(|bucket| other.contains(bucket)).copied().collect();
    Common { begins, goes_on_before: unknown }
}

struct Looked {
    count: usize,
    last: Option<Uuid>,
}

/// Ids whose listed name is meant, and how far the statement looked.
fn candidates(result: QueryResult, named: &Named) -> Result<(Vec<Uuid>, Looked), DaoError> {
    let rows = result.into_rows_result().map_err(broken)?;
    let mut found = Vec::new();
    let mut looked = Looked { count: 0, last: None };
    for row in rows.rows::<(Uuid, Option<&str>)>().map_err(broken)? {
        let (id, name) = row.map_err(broken)?;
        looked.count += 1;
        looked.last = Some(id);
        if name.is_some_and(|name| named.is(name)) {
            found.push(id);
        }
    }
    Ok((found, looked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_lists_the_common_buckets_are_walked_as_far_as_both_are_known() {
        let whole = |begins: &[i64]| Common { begins: begins.to_vec(), goes_on_before: None };
        assert_eq!(common(&[9, 7, 5, 1], &[8, 7, 1, 0]), whole(&[7, 1]));
        assert_eq!(common(&[9], &[]), whole(&[]));
        // 33 of a list that may go on: 100 down to 68.
        let many: Vec<i64> = (68..=100).rev().collect();
        assert_eq!(many.len(), MAX_PARTITIONS + 1);
        assert_eq!(common(&many, &[100, 70, 68, 5]), Common { begins: vec![100, 70], goes_on_before: Some(68) });
        assert_eq!(common(&[3], &many), Common { begins: vec![], goes_on_before: Some(68) });
    }
}
