//! A demo catalogue, so that a new shop has something to show: the same rows for the same seed, made
//! by the same use cases as requests make them. Rows that are there are left as they are, so a run
//! that broke off is simply repeated.

use std::time::Duration;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use sha2::{Digest, Sha256};

use crate::models::products::Products;
use crate::models::users::Users;
use crate::models::{Context, Identity, ModelError, Price, PriceError, Product, User, Violation, product, user};

/// What to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Another seed makes other rows beside those of the first.
    pub seed: u64,
    pub products: u32,
    pub users: u32,
}

/// What was found and made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seeded {
    pub made: usize,
    /// There already, removed from the store since, or with a sku or an address that another row has.
    pub left: usize,
}

/// Rows made at the same time.
const AT_ONCE: usize = 8;
/// Deadline of one row.
const DEADLINE: Duration = Duration::from_secs(10);
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
        Identity { operation, resource: resource.into_uuid() }
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

/// Makes what is not there yet.
pub async fn sow(products: &Products, users: &Users, plan: &Plan) -> Result<(Seeded, Seeded), ModelError> {
    let sown_products = each(plan.products, |number| async move {
        let (identity, draft) = product_of(plan, number)?;
        let cx = Context::within(DEADLINE);
        let mut found: Vec<Product> = Vec::new();
        products.find(&cx, identity.resource, &mut found).await?;
        Ok(found.is_empty() && made(products.create(&cx, draft, identity).await)?)
    });
    let sown_products = sown_products.await?;
    let sown_users = each(plan.users, |number| async move {
        let (identity, draft) = user_of(plan, number);
        let cx = Context::within(DEADLINE);
        let mut found: Vec<User> = Vec::new();
        users.find(&cx, identity.resource, &mut found).await?;
        Ok(found.is_empty() && made(users.create(&cx, draft, identity).await)?)
    });
    Ok((sown_products, sown_users.await?))
}

/// Some rows at once; oldest first, so that the list begins with the last.
async fn each<F>(count: u32, make: impl Fn(u32) -> F) -> Result<Seeded, ModelError>
where
    F: Future<Output = Result<bool, ModelError>>,
{
    let rows = stream::iter(1..=count).map(make).buffered(AT_ONCE);
    let made = rows.try_fold(0, |made, new| std::future::ready(Ok(made + usize::from(new)))).await?;
    Ok(Seeded { made, left: usize::try_from(count).unwrap_or(usize::MAX).saturating_sub(made) })
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

    use uuid::Uuid;

    use super::*;
    use crate::dao::memory;
    use crate::models::cursor::CursorKey;
    use crate::models::precondition::Tags;
    use crate::models::product::check_line;

    const PLAN: Plan = Plan { seed: 7, products: 60, users: 25 };

    fn store() -> (Products, Users) {
        let (daos, key) = (memory::daos(), CursorKey::new(b"0123456789abcdef"));
        (Products::new(daos.products, daos.ledger, key.clone()), Users::new(daos.users, key))
    }

    #[tokio::test]
    async fn a_second_run_makes_nothing_and_brings_nobody_back() {
        let (products, users) = store();
        let (all, none) = (Seeded { made: 60, left: 0 }, Seeded { made: 0, left: 60 });
        assert_eq!(sow(&products, &users, &PLAN).await.unwrap(), (all, Seeded { made: 25, left: 0 }));
        let gone = user_of(&PLAN, 3).0.resource;
        let cx = Context::within(DEADLINE);
        users.erase(&cx, gone, &Tags::Any).await.unwrap();
        assert_eq!(sow(&products, &users, &PLAN).await.unwrap(), (none, Seeded { made: 0, left: 25 }));
        let other = Plan { seed: 8, ..PLAN };
        assert_eq!(sow(&products, &users, &other).await.unwrap().0, all, "beside the first");
    }

    #[test]
    fn every_row_keeps_the_rules_and_has_its_own_id_sku_and_address() {
        let plan = Plan { seed: u64::MAX, ..PLAN };
        let (mut ids, mut words) = (BTreeSet::new(), BTreeSet::new());
        for number in 1..=2000 {
            let (identity, draft) = product_of(&plan, number).unwrap();
            assert_eq!(product_of(&plan, number).unwrap(), (identity, draft.clone()), "the same every time");
            assert_eq!(check_line(&draft.name, product::NAME_MAX), Ok(()));
            assert_eq!(check_line(&draft.sku, product::SKU_MAX), Ok(()));
            assert_eq!(identity.created_ms(0), i64::try_from(FIRST_SECOND).unwrap() * 1000 + i64::from(number) * 1000);
            let (person, user) = user_of(&plan, number);
            assert_eq!(user::check_email(&user.email, user::EMAIL_MAX), Ok(()));
            ids.extend([identity.resource, person.resource, identity.operation, person.operation]);
            words.extend([draft.sku, user.email]);
        }
        assert_eq!((ids.len(), words.len()), (8000, 4000));
        assert!(ids.iter().all(|id: &Uuid| matches!(id.get_version_num(), 4 | 7)));
    }
}
