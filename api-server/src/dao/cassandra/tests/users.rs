//! Users on a real Cassandra: what crashes leave is finished, and nothing personal stays behind.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Ground, LEASE, cx};
use crate::dao::cassandra::intents::Intent;
use crate::dao::cassandra::listing::copies::GONE;
use crate::dao::cassandra::sweeper::{Sweeps as _, sweep};
use crate::dao::cassandra::users::ClaimsTouched;
use crate::dao::contract::users::{everybody, find, insert, load, user};
use crate::dao::set_aside::Aside;
use crate::dao::users::{Inserted, Removed, User, fold_email};
use crate::dao::{Context, now_ms};

impl Ground {
    /// Every row of a table as text, to look for what must not be there.
    async fn dump(&self, table: &str) -> String {
        let rows = self.cql(&format!("SELECT JSON * FROM {{ks}}.{table}")).await.into_rows_result().unwrap();
        rows.rows::<(String,)>().unwrap().map(|row| row.unwrap().0).collect()
    }

    /// A statement that puts a copy of a user back into the list.
    fn copy_of(&self, user: &User, bucket: i64, at: i64) -> String {
        let User { id, name, email, created_at, .. } = user;
        format!(
            "INSERT INTO {}.users_by_time (bucket, id, name, email, version, created_at, updated_at) \
             VALUES ({bucket}, {id}, '{name}', '{email}', 1, {created_at}, {created_at}) USING TIMESTAMP {at}",
            self.keyspace
        )
    }

    async fn holds(&self, word: &str) -> Vec<&'static str> {
        let mut found = Vec::new();
        for table in ["users", "user_emails", "users_by_time", "user_intents"] {
            if self.dump(table).await.to_lowercase().contains(&word.to_lowercase()) {
                found.push(table);
            }
        }
        found
    }
}

fn noted(user: &User, claims: &[(&str, Uuid)]) -> Intent<ClaimsTouched> {
    let claims: BTreeMap<String, Uuid> = claims.iter().map(|(email, claim)| (fold_email(email), *claim)).collect();
    Intent { at: now_ms(), operation: Uuid::new_v4(), owner: user.id, detail: ClaimsTouched(claims) }
}

#[tokio::test]
async fn nothing_personal_is_left_of_an_erased_user_in_any_table() {
    let Some(ground) = Ground::new().await else { return };
    let daos = ground.daos().await;
    let gone = User { name: "Unforgettable".into(), ..user("") };
    insert(&daos, &gone).await;
    let moved = User { email: user("").email, version: 2, ..gone.clone() };
    daos.users.replace(&cx(), &load(&daos, gone.id).await, &moved, Uuid::new_v4()).await.unwrap();
    assert_eq!(ground.holds(&moved.email).await, ["users", "user_emails", "users_by_time"]);
    let done = daos.users.erase(&cx(), &load(&daos, gone.id).await, Uuid::new_v4()).await;
    assert!(matches!(done, Ok(Removed::Done(_))), "{done:?}");
    for word in [&gone.name, &gone.email, &moved.email] {
        assert!(ground.holds(word).await.is_empty(), "{word}");
    }
    assert!(ground.dump("users").await.contains(&gone.id.to_string()), "the id stays");
    ground.drop_keyspace().await;
}

