//! One product at a time: created once, changed only from what was read, gone when removed.

use uuid::Uuid;

use super::{cx, product, unique};
use crate::dao::Daos;
use crate::dao::price::Price;
use crate::dao::products::{Filter, Inserted, LOOKED_AT_MAX, PageQuery, Product, Removed, Replaced};

pub async fn hold(daos: &Daos) {
    what_is_inserted_is_read_back_exactly(daos).await;
    some_are_found_by_their_ids(daos).await;
    the_same_operation_inserts_once(daos).await;
    a_sku_belongs_to_one_product(daos).await;
    many_inserts_of_one_sku_make_one_product(daos).await;
    a_change_needs_the_version_that_was_read(daos).await;
    the_same_operation_changes_once(daos).await;
    a_changed_sku_frees_the_old_one(daos).await;
    a_removed_product_is_gone_and_its_sku_free(daos).await;
    of_many_changes_of_one_version_one_is_done(daos).await;
    an_archived_product_is_found_by_its_id_alone_and_its_sku_is_free(daos).await;
    a_restored_product_is_in_the_lists_again_with_its_sku(daos).await;
    of_a_restoration_and_a_creation_with_the_sku_one_is_done(daos).await;
}

pub async fn find(daos: &Daos, id: Uuid) -> Option<Product> {
    let mut found = Vec::new();
    daos.products.find(&cx(), id, &mut found).await.unwrap();
    found.pop()
}

pub async fn insert(daos: &Daos, product: &Product) {
    let done = daos.products.insert(&cx(), product, Uuid::new_v4()).await;
    assert!(matches!(done, Ok(Inserted::Done(_))), "{done:?}");
}

async fn what_is_inserted_is_read_back_exactly(daos: &Daos) {
    let mut product = product("Crème brûlée 🍮 \"to go\"");
    product.price = Price::new(9_999_999_999, 2).unwrap();
    product.description = Some("two\nlines\tand a tab".into());
    insert(daos, &product).await;
    assert_eq!(find(daos, product.id).await.as_ref(), Some(&product));
    let stored = daos.products.load(&cx(), product.id).await.unwrap().unwrap();
    assert_eq!(stored.product, product);
    assert_eq!(find(daos, Uuid::now_v7()).await, None);
    assert_eq!(daos.products.load(&cx(), Uuid::now_v7()).await.unwrap(), None);
}

async fn some_are_found_by_their_ids(daos: &Daos) {
    let products = [product("One"), product("Two"), product("Three")];
    for product in &products {
        insert(daos, product).await;
    }
    let [one, two, _] = &products;
    let found = async |ids: &[Uuid]| {
        let mut found = daos.products.find_many(&cx(), ids).await.unwrap();
        found.sort_by_key(|product| product.id);
        found
    };
    assert_eq!(found(&[two.id, Uuid::now_v7(), one.id]).await, products[..2]);
    assert_eq!(found(&[two.id]).await, products[1..2]);
    assert_eq!(found(&[Uuid::now_v7()]).await, []);
}

async fn the_same_operation_inserts_once(daos: &Daos) {
    let product = product("Once");
    let operation = Uuid::new_v4();
    for _ in 0..3 {
        let done = daos.products.insert(&cx(), &product, operation).await;
        assert!(matches!(done, Ok(Inserted::Done(_))), "{done:?}");
    }
    assert_eq!(find(daos, product.id).await.unwrap().version, 1);
}

async fn a_sku_belongs_to_one_product(daos: &Daos) {
    let first = product("First");
    insert(daos, &first).await;
    let second = Product { sku: first.sku.clone(), ..product("Second") };
    let done = daos.products.insert(&cx(), &second, Uuid::new_v4()).await;
    assert_eq!(done, Ok(Inserted::Taken));
    assert_eq!(find(daos, second.id).await, None);
    let third = product("Third");
    insert(daos, &third).await;
    let stored = daos.products.load(&cx(), third.id).await.unwrap().unwrap();
    let stolen = Product { sku: first.sku.clone(), version: 2, ..third.clone() };
    let done = daos.products.replace(&cx(), &stored, &stolen, Uuid::new_v4()).await;
    assert_eq!(done, Ok(Replaced::Taken));
    assert_eq!(find(daos, third.id).await, Some(third));
}

async fn many_inserts_of_one_sku_make_one_product(daos: &Daos) {
    let sku = unique("race");
    let racers: Vec<Product> =
        (0..8).map(|at| Product { sku: sku.clone(), ..product(&format!("Racer {at}")) }).collect();
    let runs = racers.iter().map(|racer| async {
        let done = daos.products.insert(&cx(), racer, Uuid::new_v4()).await;
        matches!(done.unwrap(), Inserted::Done(_))
    });
    let done = futures::future::join_all(runs).await;
    assert_eq!(done.iter().filter(|done| **done).count(), 1);
    for (racer, done) in racers.iter().zip(done) {
        assert_eq!(find(daos, racer.id).await.is_some(), done);
    }
}

