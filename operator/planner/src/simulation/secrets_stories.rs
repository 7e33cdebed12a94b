//! Stories of what becomes of a shop when somebody deletes, changes or makes its Secrets.

use serde_json::json;
use store_crds::NodeState;

use super::Simulation;
use super::operator::{Fault, Operator};
use super::ring::Process;
use super::secrets::{Harm, key, login, record_key};
use super::stories::{degraded, settled, spec};
use crate::identity::ChildKind;
use crate::observation::SecretPurpose;

/// Ticks of 20 seconds.
const SOON: usize = 10;

/// The operator dies, and somebody takes its record away before the next one comes.
fn nobody_knows(simulation: &mut Simulation) {
    simulation.operator = Operator::default();
    simulation.world.objects.remove(&record_key());
    simulation.world.version += 1;
}

fn nodes_told(simulation: &Simulation) -> Vec<NodeState> {
    let status = simulation.world.store.as_ref().and_then(|store| store.status.as_ref()).unwrap();
    status.nodes.iter().map(|node| node.state).collect()
}

fn assert_told(simulation: &mut Simulation, words: &[&str]) {
    simulation.steps(SOON).unwrap();
    let told = degraded(simulation);
    assert!(told.starts_with("True"), "{told}");
    assert!(words.iter().all(|word| told.contains(word)), "{told}");
    assert!(!told.to_lowercase().contains("delete it"), "{told}");
}

#[test]
fn a_log_in_that_was_deleted_comes_back_as_the_ring_knows_it() {
    let mut simulation = settled(3, 3, 3);
    for purpose in SecretPurpose::LOGINS {
        let before = login(&simulation.world, purpose);
        simulation.world.harm(purpose, Harm::Delete);
        simulation.steps(2).unwrap();
        assert!(before.is_some() && login(&simulation.world, purpose) == before, "{purpose:?}");
        simulation.settle().unwrap();
    }
    // all at once, and the record with them
    for purpose in SecretPurpose::LOGINS {
        simulation.world.harm(purpose, Harm::Delete);
    }
    simulation.world.objects.remove(&record_key());
    simulation.steps(3).unwrap();
    assert!(login(&simulation.world, SecretPurpose::Superuser) == simulation.world.ring.superuser);
    simulation.settle().unwrap();
    assert!(simulation.world.objects.contains_key(&record_key()));
}

#[test]
fn a_password_that_nobody_has_is_asked_for_and_never_made_up() {
    for purpose in [SecretPurpose::Superuser, SecretPurpose::Jolokia] {
        let mut simulation = settled(3, 3, 3);
        nobody_knows(&mut simulation);
        simulation.world.harm(purpose, Harm::Delete);
        let name = key(purpose).name;
        assert_told(&mut simulation, &["SecretMissing", &name, "put it back", "storemanager.io/store=shop"]);
        assert_eq!(login(&simulation.world, purpose), None);
        assert_eq!(nodes_told(&simulation), [NodeState::Normal; 3]);
        // and the status goes on: the death of a node is told
        simulation.world.pods.get_mut("shop-cassandra-b-0").unwrap().process = Process::Down(30);
        simulation.steps(SOON + 5).unwrap();
        assert_eq!(nodes_told(&simulation)[1], NodeState::Down, "{purpose:?}");
        simulation.world.harm(purpose, Harm::PutBack);
        simulation.settle().unwrap();
    }
}

#[test]
fn a_superuser_whose_secret_was_edited_or_lacks_a_key_goes_on_with_what_is_kept() {
    for (harm, reason) in [(Harm::Edit, "LoginRefused"), (Harm::DropKey, "SecretIncomplete")] {
        let mut simulation = settled(3, 3, 3);
        simulation.world.harm(SecretPurpose::Superuser, harm);
        let record = "goes on with what it keeps in Secret shop-operator-credentials";
        assert_told(&mut simulation, &[reason, "shop-superuser", record]);
        simulation.world.set_spec(spec(4, 3, 3));
        simulation.steps(100).unwrap();
        assert_eq!(simulation.world.ring.members.len(), 4, "{reason} stops nothing");
        simulation.world.pods.get_mut("shop-cassandra-b-0").unwrap().process = Process::Down(30);
        simulation.steps(SOON + 5).unwrap();
        assert!(nodes_told(&simulation).contains(&NodeState::Down), "{reason} freezes nothing");
        simulation.world.harm(SecretPurpose::Superuser, Harm::PutBack);
        simulation.settle().unwrap();
    }
}

#[test]
fn a_superuser_that_cassandra_refuses_is_told_with_its_secret_and_heals_when_that_is_put_back() {
    let mut simulation = settled(3, 3, 3);
    nobody_knows(&mut simulation);
    simulation.world.harm(SecretPurpose::Superuser, Harm::Edit);
    assert_told(&mut simulation, &["LoginRefused", "shop-superuser", "are incorrect", "put back what it held"]);
    simulation.steps(60).unwrap();
    assert_told(&mut simulation, &["LoginRefused"]);
    simulation.world.harm(SecretPurpose::Superuser, Harm::PutBack);
    simulation.settle().unwrap();
}

#[test]
fn a_label_that_was_taken_off_changes_nothing() {
    let mut simulation = settled(3, 3, 3);
    for purpose in SecretPurpose::LOGINS {
        simulation.world.harm(purpose, Harm::Unlabel);
    }
    simulation.steps(3).unwrap();
    assert!(degraded(&simulation).starts_with("False"), "{}", degraded(&simulation));
    simulation.settle().unwrap();
    let again = simulation.operator.last.as_ref().unwrap().requeue;
    assert!(again.as_secs() <= 10, "no watch tells of them: {again:?}");
}