/// As a node does that was away until the tombstones had gone: it brings back what it had, as old as it was.
#[tokio::test]
async fn an_erased_user_whose_name_and_address_come_back_is_not_shown_and_erased_again() {
    let Some(ground) = Ground::new().await else { return };
    let daos = ground.daos().await;
    let (gone, stays) = (User { name: "Unforgettable".into(), ..user("") }, user("Stays"));
    insert(&daos, &gone).await;
    insert(&daos, &stays).await;
    let stored = load(&daos, gone.id).await;
    daos.users.erase(&cx(), &stored, Uuid::new_v4()).await.unwrap();
    // Younger than the tombstones of the erasure, which are still there.
    ground.cql(&ground.copy_of(&gone, stored.marks.bucket, i64::MAX / 1000)).await;
    let truth = format!(
        "UPDATE {{ks}}.users USING TIMESTAMP {} SET name = '{}', email = '{}' WHERE id = {}",
        now_ms() * 1000,
        gone.name,
        gone.email,
        gone.id
    );
    ground.cql(&truth).await;
    assert_eq!(ground.holds(&gone.name).await, ["users", "users_by_time"], "it came back");
    assert_eq!(find(&daos, gone.id).await, None);
    assert_eq!(ground.holds(&gone.name).await, ["users_by_time"], "whoever asks for the user removes it");
    for limit in [1, 2] {
        let listed: Vec<String> = everybody(&daos, limit).await.into_iter().map(|user| user.name).collect();
        assert_eq!(listed, ["Stays"], "{limit}");
    }
    assert_eq!(daos.users.exists(&cx(), gone.id).await, Ok(false));
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn a_copy_of_an_erased_user_that_comes_back_is_removed_by_whoever_sees_it() {
    let Some(ground) = Ground::new().await else { return };
    let daos = ground.daos().await;
    let gone = User { name: "Unforgettable".into(), ..user("") };
    insert(&daos, &gone).await;
    let stored = load(&daos, gone.id).await;
    daos.users.erase(&cx(), &stored, Uuid::new_v4()).await.unwrap();
    ground.cql(&ground.copy_of(&gone, stored.marks.bucket, gone.created_at * 1000 + GONE + 1)).await;
    assert_eq!(ground.holds(&gone.email).await, ["users_by_time"]);
    assert!(everybody(&daos, 10).await.is_empty());
    // By a clock that has passed what this test had to write to get past the deletion of the erasure.
    let later = Context { now_ms: now_ms() + 2_000_000, ..cx() };
    daos.users.page(&later, 10, None, &mut Vec::new()).await.unwrap();
    assert!(ground.holds(&gone.email).await.is_empty());
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn an_erasure_that_a_crash_left_half_way_is_finished_by_the_sweeper() {
    let Some(ground) = Ground::new().await else { return };
    let (daos, dao) = (ground.daos().await, ground.users().await);
    let gone = User { name: "Unforgettable".into(), ..user("") };
    insert(&daos, &gone).await;
    let stored = load(&daos, gone.id).await;
    // What a process leaves that dies right after its LWT.
    let intent = noted(&gone, &[(&gone.email, stored.marks.claim)]);
    dao.intents.write(&cx(), &intent).await.unwrap();
    let erase = format!(
        "UPDATE {{ks}}.users SET name = null, email = null, email_claim = null, version = 2, erased_at = 1 \
         WHERE id = {} IF version = 1",
        gone.id
    );
    ground.cql(&erase).await;
    assert_eq!(ground.holds(&gone.email).await, ["user_emails", "users_by_time", "user_intents"]);
    sweep(&*dao, Some(intent.at - 1000), now_ms(), &mut Aside::unseen()).await.unwrap();
    assert!(ground.holds(&gone.email).await.is_empty());
    assert!(ground.holds(&gone.name).await.is_empty());
    assert!(everybody(&daos, 10).await.is_empty());
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn a_creation_and_a_change_of_address_that_crashed_are_finished_or_given_up() {
    let Some(ground) = Ground::new().await else { return };
    let (daos, dao) = (ground.daos().await, ground.users().await);
    let (made, never, moves) = (user("Made"), user("Never"), user("Moves"));
    insert(&daos, &moves).await;
    let wanted = user("").email;
    // Created, not listed; claimed, not created; claimed for a change that did not come.
    let operation = Uuid::new_v4();
    let create = format!(
        "INSERT INTO {{ks}}.users (id, name, email, version, created_at, updated_at, bucket, email_claim, operations) \
         VALUES ({}, 'Made', '{}', 1, {2}, {2}, 0, {operation}, [{operation}]) IF NOT EXISTS",
        made.id, made.email, made.created_at
    );
    ground.cql(&create).await;
    for (email, owner) in [(&made.email, made.id), (&never.email, never.id), (&wanted, moves.id)] {
        let claim = format!(
            "INSERT INTO {{ks}}.user_emails (email, user_id, claim, claimed_at) VALUES ('{}', {owner}, {operation}, 1) \
             IF NOT EXISTS",
            fold_email(email)
        );
        ground.cql(&claim).await;
    }
    let stored = load(&daos, moves.id).await;
    let claims = [(moves.email.as_str(), stored.marks.claim), (wanted.as_str(), operation)];
    dao.intents.write(&cx(), &noted(&made, &[(&made.email, operation)])).await.unwrap();
    dao.intents.write(&cx(), &noted(&moves, &claims)).await.unwrap();
    let young = noted(&never, &[(&never.email, operation)]);
    dao.intents.write(&cx(), &young).await.unwrap();
    let next = sweep(&*dao, Some(young.at - 1000), now_ms(), &mut Aside::unseen()).await.unwrap();
    assert_eq!(next, young.at - 1, "a creation may still come");
    let names: Vec<String> = everybody(&daos, 10).await.into_iter().map(|user| user.name).collect();
    assert_eq!(names, ["Moves", "Made"]);
    assert!(ground.holds(&wanted).await.is_empty());
    assert_eq!(find(&daos, moves.id).await.as_ref(), Some(&moves), "its own address is kept");
    let thief = User { email: moves.email.clone(), ..user("Thief") };
    assert_eq!(daos.users.insert(&cx(), &thief, Uuid::new_v4()).await, Ok(Inserted::Taken));
    // Ten minutes later it can come no more.
    let old = Intent { at: young.at - 700_000, ..young.clone() };
    assert!(dao.finish(&cx(), &old).await.unwrap());
    assert_eq!(daos.users.insert(&cx(), &never, operation).await, Ok(Inserted::InFlight), "its id is used up");
    dao.intents.forget(&cx(), &young).await;
    assert!(ground.holds(&never.email).await.is_empty());
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn an_address_claimed_by_a_dead_creation_is_taken_over_behind_a_fence() {
    let Some(ground) = Ground::new().await else { return };
    let daos = ground.daos().await;
    let dead = user("Dead");
    let heir = User { email: dead.email.clone(), ..user("Heir") };
    let operation = Uuid::new_v4();
    let claim = format!(
        "INSERT INTO {{ks}}.user_emails (email, user_id, claim, claimed_at) VALUES ('{}', {}, {operation}, {}) \
         IF NOT EXISTS",
        fold_email(&dead.email),
        dead.id,
        now_ms()
    );
    ground.cql(&claim).await;
    assert_eq!(daos.users.insert(&cx(), &heir, Uuid::new_v4()).await, Ok(Inserted::InFlight));
    tokio::time::sleep(LEASE * 2).await;
    insert(&daos, &heir).await;
    assert_eq!(daos.users.insert(&cx(), &dead, operation).await, Ok(Inserted::Taken));
    assert_eq!(find(&daos, dead.id).await, None);
    assert_eq!(daos.users.exists(&cx(), dead.id).await, Ok(false), "a used-up id is no user");
    ground.drop_keyspace().await;
}