async fn a_change_needs_the_version_that_was_read(daos: &Daos) {
    let before = product("Before");
    insert(daos, &before).await;
    let stored = daos.products.load(&cx(), before.id).await.unwrap().unwrap();
    let after =
        Product { name: "After".into(), brand: None, price: Price::new(5, 1).unwrap(), version: 2, ..before.clone() };
    let done = daos.products.replace(&cx(), &stored, &after, Uuid::new_v4()).await;
    assert!(matches!(done, Ok(Replaced::Done(_))), "{done:?}");
    assert_eq!(find(daos, before.id).await.as_ref(), Some(&after));
    let late = Product { name: "Late".into(), ..after.clone() };
    let done = daos.products.replace(&cx(), &stored, &late, Uuid::new_v4()).await;
    assert_eq!(done, Ok(Replaced::VersionMoved));
    let done = daos.products.remove(&cx(), &stored, Uuid::new_v4()).await;
    assert_eq!(done, Ok(Removed::VersionMoved));
    assert_eq!(find(daos, before.id).await, Some(after));
}

async fn the_same_operation_changes_once(daos: &Daos) {
    let before = product("Before");
    insert(daos, &before).await;
    let stored = daos.products.load(&cx(), before.id).await.unwrap().unwrap();
    let after = Product { name: "After".into(), version: 2, ..before };
    let operation = Uuid::new_v4();
    let first = daos.products.replace(&cx(), &stored, &after, operation).await;
    assert!(matches!(first, Ok(Replaced::Done(_))), "{first:?}");
    let again = daos.products.load(&cx(), after.id).await.unwrap().unwrap();
    assert_eq!(again.product, after);
    assert_eq!(again.marks.operations.first(), Some(&operation));
}

async fn a_changed_sku_frees_the_old_one(daos: &Daos) {
    let before = product("Moves");
    insert(daos, &before).await;
    let stored = daos.products.load(&cx(), before.id).await.unwrap().unwrap();
    let after = Product { sku: unique("moved"), version: 2, ..before.clone() };
    let done = daos.products.replace(&cx(), &stored, &after, Uuid::new_v4()).await;
    assert!(matches!(done, Ok(Replaced::Done(_))), "{done:?}");
    let heir = Product { sku: before.sku.clone(), ..product("Heir") };
    insert(daos, &heir).await;
    let thief = Product { sku: after.sku.clone(), ..product("Thief") };
    let done = daos.products.insert(&cx(), &thief, Uuid::new_v4()).await;
    assert_eq!(done, Ok(Inserted::Taken));
}

async fn a_removed_product_is_gone_and_its_sku_free(daos: &Daos) {
    let gone = product("Gone");
    insert(daos, &gone).await;
    let stored = daos.products.load(&cx(), gone.id).await.unwrap().unwrap();
    let done = daos.products.remove(&cx(), &stored, Uuid::new_v4()).await;
    assert!(matches!(done, Ok(Removed::Done(_))), "{done:?}");
    assert_eq!(find(daos, gone.id).await, None);
    let done = daos.products.remove(&cx(), &stored, Uuid::new_v4()).await;
    assert_eq!(done, Ok(Removed::VersionMoved));
    let heir = Product { sku: gone.sku, ..product("Heir") };
    insert(daos, &heir).await;
}

async fn of_many_changes_of_one_version_one_is_done(daos: &Daos) {
    let before = product("Contended");
    insert(daos, &before).await;
    let stored = daos.products.load(&cx(), before.id).await.unwrap().unwrap();
    let runs = (0..8).map(|at| {
        let after = Product { name: format!("Writer {at}"), version: 2, ..before.clone() };
        let stored = &stored;
        async move {
            let operation = Uuid::new_v4();
            let done = daos.products.replace(&cx(), stored, &after, operation).await;
            matches!(done.unwrap(), Replaced::Done(_)).then_some(after.name)
        }
    });
    let done = futures::future::join_all(runs).await;
    let winners: Vec<String> = done.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(find(daos, before.id).await.unwrap().name, winners[0]);
}

