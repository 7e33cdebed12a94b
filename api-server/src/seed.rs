//! A demo catalogue, so that a new shop has something to show: the same rows for the same seed, made
//! by the same use cases as requests make them. Rows that are there are left as they are, so a run
//! that broke off is simply repeated.

use std::time::Duration;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::app::Services;
use crate::models::precondition::Condition;
use crate::models::{Context, Identity, ModelError, Price, PriceError, Product, User, Violation, product, user};

/// What to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Another seed makes other rows beside those of the first.
    pub seed: u64,
    pub products: u32,
    pub users: u32,
}

/// Rows that were made; the others were there already, were removed from the store since, or have a
/// sku or an address that another row has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sown {
    pub products: usize,
    pub stocks: usize,
    pub users: usize,
}

/// Rows made at the same time.
const AT_ONCE: usize = 8;
/// Deadline of one row.
const DEADLINE: Duration = Duration::from_secs(10);
/// Units of a product at most, and one more.
const STOCK_MAX: usize = 200;
/// When the first row was made, as its id tells: 2025-01-01. Later rows follow by the second.
const FIRST_SECOND: u64 = 1_735_689_600;

/// Kinds of things: category, prices in cents from … to, names.
const KINDS: [(&str, i64, i64, [&str; 6]); 6] = [
    ("tea", 390, 1490, ["Green tea", "Black tea", "Oolong", "Mint tea", "White tea", "Rooibos"]),
    ("coffee", 690, 2490, ["Espresso beans", "Filter coffee", "Decaf beans", "Cold brew", "Mocha", "Coffee pods"]),
    ("kitchen", 490, 8900, ["Teapot", "Mug", "Chopping board", "Carafe", "Paring knife", "Mixing bowl"]),
    ("lighting", 1290, 19_900, ["Desk lamp", "Floor lamp", "String lights", "Night light", "Lantern", "Pendant"]),
    ("stationery", 90, 3900, ["Notebook", "Fountain pen", "Pencil set", "Stapler", "Paper clips", "Calendar"]),
    ("garden", 250, 5900, ["Watering can", "Herb seeds", "Trowel", "Planter", "Gloves", "Bird feeder"]),
];
const BRANDS: [&str; 6] = ["Hillside", "Nordwind", "Casa Verde", "Blue Door", "Old Mill", "Kestrel"];
const FIRST_NAMES: [&str; 12] =
    ["Ana", "Björn", "Chidi", "Dana", "Emre", "Fatima", "Goran", "Hana", "Ines", "Jonas", "Kemal", "Lucía"];
const LAST_NAMES: [&str; 12] = [
    "Adeyemi",
    "Bauer",
    "Costa",
    "Dimitrova",
    "Eriksen",
    "Fischer",
    "García",
    "Horvat",
    "Ito",
    "Jensen",
    "Kaya",
    "Lind",
];

/// Choices that follow from seed, kind and number alone.
struct Dice([u8; 32]);

impl Dice {
    fn new(plan: &Plan, kind: &str, number: u32) -> Self {
        Self(Sha256::digest(format!("{} {kind} {number}", plan.seed)).into())
    }

    fn pick(&self, at: usize, of: usize) -> usize {
        usize::from(u16::from_be_bytes([self.0[2 * at], self.0[2 * at + 1]])) % of.max(1)
    }

    /// An id of the time of `number`, and the operation that makes it.
    fn identity(&self, number: u32) -> Identity {
        let mut random = [0_u8; 10];
        random.copy_from_slice(&self.0[22..]);
        let resource = uuid::Builder::from_unix_timestamp_millis((FIRST_SECOND + u64::from(number)) * 1000, &random);
        let operation = uuid::Builder::from_random_bytes(std::array::from_fn(|at| self.0[at])).into_uuid();
        Identity { operation, resource: resource.into_uuid(), fresh: false, alone: false }
    }
}

/// The product of a number.
fn product_of(plan: &Plan, number: u32) -> Result<(Identity, product::Draft), ModelError> {
    let dice = Dice::new(plan, "product", number);
    let (category, from, to, names) = KINDS[dice.pick(0, KINDS.len())];
    let brand = BRANDS[dice.pick(1, BRANDS.len())];
    let cents = from + i64::try_from(dice.pick(2, usize::try_from(to - from).unwrap_or(1))).unwrap_or(0) / 10 * 10;
    let draft = product::Draft {
        sku: format!("DEMO-{}-{number:05}", plan.seed),
        name: format!("{} {brand} No. {number}", names[dice.pick(3, names.len())]),
        price: Price::new(cents, 2).map_err(|error| wrong_price(&error))?,
        brand: Some(brand.to_owned()),
        low_stock: None,
        description: None,
        category: Some(category.to_owned()),
    };
    Ok((dice.identity(number), draft))
}

fn wrong_price(error: &PriceError) -> ModelError {
    ModelError::Invalid(vec![Violation::new("/price", "out_of_range", error.to_string())])
}

/// The user of a number.
fn user_of(plan: &Plan, number: u32) -> (Identity, user::Draft) {
    let dice = Dice::new(plan, "user", number);
    let (first, last) = (FIRST_NAMES[dice.pick(0, FIRST_NAMES.len())], LAST_NAMES[dice.pick(1, LAST_NAMES.len())]);
    // A domain that belongs to nobody (RFC 2606).
    let draft =
        user::Draft { name: format!("{first} {last}"), email: format!("demo-{}-{number:05}@example.org", plan.seed) };
    (dice.identity(number), draft)
}

