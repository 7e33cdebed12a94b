//! The fields of the GraphQL schema that have to be read, through the same use cases as REST. What a
//! field costs is told beside it: some for each row that is read, one for each value shown.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use async_graphql::{ComplexObject, EmptyMutation, EmptySubscription, Error, Object, Result, Schema};
use tokio::sync::Semaphore;

use super::super::request::{self, MAX_LIMIT};
use crate::app::{App, Services};
use crate::models::cursor::PageOf;
use crate::models::product as rules;
use crate::models::text::{Read, Text};
use crate::models::{Context, Filter, LOOKED_AT_MAX, ModelError, Product, Receipt};
use crate::problem::Problem;
use crate::route::Route;
use crate::views::graphql::fields::{For, failed};
use crate::views::graphql::{Id, MovementPage, ProductObject, ProductPage, StockLevelPage, StockObject};

/// What a query may cost: a page of 100 products with everything that is known of each.
pub const COST_MAX: usize = 3000;
/// What reading one row costs.
const READ: usize = 10;
/// Directives of one place.
const DIRECTIVES_MAX: usize = 4;
/// Reads that one query has under way at once.
const READ_AT_ONCE: usize = 16;

/// The schema of the store's stock.
pub type Store = Schema<Root, EmptyMutation, EmptySubscription>;

/// The schema; depth and fields are bounded before it sees a query.
pub static SCHEMA: LazyLock<Store> = LazyLock::new(|| {
    Schema::build(Root, EmptyMutation, EmptySubscription)
        .limit_complexity(COST_MAX)
        .limit_directives(DIRECTIVES_MAX)
        .finish()
});

/// What one query reads with.
pub struct Reads {
    app: Arc<App>,
    cx: Context,
    turns: Semaphore,
    /// How the database answered so far.
    told: Mutex<Option<Receipt>>,
    /// Rows and partitions that lists of the query may still look at; one of them looks at a time.
    look_at: tokio::sync::Mutex<usize>,
}

impl Reads {
    /// Reads in the context of one request.
    pub fn new(app: Arc<App>, cx: Context) -> Self {
        Self {
            app,
            cx: cx.of_many(),
            turns: Semaphore::new(READ_AT_ONCE),
            told: Mutex::default(),
            look_at: tokio::sync::Mutex::new(LOOKED_AT_MAX),
        }
    }

    /// How the database answered: the read that was traced, or else the last one.
    pub fn receipt(&self) -> Option<Receipt> {
        *self.told()
    }

    fn told(&self) -> MutexGuard<'_, Option<Receipt>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads something when it is its turn.
    async fn read<'a, T, F>(&'a self, read: impl FnOnce(&'a Services, Context) -> F) -> Result<Option<T>>
    where
        F: Future<Output = Result<(T, Receipt), ModelError>>,
    {
        // It is closed never.
        let _turn = self.turns.acquire().await?;
        let services = request::services(&self.app).map_err(failed)?;
        match read(services, self.cx.clone()).await {
            Ok((found, receipt)) => {
                let mut told = self.told();
                if told.is_none_or(|known| known.trace.is_none()) {
                    *told = Some(receipt);
                }
                Ok(Some(found))
            }
            Err(ModelError::NotFound(_)) => Ok(None),
            Err(error) => Err(failed(error.into())),
        }
    }

    /// Reads a page of a list, which may look at what the lists before it have left.
    async fn page<'a, T, F>(
        &'a self,
        read: impl FnOnce(&'a Services, Context, usize) -> F,
    ) -> Result<Option<(T, PageOf)>>
    where
        F: Future<Output = Result<(T, PageOf), ModelError>>,
    {
        let mut left = self.look_at.lock().await;
        let look_at = *left;
        let found = self.read(async |services, cx| {
            let (rows, page) = read(services, cx, look_at).await?;
            let receipt = page.receipt;
            Ok(((rows, page), receipt))
        });
        let found = found.await;
        *left -= match &found {
            Ok(page) => page.as_ref().map_or(0, |(_, page)| page.looked_at).min(look_at),
            // What the database has looked at before it failed is not known.
            Err(error) if is_of_database(error) => look_at,
            Err(_) => 0,
        };
        found
    }

    async fn product(&self, id: Id) -> Result<Option<ProductObject>> {
        let found = self.read(async |services: &Services, cx| {
            let mut found: Vec<Product> = Vec::with_capacity(1);
            let receipt = services.products.find(&cx, id.0, &mut found).await?;
            Ok((found.pop(), receipt))
        });
        Ok(found.await?.flatten().map(ProductObject::from))
    }

    async fn stock(&self, product: Id) -> Result<Option<StockObject>> {
        let found = self.read(async |services: &Services, cx| services.stocks.find(&cx, product.0).await);
        Ok(found.await?.flatten().map(|balance| StockObject::new(product.0, &balance)))
    }
}

/// Whether a field failed after the database was asked.
fn is_of_database(error: &Error) -> bool {
    let problem = error.source.as_ref().and_then(|source| source.downcast_ref::<Problem>());
    problem.is_some_and(|problem| problem.status.is_server_error())
}

/// The rows of a page, within their bounds.
fn limit(first: i32) -> Result<usize> {
    usize::try_from(first).ok().filter(|limit| (1..=MAX_LIMIT).contains(limit)).ok_or_else(|| {
        let detail = format!("first is a whole number from 1 to {MAX_LIMIT}");
        failed(Problem::malformed_at("first", "out_of_range", detail))
    })
}

fn checked(name: &'static str, text: Option<String>, read: impl Fn(&str) -> Read) -> Result<Option<String>> {
    let read = text.as_deref().map(read).transpose();
    read.map_err(|(code, detail)| failed(Problem::malformed_at(name, code, format!("{name} {detail}"))))
}

/// What a page costs when it is full.
fn page_cost(first: i32, each: usize) -> usize {
    READ + usize::try_from(first).unwrap_or(0).min(MAX_LIMIT) * each
}

/// What a filter adds to that: the rows it may look at without showing them.
const fn filter_cost(looks: bool) -> usize {
    if looks { LOOKED_AT_MAX } else { 0 }
}

/// What can be asked of the store's stock.
pub struct Root;

#[Object(name = "Query")]
impl Root {
    /// A product, archived or not.
    #[graphql(complexity = "READ + child_complexity")]
    async fn product(&self, reads: &async_graphql::Context<'_>, id: Id) -> Result<Option<ProductObject>> {
        reads.data::<Arc<Reads>>()?.product(id).await
    }

