//! The store's Secrets in the model: what is in them, who knows which password, and what somebody does to
//! them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use store_crds::LABEL_STORE;

use super::world::World;
use crate::desired::Desired;
use crate::identity::{ChildKey, ChildKind, Uid};
use crate::logins::{Credentials, Login, Logins};
use crate::observation::{CqlAnswer, NodeAnswer, SecretPurpose, Superuser};
use crate::resources::{Fill, access};
use crate::secrets::{Content, Found, Judged, Secrets, judge};

/// What somebody does to a Secret.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Harm {
    Delete,
    Edit,
    DropKey,
    Unlabel,
    PutBack,
}

pub fn key(purpose: SecretPurpose) -> ChildKey {
    ChildKey { kind: ChildKind::Secret, name: format!("shop-{}", purpose.suffix()) }
}

pub fn record_key() -> ChildKey {
    ChildKey { kind: ChildKind::Secret, name: "shop-operator-credentials".into() }
}

/// What the API server says of them, whatever their labels.
pub fn judged(world: &World, desired: &Desired, remembered: &Logins) -> Judged {
    let found = |key: &ChildKey| -> Found {
        let object = world.foreign.get(key).or(world.objects.get(key));
        Ok(object.map(|object| Arc::new(content(object))))
    };
    let by_purpose = access::purposes(desired).into_iter().map(|purpose| (purpose, found(&key(purpose)))).collect();
    judge("shop", &Secrets { by_purpose, record: found(&record_key()) }, remembered)
}

fn content(object: &Value) -> Content {
    let values = object["stringData"].as_object().into_iter().flatten();
    let data = values.map(|(key, value)| (key.clone(), value.as_str().unwrap().as_bytes().to_vec())).collect();
    Content::new(object["metadata"]["labels"][LABEL_STORE].as_str().map(str::to_owned), &data)
}

/// The log-in that a pod that starts now reads.
pub fn login(world: &World, purpose: SecretPurpose) -> Option<Credentials> {
    let data = &world.objects.get(&key(purpose))?["stringData"];
    let [username, password] = access::LOGIN_KEYS.map(|key| data[key].as_str().map(str::to_owned));
    Some(Credentials { username: username?, password: password? })
}

/// What a Secret that is made is filled with.
pub fn fill(world: &mut World, object: &mut Value, fill: &Fill, kept: &Logins) {
    match fill {
        Fill::Nothing => {}
        Fill::Random(keys) => {
            check_new(world, object["metadata"]["name"].as_str().unwrap());
            for key in keys {
                object["stringData"][*key] = json!(world.uid());
            }
        }
        Fill::Kept(purpose) => write_login(object, access::LOGIN_KEYS, &kept[purpose]),
    }
}

pub fn write_login<K: AsRef<str>>(object: &mut Value, [username, password]: [K; 2], login: &Credentials) {
    object["stringData"][username.as_ref()] = json!(login.username);
    object["stringData"][password.as_ref()] = json!(login.password);
}

/// Nothing is made anew where somebody knows what was there.
fn check_new(world: &mut World, name: &str) {
    // a pod that has no machine yet reads it when it starts
    let agents = world.pods.values().any(|pod| pod.agent.is_some() && pod.seen.ip.is_some());
    let known = match name {
        "shop-superuser" => world.ring.superuser.is_some() && world.ring.default_disabled,
        "shop-jolokia" => agents,
        _ => false,
    };
    let record = world.objects.get(&record_key()).map(|record| record["stringData"].to_string()).unwrap_or_default();
    let suffix = name.trim_start_matches("shop-");
    if known || record.contains(&format!("\"{suffix}-password\"")) {
        world.violate(format!("{name} is made anew beside a ring that knows another"));
    }
}

/// What the agents of the pods answer to who has these passwords.
pub fn at_the_agents(world: &World, login: &Login, views: &mut BTreeMap<String, NodeAnswer>) {
    for (pod, answer) in views {
        let NodeAnswer::Reachable(view) = answer else { continue };
        let agent = world.pods[pod].agent.as_ref();
        match login.candidates().find(|candidate| Some(*candidate) == agent) {
            Some(accepted) => view.kept_password = login.is_kept_only(accepted),
            None => *answer = NodeAnswer::Locked("HTTP 401".into()),
        }
    }
}

