//! Secrets found in every state, judged.

use super::*;

fn content(label: Option<&str>, pairs: &[(&str, &str)]) -> Found {
    let data = pairs.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect();
    Ok(Some(Arc::new(Content::new(label.map(str::to_owned), &data))))
}

fn login(user: &str, password: &str) -> Found {
    content(Some("shop"), &[("username", user), ("password", password)])
}

fn secrets() -> Secrets {
    let by_purpose = [
        (SecretPurpose::Superuser, login("store_operator", "s")),
        (SecretPurpose::Jolokia, login("store_operator", "j")),
        (SecretPurpose::Schema, login("store_schema", "d")),
        (SecretPurpose::Api, login("store_api", "a")),
        (SecretPurpose::CursorKey, content(Some("shop"), &[("key", "k")])),
    ];
    Secrets { by_purpose: by_purpose.into(), record: Ok(None) }
}

fn state_of(found: Found) -> SecretState {
    let mut secrets = secrets();
    secrets.by_purpose.insert(SecretPurpose::Superuser, found);
    judge("shop", &secrets, &Logins::new()).facts[&SecretPurpose::Superuser].state.clone()
}

#[test]
fn each_state_of_a_secret_is_a_fact_and_none_ends_the_pass() {
    assert_eq!(state_of(login("store_operator", "s")), SecretState::Complete);
    assert_eq!(state_of(Ok(None)), SecretState::Missing);
    assert_eq!(state_of(Err("forbidden".into())), SecretState::Unreadable("forbidden".into()));
    assert_eq!(state_of(content(None, &[("username", "x")])), SecretState::Incomplete(vec!["password"]));
    assert_eq!(state_of(login("x", "")), SecretState::Incomplete(vec!["password"]));
    let other = content(Some("other"), &[("username", "x"), ("password", "y")]);
    assert_eq!(state_of(other), SecretState::NotOurs("other".into()));
    assert!(matches!(state_of(login("cassandra", "x")), SecretState::Unusable(_)), "it would be disabled");
}

#[test]
fn a_secret_without_a_label_that_has_both_keys_is_taken_up() {
    let mut secrets = secrets();
    secrets.by_purpose.insert(SecretPurpose::Superuser, content(None, &[("username", "x"), ("password", "y")]));
    let judged = judge("shop", &secrets, &Logins::new());
    let fact = &judged.facts[&SecretPurpose::Superuser];
    assert_eq!((&fact.state, fact.labelled), (&SecretState::Complete, false));
    let login = judged.logins[&SecretPurpose::Superuser].wanted().unwrap();
    assert_eq!((login.username.as_str(), login.password.as_str()), ("x", "y"));
}

#[test]
fn a_role_is_not_given_to_two_log_ins() {
    let mut secrets = secrets();
    secrets.by_purpose.insert(SecretPurpose::Api, login("store_operator", "a"));
    let judged = judge("shop", &secrets, &Logins::new());
    let SecretState::Unusable(why) = &judged.facts[&SecretPurpose::Api].state else { panic!("it is used") };
    assert!(why.contains("shop-superuser has the same username store_operator"), "{why}");
    assert_eq!(judged.facts[&SecretPurpose::Superuser].state, SecretState::Complete);
    assert_eq!(judged.logins[&SecretPurpose::Api].wanted(), None);
}

#[test]
fn what_the_record_holds_is_tried_after_the_secret_and_what_it_held_is_remembered() {
    let mut secrets = secrets();
    let [user, password] = access::record_keys(SecretPurpose::Superuser);
    assert_eq!([user.as_str(), password.as_str()], ["superuser-username", "superuser-password"]);
    secrets.record = content(Some("shop"), &[(&user, "store_operator"), (&password, "old")]);
    let judged = judge("shop", &secrets, &Logins::new());
    assert_eq!(judged.facts[&SecretPurpose::Superuser].kept, Kept::Other);
    let tried: Vec<&str> =
        judged.logins[&SecretPurpose::Superuser].candidates().map(|login| login.password.as_str()).collect();
    assert_eq!(tried, ["s", "old"]);
    assert!(!judged.record.lost);
    let kept = judged.kept;

    secrets.record = Ok(None);
    let later = judge("shop", &secrets, &kept);
    assert!(later.record.lost);
    assert_eq!(later.facts[&SecretPurpose::Superuser].kept, Kept::Other);
    secrets.by_purpose.insert(SecretPurpose::Superuser, login("store_operator", "old"));
    assert_eq!(judge("shop", &secrets, &kept).facts[&SecretPurpose::Superuser].kept, Kept::Same);
}

#[test]
fn the_digest_of_what_the_api_reads_follows_each_of_them_and_holds_none() {
    let inputs = |secrets: &Secrets| judge("shop", secrets, &Logins::new()).api_inputs;
    let before = inputs(&secrets()).unwrap();
    assert_eq!(before.len(), 64);
    for purpose in [SecretPurpose::Api, SecretPurpose::CursorKey] {
        let mut changed = secrets();
        changed
            .by_purpose
            .insert(purpose, content(Some("shop"), &[("username", "u"), ("password", "b"), ("key", "b")]));
        assert_ne!(inputs(&changed).unwrap(), before, "{purpose:?}");
        changed.by_purpose.insert(purpose, Ok(None));
        assert_eq!(inputs(&changed), None, "{purpose:?}");
    }
    let mut tokens = secrets();
    let all = [("seller", "1"), ("director", "2"), ("supplier", "3"), ("admin", "4")];
    tokens.by_purpose.insert(SecretPurpose::ApiTokens, content(Some("shop"), &all));
    assert_eq!(inputs(&tokens).unwrap(), before, "the pods read changed tokens by themselves");
    let more = [&all[..], &[("payment.card", "5"), ("seller.till-1", "6\n7")]].concat();
    tokens.by_purpose.insert(SecretPurpose::ApiTokens, content(Some("shop"), &more));
    assert_eq!(inputs(&tokens).unwrap(), before, "and so those of more principals");
    tokens.by_purpose.insert(SecretPurpose::ApiTokens, content(Some("shop"), &all[1..]));
    assert_eq!(inputs(&tokens), None, "a pod that begins needs all that the shop promises");
    let mut superuser = secrets();
    superuser.by_purpose.insert(SecretPurpose::Superuser, login("store_operator", "new"));
    assert_eq!(inputs(&superuser).unwrap(), before, "no pod of the API reads that one");
}