/// The first stock of a product, and the operation that sets it.
fn stock_of(plan: &Plan, number: u32) -> (Identity, i64) {
    let dice = Dice::new(plan, "stock", number);
    (dice.identity(number), i64::try_from(dice.pick(0, STOCK_MAX)).unwrap_or(0))
}

/// Makes what is not there yet.
pub async fn sow(services: &Services, plan: &Plan) -> Result<Sown, ModelError> {
    let products = each(plan.products, |number| async move {
        let (identity, draft) = product_of(plan, number)?;
        let cx = Context::within(DEADLINE);
        Ok(find_product(services, &cx, identity.resource).await?.is_none()
            && made(services.products.create(&cx, draft, identity).await)?)
    });
    let products = products.await?;
    let stocks = each(plan.products, |number| async move {
        let product = product_of(plan, number)?.0.resource;
        let (identity, quantity) = stock_of(plan, number);
        let cx = Context::within(DEADLINE);
        let sold_still = find_product(services, &cx, product).await?.is_some_and(|found| found.archived_at.is_none());
        let has_none = services.stocks.find(&cx, product).await?.0.is_none();
        Ok(sold_still
            && has_none
            && made(services.stocks.set(&cx, product, quantity, Condition::default(), identity).await)?)
    });
    let stocks = stocks.await?;
    let users = each(plan.users, |number| async move {
        let (identity, draft) = user_of(plan, number);
        let cx = Context::within(DEADLINE);
        let mut found: Vec<User> = Vec::new();
        services.users.find(&cx, identity.resource, &mut found).await?;
        Ok(found.is_empty() && made(services.users.create(&cx, draft, identity).await)?)
    });
    Ok(Sown { products, stocks, users: users.await? })
}

async fn find_product(services: &Services, cx: &Context, id: Uuid) -> Result<Option<Product>, ModelError> {
    let mut found: Vec<Product> = Vec::with_capacity(1);
    services.products.find(cx, id, &mut found).await?;
    Ok(found.pop())
}

/// Some rows at once; oldest first, so that the list begins with the last.
async fn each<F>(count: u32, make: impl Fn(u32) -> F) -> Result<usize, ModelError>
where
    F: Future<Output = Result<bool, ModelError>>,
{
    let rows = stream::iter(1..=count).map(make).buffered(AT_ONCE);
    rows.try_fold(0, |made, new| std::future::ready(Ok(made + usize::from(new)))).await
}

fn made<T>(created: Result<T, ModelError>) -> Result<bool, ModelError> {
    match created {
        Ok(_) => Ok(true),
        Err(ModelError::Conflict(_) | ModelError::Busy(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::dao::memory;
    use crate::models::clock::Clock;
    use crate::models::cursor::CursorKey;
    use crate::models::figures::Figures;
    use crate::models::text::Text;

    const PLAN: Plan = Plan { seed: 7, products: 60, users: 25 };

    #[tokio::test]
    async fn a_second_run_makes_nothing_and_brings_nobody_back() {
        let services = Services::new(
            memory::daos(),
            &CursorKey::new(b"0123456789abcdef"),
            0,
            None,
            Figures::unseen(),
            Clock::default(),
        );
        let all = Sown { products: 60, stocks: 60, users: 25 };
        assert_eq!(sow(&services, &PLAN).await.unwrap(), all);
        let cx = Context::within(DEADLINE);
        services.users.erase(&cx, user_of(&PLAN, 3).0.resource, &Condition::default()).await.unwrap();
        let product = product_of(&PLAN, 5).unwrap().0.resource;
        let sold_out = services.stocks.set(&cx, product, 0, Condition::default(), Identity::generate()).await;
        assert_eq!(sold_out.unwrap().0.version, 2);
        assert_eq!(sow(&services, &PLAN).await.unwrap(), Sown::default());
        assert_eq!(services.stocks.find(&cx, product).await.unwrap().0.unwrap().quantity, 0, "not filled up again");
        assert_eq!(sow(&services, &Plan { seed: 8, ..PLAN }).await.unwrap(), all, "beside the first");
    }

    #[test]
    fn every_row_keeps_the_rules_and_has_its_own_id_sku_and_address() {
        let plan = Plan { seed: u64::MAX, ..PLAN };
        let (mut ids, mut words) = (BTreeSet::new(), BTreeSet::new());
        for number in 1..=2000 {
            let (identity, draft) = product_of(&plan, number).unwrap();
            assert_eq!(product_of(&plan, number).unwrap(), (identity, draft.clone()), "the same every time");
            assert_eq!(Text::Name.read(&draft.name, product::NAME_MAX).as_ref(), Ok(&draft.name));
            assert_eq!(Text::Identifier.read(&draft.sku, product::SKU_MAX).as_ref(), Ok(&draft.sku));
            assert_eq!(identity.created_ms(0), i64::try_from(FIRST_SECOND).unwrap() * 1000 + i64::from(number) * 1000);
            let (person, user) = user_of(&plan, number);
            assert_eq!(user::read_email(&user.email, user::EMAIL_MAX).as_ref(), Ok(&user.email));
            ids.extend([identity.resource, person.resource, identity.operation, person.operation]);
            words.extend([draft.sku, user.email]);
        }
        assert_eq!((ids.len(), words.len()), (8000, 4000));
        assert!(ids.iter().all(|id: &Uuid| matches!(id.get_version_num(), 4 | 7)));
    }
}