#[test]
fn a_secret_that_was_made_before_the_shop_is_taken_up_once_it_is_whole() {
    let mut simulation = Simulation::new(spec(3, 3, 3));
    let secret = json!({"kind": "Secret", "metadata": {"name": "shop-superuser", "uid": "u", "labels": {}},
                        "stringData": {"username": "root"}});
    simulation.world.objects.insert(key(SecretPurpose::Superuser), secret);
    assert_told(&mut simulation, &["SecretIncomplete", "shop-superuser lacks password"]);
    let secret = simulation.world.objects.get_mut(&key(SecretPurpose::Superuser)).unwrap();
    secret["stringData"]["password"] = json!("of my own");
    simulation.world.version += 1;
    simulation.settle().unwrap();
    assert_eq!(simulation.world.ring.superuser.as_ref().unwrap().username, "root");
}

#[test]
fn a_changed_log_in_of_the_api_reaches_its_pods_even_while_a_node_is_down() {
    let mut simulation = settled(3, 3, 3);
    simulation.world.pods.get_mut("shop-cassandra-b-0").unwrap().process = Process::Down(60);
    simulation.steps(2).unwrap();
    simulation.world.harm(SecretPurpose::Api, Harm::Edit);
    simulation.steps(SOON).unwrap();
    let now = login(&simulation.world, SecretPurpose::Api).unwrap();
    assert_eq!(simulation.world.ring.roles[&now.username], now.password);
    assert_eq!(simulation.world.tier.started_with, Some(now));
    simulation.settle().unwrap();
}

#[test]
fn agents_with_another_password_are_no_nodes_that_are_down() {
    for recorded in [true, false] {
        let mut simulation = settled(3, 3, 3);
        if !recorded {
            nobody_knows(&mut simulation);
        }
        simulation.world.harm(SecretPurpose::Jolokia, Harm::Edit);
        assert_told(&mut simulation, &["LoginRefused", "shop-jolokia", "shop-cassandra-c-0", "themselves serve"]);
        simulation.steps(30).unwrap();
        let told = degraded(&simulation);
        assert!(told.contains("LoginRefused") && !told.contains("NodeDown"), "{told}");
        assert_eq!(nodes_told(&simulation), [NodeState::Normal; 3]);
        let status = simulation.world.store.as_ref().and_then(|store| store.status.as_ref()).unwrap();
        assert_eq!((status.summary.nodes.as_str(), &status.operation), ("3/3", &None));
        assert!(status.nodes.iter().all(|node| node.away_since.is_none()));
        simulation.world.harm(SecretPurpose::Jolokia, Harm::PutBack);
        simulation.settle().unwrap();
    }
}

#[test]
fn agents_take_a_new_password_as_their_pods_restart_and_the_record_follows_the_last_of_them() {
    let mut simulation = settled(3, 3, 3);
    simulation.world.harm(SecretPurpose::Jolokia, Harm::Edit);
    for pod in ["shop-cassandra-a-0", "shop-cassandra-b-0", "shop-cassandra-c-0"] {
        assert_told(&mut simulation, &["LoginRefused", pod]);
        simulation.world.pods.remove(pod);
        simulation.steps(30).unwrap();
    }
    simulation.settle().unwrap();
    let record = &simulation.world.objects[&record_key()]["stringData"];
    assert_eq!(record["jolokia-password"], login(&simulation.world, SecretPurpose::Jolokia).unwrap().password);
}

#[test]
fn a_shop_made_again_has_its_password_although_the_secret_was_deleted_meanwhile() {
    let mut simulation = settled(3, 3, 3);
    let known = simulation.world.ring.superuser.clone();
    simulation.world.delete_store();
    simulation.steps(5).unwrap();
    simulation.world.harm(SecretPurpose::Superuser, Harm::Delete);
    simulation.operator = Operator::default();
    simulation.world.set_spec(spec(3, 3, 3));
    simulation.settle().unwrap();
    assert_eq!(simulation.world.ring.superuser, known);
    // without the record it is asked for
    simulation.world.delete_store();
    simulation.steps(5).unwrap();
    simulation.world.harm(SecretPurpose::Superuser, Harm::Delete);
    nobody_knows(&mut simulation);
    simulation.world.set_spec(spec(3, 3, 3));
    assert_told(&mut simulation, &["SecretMissing", "shop-superuser"]);
    simulation.world.harm(SecretPurpose::Superuser, Harm::PutBack);
    simulation.settle().unwrap();
}

#[test]
fn under_delete_no_password_outlives_the_shop() {
    let mut wanted = spec(3, 3, 3);
    wanted["cassandra"]["deletionPolicy"] = json!("Delete");
    let mut simulation = Simulation::new(wanted);
    simulation.settle().unwrap();
    simulation.world.delete_store();
    for _ in 0..20 {
        simulation.step(&Fault { silent: 0xff, ..Fault::default() }).unwrap();
    }
    assert!(simulation.world.store.is_none());
    let secrets: Vec<_> =
        simulation.world.of_kind(ChildKind::Secret).map(|secret| secret["metadata"]["name"].clone()).collect();
    assert!(secrets.is_empty(), "{secrets:?}");
}