    /// What is there of a product; null for one whose stock was never set.
    #[graphql(complexity = "READ + child_complexity")]
    async fn stock_level(&self, reads: &async_graphql::Context<'_>, product_id: Id) -> Result<Option<StockObject>> {
        reads.data::<Arc<Reads>>()?.stock(product_id).await
    }

    /// Products, the newest first; all given conditions hold. The lists of a query look at 250 rows together that they do
    /// not show; a page that would need more ends there, be it empty, and has a next one.
    #[graphql(complexity = "page_cost(first, child_complexity) + filter_cost(name_prefix.is_some())")]
    async fn products(
        &self,
        reads: &async_graphql::Context<'_>,
        #[graphql(default = 50, desc = "Products of the page, 1 to 100.")] first: i32,
        #[graphql(desc = "`endCursor` of the page before.")] after: Option<String>,
        #[graphql(desc = "Exactly this sku.")] sku: Option<String>,
        #[graphql(desc = "Beginning of the name, without regard to case.")] name_prefix: Option<String>,
        #[graphql(desc = "Exactly this category.")] category: Option<String>,
    ) -> Result<Option<ProductPage>> {
        let limit = limit(first)?;
        let filter = Filter {
            sku: checked("sku", sku, |text| Text::Identifier.read(text, rules::SKU_MAX))?,
            name_prefix: checked("namePrefix", name_prefix, |text| Text::Beginning.read(text, rules::NAME_MAX))?,
            category: checked("category", category, |text| Text::Name.read(text, rules::CATEGORY_MAX))?,
            words: None,
            archived: false,
        };
        let page = reads.data::<Arc<Reads>>()?.page(async |services, cx, look_at| {
            let mut rows: Vec<Product> = Vec::with_capacity(limit);
            let page = services.products.page(&cx, filter, (limit, look_at), after.as_deref(), &mut rows).await?;
            Ok((rows, page))
        });
        Ok(page.await?.map(|(rows, page)| ProductPage {
            nodes: rows.into_iter().map(ProductObject::from).collect(),
            page_info: page.into(),
        }))
    }

    /// Stocks, that of the newest product first.
    #[graphql(complexity = "page_cost(first, READ + child_complexity)")]
    async fn stock_levels(
        &self,
        reads: &async_graphql::Context<'_>,
        #[graphql(default = 50, desc = "Products that the page looks at, 1 to 100.")] first: i32,
        #[graphql(desc = "`endCursor` of the page before.")] after: Option<String>,
    ) -> Result<Option<StockLevelPage>> {
        let limit = limit(first)?;
        let page = reads.data::<Arc<Reads>>()?.page(async |services, cx, look_at| {
            services.stocks.page(&cx, "stocks", (limit, look_at), after.as_deref()).await
        });
        Ok(page.await?.map(|(rows, page)| StockLevelPage {
            nodes: rows
                .iter()
                .filter_map(|(product, stock)| Some(StockObject::new(product.id, stock.as_ref()?)))
                .collect(),
            page_info: page.into(),
        }))
    }
}

#[ComplexObject]
impl ProductObject {
    /// What is there of it; null if its stock was never set.
    #[graphql(complexity = "READ + child_complexity")]
    async fn stock_level(&self, reads: &async_graphql::Context<'_>) -> Result<Option<StockObject>> {
        reads.data::<Arc<Reads>>()?.stock(self.id).await
    }
}

#[ComplexObject]
impl StockObject {
    /// Whose stock it is.
    #[graphql(complexity = "READ + child_complexity")]
    async fn product(&self, reads: &async_graphql::Context<'_>) -> Result<Option<ProductObject>> {
        reads.data::<Arc<Reads>>()?.product(self.product_id).await
    }

    /// How it came to be, the newest movement first. For who may read movements in REST.
    #[graphql(complexity = "page_cost(first, child_complexity)", guard = "For(Route::StockMovements)")]
    async fn movements(
        &self,
        reads: &async_graphql::Context<'_>,
        #[graphql(default = 10, desc = "Movements of the page, 1 to 100.")] first: i32,
        #[graphql(desc = "`endCursor` of the page before.")] after: Option<String>,
    ) -> Result<Option<MovementPage>> {
        let limit = limit(first)?;
        let product = self.product_id.0;
        let page = reads
            .data::<Arc<Reads>>()?
            .page(async |services, cx, _| services.stocks.movements(&cx, product, limit, after.as_deref()).await);
        Ok(page.await?.map(|(rows, page)| MovementPage {
            nodes: rows.into_iter().map(Into::into).collect(),
            page_info: page.into(),
        }))
    }
}
