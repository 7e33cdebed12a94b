//! Users: created once, one of each address whatever its case, changed only from what was read,
//! erased without a trace but the id.

use uuid::Uuid;

use super::{cx, unique};
use crate::dao::users::{Inserted, Removed, Replaced, StoredUser, User};
use crate::dao::{Context, Daos, Level};

pub async fn hold(daos: &Daos) {
    what_is_inserted_is_read_back_exactly(daos).await;
    the_same_operation_inserts_once(daos).await;
    an_address_belongs_to_one_user_whatever_its_case(daos).await;
    many_inserts_of_one_address_make_one_user(daos).await;
    a_change_needs_the_version_that_was_read(daos).await;
    a_change_may_change_the_case_of_the_own_address(daos).await;
    a_changed_address_frees_the_old_one(daos).await;
    an_erased_user_is_gone_and_the_address_free(daos).await;
    an_erased_user_is_not_made_again(daos).await;
    of_a_change_and_an_erasure_at_once_one_is_done(daos).await;
    a_level_decides_reads_and_only_raises_changes(daos).await;
    pages_show_everybody_once_newest_first(daos).await;
}

pub fn user(name: &str) -> User {
    let id = Uuid::now_v7();
    let (seconds, nanos) = id.get_timestamp().unwrap().to_unix();
    let now = i64::try_from(seconds * 1000).unwrap() + i64::from(nanos / 1_000_000);
    let email = format!("{}@Example.org", unique("Mail"));
    User { id, name: name.to_owned(), email, version: 1, created_at: now, updated_at: now }
}

pub async fn find(daos: &Daos, id: Uuid) -> Option<User> {
    let mut found = Vec::new();
    daos.users.find(&cx(), id, &mut found).await.unwrap();
    found.pop()
}

async fn found_by_email(daos: &Daos, email: &str) -> Option<User> {
    let mut found = Vec::new();
    daos.users.find_by_email(&cx(), email, &mut found).await.unwrap();
    assert!(found.len() <= 1);
    found.pop()
}

pub async fn insert(daos: &Daos, user: &User) {
    let done = daos.users.insert(&cx(), user, Uuid::new_v4()).await;
    assert!(matches!(done, Ok(Inserted::Done(_))), "{done:?}");
}

pub async fn load(daos: &Daos, id: Uuid) -> StoredUser {
    daos.users.load(&cx(), id).await.unwrap().unwrap()
}

