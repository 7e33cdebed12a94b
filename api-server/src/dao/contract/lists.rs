//! Lists: complete, newest first, without repetition, page by page; and what is in them follows
//! every change.

use uuid::Uuid;

use super::products::insert;
use super::{cx, product, unique};
use crate::dao::Context;
use crate::dao::Daos;
use crate::dao::products::{Filter, LOOKED_AT_MAX, PageQuery, Product, Removed, Replaced};

pub async fn hold(daos: &Daos) {
    a_new_product_is_the_first_of_the_list(daos).await;
    pages_of_a_list_show_everything_once_newest_first(daos).await;
    filters_show_what_they_name_and_nothing_else(daos).await;
    a_filter_looks_at_so_many_rows_and_its_list_goes_on_after_them(daos).await;
    lists_follow_every_change(daos).await;
    products_are_found_by_the_words_of_their_names(daos).await;
    the_threshold_of_a_product_is_in_every_list_and_can_be_taken_back(daos).await;
}

fn category(name: &str) -> Filter {
    Filter { category: Some(name.to_owned()), ..Filter::default() }
}

fn prefix(text: &str) -> Filter {
    Filter { name_prefix: Some(text.to_owned()), ..Filter::default() }
}

/// Every product of a list, through pages of `limit`.
pub async fn all(daos: &Daos, filter: Filter, limit: usize) -> Vec<Product> {
    let mut found = Vec::new();
    let mut after = None;
    for _ in 0..1000 {
        let query = PageQuery { filter: filter.clone(), limit, after, look_at: LOOKED_AT_MAX };
        let before = found.len();
        let page = daos.products.page(&cx(), &query, &mut found).await.unwrap();
        assert!(found.len() - before <= limit);
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
    panic!("the list does not end");
}

fn names(products: &[Product]) -> Vec<&str> {
    products.iter().map(|product| product.name.as_str()).collect()
}

async fn a_new_product_is_the_first_of_the_list(daos: &Daos) {
    for _ in 0..3 {
        let product = product("Newest");
        insert(daos, &product).await;
        let query = PageQuery { filter: Filter::default(), limit: 5, after: None, look_at: LOOKED_AT_MAX };
        let mut page = Vec::new();
        daos.products.page(&cx(), &query, &mut page).await.unwrap();
        assert_eq!(page.first(), Some(&product));
    }
}

async fn pages_of_a_list_show_everything_once_newest_first(daos: &Daos) {
    let tea = unique("tea");
    let mut made = Vec::new();
    for at in 0..11 {
        let product = Product { category: Some(tea.clone()), ..product(&format!("{tea} {at:02}")) };
        insert(daos, &product).await;
        made.push(product);
    }
    made.reverse();
    for limit in [1, 3, 10, 11, 12, 100] {
        assert_eq!(all(daos, category(&tea), limit).await, made, "limit {limit}");
        assert_eq!(all(daos, prefix(&tea.to_uppercase()), limit).await, made, "limit {limit}");
    }
    // The list of everything holds them in the same order, among others.
    let query = PageQuery { filter: Filter::default(), limit: 11, after: None, look_at: LOOKED_AT_MAX };
    let mut page = Vec::new();
    let end = daos.products.page(&cx(), &query, &mut page).await.unwrap();
    assert_eq!(page, made);
    assert!(end.next.is_some());
}

async fn filters_show_what_they_name_and_nothing_else(daos: &Daos) {
    let (kind, word) = (unique("kind"), unique("Wörd"));
    let both = Product { category: Some(kind.clone()), ..product(&format!("{word} one")) };
    let other_kind = product(&format!("{word} two"));
    for product in [&both, &other_kind] {
        insert(daos, product).await;
    }
    let only = |products: Vec<Product>| {
        let ids: Vec<Uuid> = products.iter().map(|product| product.id).collect();
        ids
    };
    assert_eq!(only(all(daos, category(&kind), 10).await), [both.id]);
    let folded = word.to_uppercase();
    assert_eq!(only(all(daos, prefix(&folded), 10).await), [other_kind.id, both.id]);
    assert_eq!(only(all(daos, prefix(&format!("{word} T")), 10).await), [other_kind.id]);
    // A sigma is another letter at the end of a word, and a beginning may end anywhere.
    let greek = unique("ΣΟΦΟΣΑ");
    let greek = product(&format!("{greek} ΒΙΒΛΙΟ"));
    insert(daos, &greek).await;
    for begins in [&greek.name[..10], &greek.name[..12], "σοφοσ", "ΣΟΦΟς"] {
        let found = only(all(daos, prefix(begins), 100).await);
        assert!(found.contains(&greek.id), "{begins}");
    }
    let and = Filter { name_prefix: Some(word.clone()), category: Some(kind.clone()), ..Filter::default() };
    assert_eq!(only(all(daos, and, 10).await), [both.id]);
    let sku = Filter { sku: Some(both.sku.clone()), ..Filter::default() };
    assert_eq!(all(daos, sku.clone(), 10).await, std::slice::from_ref(&both));
    let wrong = Filter { category: Some(unique("none")), ..sku };
    assert!(all(daos, wrong, 10).await.is_empty());
    assert!(all(daos, prefix(&unique("nothing")), 10).await.is_empty());
    assert!(all(daos, category(&unique("nothing")), 10).await.is_empty());
}

async fn a_filter_looks_at_so_many_rows_and_its_list_goes_on_after_them(daos: &Daos) {
    let (word, kind) = (unique("word"), unique("kind"));
    let oldest = Product { category: Some(kind.clone()), ..product(&format!("{word} 0")) };
    insert(daos, &oldest).await;
    for at in 1..12 {
        insert(daos, &product(&format!("{word} {at}"))).await;
    }
    let filter = Filter { name_prefix: Some(word), category: Some(kind), ..Filter::default() };
    // Time is up before it begins: it looks at something all the same.
    let late = || Context { enough_at: tokio::time::Instant::now(), ..cx() };
    for (look_at, hurried) in [(5, false), (LOOKED_AT_MAX, true)] {
        let mut found = Vec::new();
        let mut query = PageQuery { filter: filter.clone(), limit: 10, after: None, look_at };
        let mut pages = 0;
        loop {
            let context = if hurried { late() } else { cx() };
            let page = daos.products.page(&context, &query, &mut found).await.unwrap();
            assert!(page.looked_at <= look_at, "{page:?}");
            pages += 1;
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
            assert!(pages < 100, "the list does not end");
        }
        assert_eq!(found, std::slice::from_ref(&oldest), "{look_at}");
        assert!(pages >= 3 || hurried, "{pages} pages of {look_at} rows");
    }
    let query = PageQuery { filter, limit: 10, after: None, look_at: 0 };
    let page = daos.products.page(&cx(), &query, &mut Vec::new()).await.unwrap();
    assert!(page.next.is_some() && page.looked_at == 0, "nothing was looked at, and the list goes on: {page:?}");
}

async fn the_threshold_of_a_product_is_in_every_list_and_can_be_taken_back(daos: &Daos) {
    let kind = unique("low");
    let mut product = Product { category: Some(kind.clone()), low_stock: Some(7), ..product(&kind) };
    insert(daos, &product).await;
    for threshold in [Some(7), Some(1_000_000_000), None, Some(1)] {
        let stored = daos.products.load(&cx(), product.id).await.unwrap().unwrap();
        if stored.product.low_stock != threshold {
            product = Product { low_stock: threshold, version: product.version + 1, ..product };
            let done = daos.products.replace(&cx(), &stored, &product, Uuid::new_v4()).await;
            assert!(matches!(done, Ok(Replaced::Done(_))), "{done:?}");
        }
        assert_eq!(daos.products.find_many(&cx(), &[product.id]).await.unwrap(), std::slice::from_ref(&product));
        for filter in [category(&kind), prefix(&kind)] {
            assert_eq!(all(daos, filter, 10).await, std::slice::from_ref(&product), "{threshold:?}");
        }
        let query = PageQuery { filter: Filter::default(), limit: 1, after: None, look_at: LOOKED_AT_MAX };
        let mut page = Vec::new();
        daos.products.page(&cx(), &query, &mut page).await.unwrap();
        assert_eq!(page, std::slice::from_ref(&product), "{threshold:?}");
    }
}

/// Words that are asked for of a name.
fn words(text: &str) -> Filter {
    Filter { words: Some(text.to_owned()), ..Filter::default() }
}

async fn products_are_found_by_the_words_of_their_names(daos: &Daos) {
    let mark = Uuid::new_v4().simple().to_string();
    let kind = unique("kind");
    let named = |name: &str| Product { category: Some(kind.clone()), ..product(&format!("{name} {mark}")) };
    let (tea, bowl) = (named("Crème-Tea, grün"), named("Tea bowl"));
    let elsewhere = product(&format!("tea tin ({mark})"));
    for product in [&tea, &bowl, &elsewhere] {
        insert(daos, product).await;
    }
    let found = |filter: Filter, limit: usize| async move {
        all(daos, filter, limit).await.into_iter().map(|product| product.id).collect::<Vec<Uuid>>()
    };
    let of = |text: &str| words(&format!("{text} {mark}"));
    for limit in [1, 2, 3, 100] {
        assert_eq!(found(words(&mark.to_uppercase()), limit).await, [elsewhere.id, bowl.id, tea.id], "{limit}");
        assert_eq!(found(of("TEA"), limit).await, [elsewhere.id, bowl.id, tea.id], "{limit}");
        let of_kind = Filter { category: Some(kind.clone()), ..of("tea") };
        assert_eq!(found(of_kind, limit).await, [bowl.id, tea.id], "{limit}");
    }
    assert_eq!(found(of("GRUN creme"), 10).await, [tea.id]);
    assert_eq!(found(Filter { name_prefix: Some("tea".into()), ..of("bowl") }, 10).await, [bowl.id]);
    assert_eq!(found(Filter { sku: Some(bowl.sku.clone()), ..of("tea") }, 10).await, [bowl.id]);
    assert!(found(Filter { sku: Some(bowl.sku.clone()), ..of("tin") }, 10).await.is_empty());
    for none in ["te", "bowl creme", "lamp"] {
        assert!(found(of(none), 10).await.is_empty(), "{none}");
    }
    for none in ["", "-- !"] {
        assert!(found(words(none), 10).await.is_empty(), "{none:?}");
        assert!(found(Filter { category: Some(kind.clone()), ..words(none) }, 10).await.is_empty(), "{none:?}");
    }
    // What is renamed, archived, restored and removed.
    let mut now = tea.clone();
    let steps = [("Tea pot", None), ("Tea pot", Some(7)), ("Tea pot", None), ("Crème pot", None)];
    for (name, archived_at) in steps {
        let stored = daos.products.load(&cx(), tea.id).await.unwrap().unwrap();
        now = Product { name: format!("{name} {mark}"), archived_at, version: now.version + 1, ..now };
        let done = daos.products.replace(&cx(), &stored, &now, Uuid::new_v4()).await;
        assert!(matches!(done, Ok(Replaced::Done(_))), "{done:?}");
        let listed = |word: &str| archived_at.is_none() && name.to_lowercase().contains(word);
        for word in ["tea", "pot"] {
            let is_found = found(of(word), 10).await.contains(&tea.id);
            assert_eq!(is_found, listed(word), "{word} of {name}, archived {archived_at:?}");
        }
        assert!(found(of("grun"), 10).await.is_empty());
    }
    assert_eq!(found(of("creme"), 10).await, [tea.id], "a word that it had before");
    let stored = daos.products.load(&cx(), tea.id).await.unwrap().unwrap();
    let done = daos.products.remove(&cx(), &stored, Uuid::new_v4()).await;
    assert!(matches!(done, Ok(Removed::Done(_))), "{done:?}");
    assert_eq!(found(words(&mark), 10).await, [elsewhere.id, bowl.id]);
}

async fn lists_follow_every_change(daos: &Daos) {
    let (old_kind, new_kind, word) = (unique("old"), unique("new"), unique("word"));
    let before = Product { category: Some(old_kind.clone()), ..product(&format!("{word} before")) };
    insert(daos, &before).await;
    let stored = daos.products.load(&cx(), before.id).await.unwrap().unwrap();
    let after = Product {
        name: format!("other {word}"),
        category: Some(new_kind.clone()),
        brand: None,
        version: 2,
        ..before.clone()
    };
    let done = daos.products.replace(&cx(), &stored, &after, Uuid::new_v4()).await;
    assert!(matches!(done, Ok(Replaced::Done(_))), "{done:?}");
    assert!(all(daos, category(&old_kind), 10).await.is_empty());
    assert!(all(daos, prefix(&word), 10).await.is_empty());
    assert_eq!(all(daos, category(&new_kind), 10).await, std::slice::from_ref(&after));
    assert_eq!(names(&all(daos, prefix(&after.name), 10).await), [after.name.as_str()]);
    let query = PageQuery { filter: Filter::default(), limit: 1, after: None, look_at: LOOKED_AT_MAX };
    let mut page = Vec::new();
    daos.products.page(&cx(), &query, &mut page).await.unwrap();
    assert_eq!(page, std::slice::from_ref(&after));
    // Back into the first category: what was removed there must not hide it.
    let stored = daos.products.load(&cx(), before.id).await.unwrap().unwrap();
    let back = Product { category: Some(old_kind.clone()), version: 3, ..after };
    let done = daos.products.replace(&cx(), &stored, &back, Uuid::new_v4()).await;
    assert!(matches!(done, Ok(Replaced::Done(_))), "{done:?}");
    assert_eq!(all(daos, category(&old_kind), 10).await, std::slice::from_ref(&back));
    let stored = daos.products.load(&cx(), before.id).await.unwrap().unwrap();
    let done = daos.products.remove(&cx(), &stored, Uuid::new_v4()).await;
    assert!(matches!(done, Ok(Removed::Done(_))), "{done:?}");
    assert!(all(daos, category(&old_kind), 10).await.is_empty());
    assert!(all(daos, prefix(&back.name), 10).await.is_empty());
    let mut page = Vec::new();
    daos.products.page(&cx(), &query, &mut page).await.unwrap();
    assert!(page.first().is_none_or(|first| first.id != back.id));
}