/// What Cassandra answers to who has these passwords.
pub fn at_the_door(world: &World, judged: &Judged, answer: CqlAnswer) -> CqlAnswer {
    let CqlAnswer::Reachable(mut view) = answer else { return answer };
    let ring = &world.ring;
    let superuser = &judged.logins[&SecretPurpose::Superuser];
    match superuser.candidates().find(|candidate| Some(*candidate) == ring.superuser.as_ref()) {
        Some(accepted) => {
            view.superuser = Superuser::Own;
            view.kept_password = superuser.is_kept_only(accepted);
        }
        None if !ring.default_disabled => {
            view.superuser = Superuser::Default;
            view.roles_ready = false;
        }
        None => return CqlAnswer::Refused("username and/or password are incorrect".into()),
    }
    view.roles_ready &= [SecretPurpose::Schema, SecretPurpose::Api].iter().all(|purpose| {
        judged.logins[purpose].wanted().is_some_and(|login| ring.roles.get(&login.username) == Some(&login.password))
    });
    CqlAnswer::Reachable(view)
}

/// The API's pods are made anew only when they can log in.
pub fn check_roll(world: &mut World, before: &Value, object: &Value) {
    let inputs = |object: &Value| object["spec"]["template"]["metadata"]["annotations"].clone();
    if before.is_null() || inputs(before) == inputs(object) {
        return;
    }
    let login = login(world, SecretPurpose::Api);
    if login.is_none_or(|login| world.ring.roles.get(&login.username) != Some(&login.password)) {
        world.violate("the API's pods are made anew with a password that the ring does not know");
    }
}

/// In the end every password is the one that is asked for.
pub fn check_end(world: &World) -> Result<(), String> {
    for purpose in [SecretPurpose::Schema, SecretPurpose::Api] {
        let login = login(world, purpose).ok_or(format!("{purpose:?} has no Secret"))?;
        if world.ring.roles.get(&login.username) != Some(&login.password) {
            return Err(format!("{purpose:?} cannot log in"));
        }
    }
    if login(world, SecretPurpose::Superuser) != world.ring.superuser {
        return Err("the superuser's Secret does not hold what the ring knows".into());
    }
    if world.tier.started_with != login(world, SecretPurpose::Api) {
        return Err("pods of the API have an old password".into());
    }
    Ok(())
}

impl World {
    /// Somebody does this to a Secret.
    pub fn harm(&mut self, purpose: SecretPurpose, harm: Harm) {
        let key = key(purpose);
        let backup = self.backups.get(&key).cloned();
        match harm {
            Harm::Delete => drop(self.objects.remove(&key)),
            Harm::PutBack => {
                let Some(mut backup) = backup else { return };
                if let (SecretPurpose::Superuser, Some(login)) = (purpose, &self.ring.superuser) {
                    write_login(&mut backup, access::LOGIN_KEYS, login);
                }
                backup["metadata"]["uid"] = json!(self.uid());
                self.objects.insert(key, backup);
            }
            Harm::Edit | Harm::DropKey | Harm::Unlabel => {
                let edited = self.uid();
                let Some(object) = self.objects.get_mut(&key) else { return };
                let keys = purpose.keys();
                match harm {
                    Harm::Edit => object["stringData"][keys[keys.len() - 1]] = json!(edited),
                    Harm::DropKey => drop(object["stringData"].as_object_mut().unwrap().remove(keys[keys.len() - 1])),
                    _ => drop(object["metadata"]["labels"].as_object_mut().unwrap().remove(LABEL_STORE)),
                }
            }
        }
        self.version += 1;
    }

    /// Everything is put back as it was, but for what the ring knows better.
    pub fn put_secrets_back(&mut self) {
        for purpose in access::purposes(&Desired::read(self.store.as_ref().unwrap(), Uid::default(), None)) {
            self.harm(purpose, Harm::PutBack);
        }
    }
}