async fn an_archived_product_is_found_by_its_id_alone_and_its_sku_is_free(daos: &Daos) {
    let kind = unique("kind");
    let before = Product { category: Some(kind.clone()), ..product(&kind) };
    insert(daos, &before).await;
    let stored = daos.products.load(&cx(), before.id).await.unwrap().unwrap();
    let archived = Product { version: 2, archived_at: Some(before.updated_at + 7), ..before.clone() };
    let done = daos.products.replace(&cx(), &stored, &archived, Uuid::new_v4()).await;
    assert!(matches!(done, Ok(Replaced::Done(_))), "{done:?}");
    assert_eq!(find(daos, before.id).await.as_ref(), Some(&archived));
    assert_eq!(daos.products.load(&cx(), before.id).await.unwrap().unwrap().product, archived);
    let heir = Product { category: Some(kind.clone()), sku: before.sku.clone(), ..product(&kind) };
    insert(daos, &heir).await;
    for filter in [
        Filter { category: Some(kind.clone()), ..Filter::default() },
        Filter { name_prefix: Some(kind.clone()), ..Filter::default() },
        Filter { sku: Some(before.sku.clone()), ..Filter::default() },
    ] {
        assert_eq!(super::lists::all(daos, filter, 10).await, std::slice::from_ref(&heir));
    }
    let query = PageQuery { filter: Filter::default(), limit: 5, after: None, look_at: LOOKED_AT_MAX };
    let mut page = Vec::new();
    daos.products.page(&cx(), &query, &mut page).await.unwrap();
    assert!(page.iter().all(|product| product.id != before.id));
}

/// The same product a version later, archived or not.
async fn moved(daos: &Daos, id: Uuid, archived: bool) -> Replaced {
    let stored = daos.products.load(&cx(), id).await.unwrap().unwrap();
    let (version, at) = (stored.product.version + 1, stored.product.updated_at + 1);
    let after = Product { version, updated_at: at, archived_at: archived.then_some(at), ..stored.product.clone() };
    daos.products.replace(&cx(), &stored, &after, Uuid::new_v4()).await.unwrap()
}

async fn archived(daos: &Daos) -> Vec<Product> {
    super::lists::all(daos, Filter { archived: true, ..Filter::default() }, 50).await
}

async fn a_restored_product_is_in_the_lists_again_with_its_sku(daos: &Daos) {
    let kind = unique("back");
    let first = Product { category: Some(kind.clone()), ..product(&kind) };
    insert(daos, &first).await;
    // Twice: what takes it out of a list must not outlive what puts it there again.
    for round in 0..2 {
        assert!(matches!(moved(daos, first.id, true).await, Replaced::Done(_)));
        let away = find(daos, first.id).await.unwrap();
        assert!(away.archived_at.is_some() && archived(daos).await.contains(&away), "round {round}");
        assert!(matches!(moved(daos, first.id, false).await, Replaced::Done(_)));
        let back = find(daos, first.id).await.unwrap();
        assert_eq!((back.archived_at, back.version), (None, 3 + 2 * round));
        for filter in [
            Filter { category: Some(kind.clone()), ..Filter::default() },
            Filter { name_prefix: Some(kind.clone()), ..Filter::default() },
            Filter { sku: Some(first.sku.clone()), ..Filter::default() },
        ] {
            assert_eq!(super::lists::all(daos, filter, 10).await, std::slice::from_ref(&back), "round {round}");
        }
        let query = PageQuery { filter: Filter::default(), limit: 20, after: None, look_at: LOOKED_AT_MAX };
        let mut page = Vec::new();
        daos.products.page(&cx(), &query, &mut page).await.unwrap();
        assert!(page.contains(&back), "round {round}");
        assert!(archived(daos).await.iter().all(|product| product.id != first.id), "round {round}");
        let thief = Product { sku: first.sku.clone(), ..product("Thief") };
        assert_eq!(daos.products.insert(&cx(), &thief, Uuid::new_v4()).await, Ok(Inserted::Taken));
    }
    assert!(matches!(moved(daos, first.id, true).await, Replaced::Done(_)));
    let stored = daos.products.load(&cx(), first.id).await.unwrap().unwrap();
    assert!(matches!(daos.products.remove(&cx(), &stored, Uuid::new_v4()).await, Ok(Removed::Done(_))));
    assert!(archived(daos).await.iter().all(|product| product.id != first.id), "it is gone for good");
}

async fn of_a_restoration_and_a_creation_with_the_sku_one_is_done(daos: &Daos) {
    let first = product("First");
    insert(daos, &first).await;
    assert!(matches!(moved(daos, first.id, true).await, Replaced::Done(_)));
    let heir = Product { sku: first.sku.clone(), ..product("Heir") };
    let cx = cx();
    let (back, made) = tokio::join!(moved(daos, first.id, false), daos.products.insert(&cx, &heir, Uuid::new_v4()));
    let (back, made) = (matches!(back, Replaced::Done(_)), matches!(made.unwrap(), Inserted::Done(_)));
    assert!(!(back && made), "one sku has one product");
    if !back && !made {
        return;
    }
    let holders = super::lists::all(daos, Filter { sku: Some(first.sku.clone()), ..Filter::default() }, 10).await;
    assert_eq!(holders.iter().map(|holder| holder.id).collect::<Vec<_>>(), [if back { first.id } else { heir.id }]);
    if made {
        assert_eq!(moved(daos, first.id, false).await, Replaced::Taken);
    }
}