pub async fn everybody(daos: &Daos, limit: usize) -> Vec<User> {
    let mut found = Vec::new();
    let mut after = None;
    for _ in 0..1000 {
        let before = found.len();
        let page = daos.users.page(&cx(), limit, after, &mut found).await.unwrap();
        assert!(found.len() - before <= limit);
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
    panic!("the list does not end");
}

async fn what_is_inserted_is_read_back_exactly(daos: &Daos) {
    let user = user("Zoë \"Z\" 🦀");
    assert_eq!(daos.users.exists(&cx(), user.id).await, Ok(false));
    insert(daos, &user).await;
    assert_eq!(find(daos, user.id).await.as_ref(), Some(&user));
    assert_eq!(load(daos, user.id).await.user, user);
    assert_eq!(daos.users.exists(&cx(), user.id).await, Ok(true));
    assert_eq!(find(daos, Uuid::now_v7()).await, None);
    assert_eq!(daos.users.load(&cx(), Uuid::now_v7()).await, Ok(None));
    assert_eq!(found_by_email(daos, &user.email.to_uppercase()).await, Some(user));
    assert_eq!(found_by_email(daos, "nobody@example.org").await, None);
}

async fn the_same_operation_inserts_once(daos: &Daos) {
    let user = user("Once");
    let operation = Uuid::new_v4();
    for _ in 0..3 {
        let done = daos.users.insert(&cx(), &user, operation).await;
        assert!(matches!(done, Ok(Inserted::Done(_))), "{done:?}");
    }
    assert_eq!(find(daos, user.id).await.unwrap().version, 1);
}

async fn an_address_belongs_to_one_user_whatever_its_case(daos: &Daos) {
    let first = user("First");
    insert(daos, &first).await;
    let second = User { email: first.email.to_uppercase(), ..user("Second") };
    assert_eq!(daos.users.insert(&cx(), &second, Uuid::new_v4()).await, Ok(Inserted::Taken));
    assert_eq!(find(daos, second.id).await, None);
    assert_eq!(daos.users.exists(&cx(), second.id).await, Ok(false));
    let third = user("Third");
    insert(daos, &third).await;
    let stolen = User { email: first.email.to_lowercase(), version: 2, ..third.clone() };
    let done = daos.users.replace(&cx(), &load(daos, third.id).await, &stolen, Uuid::new_v4()).await;
    assert_eq!(done, Ok(Replaced::Taken));
    assert_eq!(find(daos, third.id).await, Some(third));
}

async fn many_inserts_of_one_address_make_one_user(daos: &Daos) {
    let email = user("").email;
    let racers: Vec<User> = (0..8).map(|at| User { email: email.clone(), ..user(&format!("Racer {at}")) }).collect();
    let runs = racers.iter().map(|racer| async {
        let done = daos.users.insert(&cx(), racer, Uuid::new_v4()).await;
        matches!(done.unwrap(), Inserted::Done(_))
    });
    let done = futures::future::join_all(runs).await;
    assert_eq!(done.iter().filter(|done| **done).count(), 1);
    for (racer, done) in racers.iter().zip(done) {
        assert_eq!(find(daos, racer.id).await.is_some(), done);
    }
}

async fn a_change_needs_the_version_that_was_read(daos: &Daos) {
    let before = user("Before");
    insert(daos, &before).await;
    let stored = load(daos, before.id).await;
    let after = User { name: "After".into(), version: 2, ..before.clone() };
    let operation = Uuid::new_v4();
    let done = daos.users.replace(&cx(), &stored, &after, operation).await;
    assert!(matches!(done, Ok(Replaced::Done(_))), "{done:?}");
    assert_eq!(find(daos, before.id).await.as_ref(), Some(&after));
    assert_eq!(load(daos, before.id).await.marks.operations.first(), Some(&operation));
    let late = User { name: "Late".into(), ..after.clone() };
    assert_eq!(daos.users.replace(&cx(), &stored, &late, Uuid::new_v4()).await, Ok(Replaced::VersionMoved));
    assert_eq!(daos.users.erase(&cx(), &stored, Uuid::new_v4()).await, Ok(Removed::VersionMoved));
    assert_eq!(find(daos, before.id).await, Some(after));
}

async fn a_change_may_change_the_case_of_the_own_address(daos: &Daos) {
    let before = user("Case");
    insert(daos, &before).await;
    let after = User { email: before.email.to_uppercase(), version: 2, ..before.clone() };
    let done = daos.users.replace(&cx(), &load(daos, before.id).await, &after, Uuid::new_v4()).await;
    assert!(matches!(done, Ok(Replaced::Done(_))), "{done:?}");
    assert_eq!(find(daos, before.id).await, Some(after));
    let thief = User { email: before.email, ..user("Thief") };
    assert_eq!(daos.users.insert(&cx(), &thief, Uuid::new_v4()).await, Ok(Inserted::Taken));
}

async fn a_changed_address_frees_the_old_one(daos: &Daos) {
    let before = user("Moves");
    insert(daos, &before).await;
    let after = User { email: user("").email, version: 2, ..before.clone() };
    let done = daos.users.replace(&cx(), &load(daos, before.id).await, &after, Uuid::new_v4()).await;
    assert!(matches!(done, Ok(Replaced::Done(_))), "{done:?}");
    insert(daos, &User { email: before.email, ..user("Heir") }).await;
    let thief = User { email: after.email, ..user("Thief") };
    assert_eq!(daos.users.insert(&cx(), &thief, Uuid::new_v4()).await, Ok(Inserted::Taken));
}

async fn an_erased_user_is_gone_and_the_address_free(daos: &Daos) {
    let gone = user("Gone");
    insert(daos, &gone).await;
    let stored = load(daos, gone.id).await;
    let done = daos.users.erase(&cx(), &stored, Uuid::new_v4()).await;
    assert!(matches!(done, Ok(Removed::Done(_))), "{done:?}");
    assert_eq!(find(daos, gone.id).await, None);
    assert_eq!(daos.users.exists(&cx(), gone.id).await, Ok(false));
    assert_eq!(daos.users.load(&cx(), gone.id).await, Ok(None));
    let mut page = Vec::new();
    daos.users.page(&cx(), 1, None, &mut page).await.unwrap();
    assert!(page.first().is_none_or(|first| first.id != gone.id));
    assert_eq!(daos.users.erase(&cx(), &stored, Uuid::new_v4()).await, Ok(Removed::VersionMoved));
    insert(daos, &User { email: gone.email, ..user("Heir") }).await;
}

async fn an_erased_user_is_not_made_again(daos: &Daos) {
    let gone = user("Gone");
    let operation = Uuid::new_v4();
    assert!(matches!(daos.users.insert(&cx(), &gone, operation).await, Ok(Inserted::Done(_))));
    let done = daos.users.erase(&cx(), &load(daos, gone.id).await, Uuid::new_v4()).await;
    assert!(matches!(done, Ok(Removed::Done(_))), "{done:?}");
    assert_eq!(daos.users.insert(&cx(), &gone, operation).await, Ok(Inserted::InFlight));
    assert_eq!(daos.users.exists(&cx(), gone.id).await, Ok(false));
    insert(daos, &User { email: gone.email, ..user("Heir") }).await;
}

async fn of_a_change_and_an_erasure_at_once_one_is_done(daos: &Daos) {
    for _ in 0..4 {
        let before = user("Contended");
        insert(daos, &before).await;
        let stored = load(daos, before.id).await;
        let after = User { name: "Changed".into(), version: 2, ..before.clone() };
        let cx = cx();
        let (changed, erased) = tokio::join!(
            daos.users.replace(&cx, &stored, &after, Uuid::new_v4()),
            daos.users.erase(&cx, &stored, Uuid::new_v4())
        );
        let changed = matches!(changed.unwrap(), Replaced::Done(_));
        let erased = matches!(erased.unwrap(), Removed::Done(_));
        assert_ne!(changed, erased);
        assert_eq!(find(daos, before.id).await, changed.then_some(after));
    }
}

async fn a_level_decides_reads_and_only_raises_changes(daos: &Daos) {
    for (asked, decided) in
        [(Level::One, Level::LocalQuorum), (Level::LocalOne, Level::LocalQuorum), (Level::All, Level::All)]
    {
        let cx = Context { level: Some(asked), ..cx() };
        let made = user("Level");
        let Ok(Inserted::Done(inserted)) = daos.users.insert(&cx, &made, Uuid::new_v4()).await else { panic!() };
        let renamed = User { name: "Higher".into(), version: 2, ..made.clone() };
        let changed = daos.users.replace(&cx, &load(daos, made.id).await, &renamed, Uuid::new_v4()).await;
        let Ok(Replaced::Done(replaced)) = changed else { panic!("{changed:?}") };
        let read = daos.users.find(&cx, made.id, &mut Vec::new()).await.unwrap();
        assert_eq!((inserted.level, replaced.level, read.level), (decided, decided, asked));
    }
}

async fn pages_show_everybody_once_newest_first(daos: &Daos) {
    let mut made = Vec::new();
    for at in 0..7 {
        let user = user(&format!("Number {at}"));
        insert(daos, &user).await;
        made.insert(0, user);
    }
    for limit in [1, 3, 7, 100] {
        assert_eq!(everybody(daos, limit).await[..7], made, "limit {limit}");
    }
}
