//! The store's Secrets: which are made, which log-ins go into the operator's record, and what is told of
//! those that are gone, changed, or not what they should be. Pure.
//!
//! Hazard: a ring goes on knowing the passwords it was given, whatever becomes of the Secrets. So none is
//! made anew beside a ring that may know another: it comes out of the record, or is waited for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::draft::Draft;
use super::hold::Hold;
use super::world::Context;
use crate::decision::{Origin, RingAction};
use crate::observation::{CqlAnswer, Kept, NodeAnswer, SecretFact, SecretPurpose, SecretState, Superuser};
use crate::reason::Reason;
use crate::resources::access;

/// A Secret without the store's label is watched by nobody: it is looked at again after this long.
const UNWATCHED: Duration = Duration::from_secs(10);
/// What to do where nobody has the password any more.
const LOST: &str = "if nobody has it any more, see \"A password that nobody has\" in docs/operations.md";

/// The Secrets that are made on this pass. They are missing by the word of the API server.
pub fn made(context: &Context) -> BTreeMap<SecretPurpose, Origin> {
    let missing = facts(context).filter(|(_, fact)| fact.state == SecretState::Missing);
    missing.filter_map(|(purpose, fact)| Some((purpose, origin(context, purpose, fact)?))).collect()
}

fn origin(context: &Context, purpose: SecretPurpose, fact: &SecretFact) -> Option<Origin> {
    if fact.kept != Kept::Nothing {
        return Some(Origin::Kept);
    }
    // a record that cannot be read may hold it
    let recorded = !matches!(context.observation.record.state, SecretState::Missing | SecretState::Complete);
    let may_be_new = match purpose {
        SecretPurpose::Superuser => !recorded && (is_unborn(context) || is_default(context)),
        SecretPurpose::Jolokia => !recorded && no_agent_runs(context),
        // a role is given the password that its Secret holds
        SecretPurpose::Schema | SecretPurpose::Api => !recorded,
        SecretPurpose::CursorKey | SecretPurpose::ApiTokens => true,
    };
    may_be_new.then_some(Origin::Random)
}

/// There is no ring, and no volume that one could come out of.
fn is_unborn(context: &Context) -> bool {
    let observation = context.observation;
    let joined = context.ring.nodes.iter().any(|node| node.host_id.is_some());
    !observation.status.roles_ready && !joined && observation.claims.is_empty()
}

/// The ring still lets Cassandra's default superuser in, who can give any role another password.
fn is_default(context: &Context) -> bool {
    context.cql().is_some_and(|cql| cql.superuser == Superuser::Default)
}

/// No pod has come as far as to read the password of its agent.
fn no_agent_runs(context: &Context) -> bool {
    context.observation.pods.values().all(|pod| pod.ip.is_none() && !pod.ready)
}

/// Log-ins that this pass saw to work and that the record has not.
pub fn keep(context: &Context) -> BTreeSet<SecretPurpose> {
    let record = &context.observation.record;
    let writable = match record.state {
        SecretState::Missing => true,
        SecretState::Incomplete(_) | SecretState::Complete => record.labelled,
        SecretState::Unreadable(_) | SecretState::Unusable(_) | SecretState::NotOurs(_) => false,
    };
    let proved = |(purpose, fact): &(SecretPurpose, &SecretFact)| {
        let known = fact.kept == Kept::Same && !record.lost;
        fact.state == SecretState::Complete && !known && is_proved(context, *purpose, fact)
    };
    facts(context).filter(|_| writable).filter(proved).map(|(purpose, _)| purpose).collect()
}

/// What the Secret holds lets in, as this pass saw.
fn is_proved(context: &Context, purpose: SecretPurpose, fact: &SecretFact) -> bool {
    let cql = context.cql();
    match purpose {
        SecretPurpose::Superuser => cql.is_some_and(|cql| cql.superuser == Superuser::Own && !cql.kept_password),
        SecretPurpose::Schema | SecretPurpose::Api => cql.is_some_and(|cql| cql.roles_ready),
        // what is kept is forgotten once no agent needs it
        SecretPurpose::Jolokia => {
            let took_it = |answer: &NodeAnswer| matches!(answer, NodeAnswer::Reachable(view) if !view.kept_password);
            let mut answers = context.observation.views.values();
            match fact.kept {
                Kept::Nothing => answers.any(took_it),
                Kept::Same | Kept::Other => !context.observation.views.is_empty() && answers.all(took_it),
            }
        }
        SecretPurpose::CursorKey | SecretPurpose::ApiTokens => false,
    }
}

/// Somebody has a password for it: its Secret, or the record.
pub fn is_known(context: &Context, purpose: SecretPurpose) -> bool {
    let fact = context.observation.secrets.get(&purpose);
    fact.is_some_and(|fact| fact.state == SecretState::Complete || fact.kept != Kept::Nothing)
}

/// The roles of a shop that has been set up get the passwords that their Secrets hold now, whatever the ring
/// is doing: until then no new pod of the API can log in. It is no guard of the ladder, so that a password
/// that Cassandra does not take stops nothing else.
pub fn follow(context: &Context, draft: &mut Draft) {
    let Some(cql) = context.cql() else { return };
    let set_up = context.observation.status.roles_ready && cql.superuser == Superuser::Own;
    let known = [SecretPurpose::Schema, SecretPurpose::Api].iter().all(|purpose| is_known(context, *purpose));
    if !set_up || cql.roles_ready || !known || draft.ring.is_some() {
        return;
    }
    draft.ring = Some(RingAction::EnsureRoles);
    let step = "the roles of the schema writer and of the API get what their Secrets hold";
    draft.works.push(Hold::waiting(Reason::SettingUpRoles, step));
}

/// What the pods of the API carry. It changes once the role lets in what the new pods are going to read;
/// while something is missing or not proved yet, the pods stay as they are.
pub fn api_inputs(context: &Context) -> Option<String> {
    let live = context.deployment();
    let standing = live.and_then(|deployment| deployment.inputs.clone());
    let proved = context.cql().is_some_and(|cql| cql.roles_ready);
    context.observation.api_inputs.clone().filter(|_| proved || live.is_none()).or(standing)
}

/// Tells of every Secret that is not as it should be.
pub fn tell(context: &Context, draft: &mut Draft) {
    let told: Vec<Hold> = facts(context).filter_map(|(purpose, fact)| trouble(context, purpose, fact)).collect();
    draft.wrongs.extend(told);
    draft.wrongs.extend(record_trouble(context));
}

/// Why Cassandra cannot be asked, where a Secret is the cause.
pub fn locked_out(context: &Context) -> Option<Hold> {
    let fact = context.observation.secrets.get(&SecretPurpose::Superuser)?;
    trouble(context, SecretPurpose::Superuser, fact)
}

/// Nodes whose agents cannot be asked: what goes on in them is not known, so nothing begins.
pub fn locked_nodes(context: &Context) -> Option<Hold> {
    let fact = context.observation.secrets.get(&SecretPurpose::Jolokia)?;
    let locked = context.ring.nodes.iter().any(super::ring::Node::is_locked);
    locked.then(|| trouble(context, SecretPurpose::Jolokia, fact)).flatten()
}

/// When Secrets that no watch tells of are looked at again.
pub fn look_again(context: &Context) -> Option<Duration> {
    facts(context).any(|(_, fact)| fact.state != SecretState::Missing && !fact.labelled).then_some(UNWATCHED)
}

fn facts<'a>(context: &Context<'a>) -> impl Iterator<Item = (SecretPurpose, &'a SecretFact)> {
    context.observation.secrets.iter().map(|(purpose, fact)| (*purpose, fact))
}

fn trouble(context: &Context, purpose: SecretPurpose, fact: &SecretFact) -> Option<Hold> {
    let name = access::secret_name(context.desired, purpose);
    Some(trouble_of(context, purpose, fact, &name)?.of(&name))
}

fn trouble_of(context: &Context, purpose: SecretPurpose, fact: &SecretFact, name: &str) -> Option<Hold> {
    let (what, keys) = (contents(purpose), purpose.keys().join(" and "));
    let label = format!("{}={}", store_crds::LABEL_STORE, context.desired.name);
    let meanwhile = meanwhile(context, purpose, fact);
    match &fact.state {
        SecretState::Missing if origin(context, purpose, fact).is_some() => None,
        SecretState::Missing => Some(Hold::wrong(
            Reason::SecretMissing,
            format!(
                "Secret {name} is gone: it held {what}; put it back with its keys {keys} and the label {label}; \
                 {LOST}; {meanwhile}"
            ),
        )),
        SecretState::Incomplete(lacking) => Some(Hold::wrong(
            Reason::SecretIncomplete,
            format!("Secret {name} lacks {}: it holds {what}; put that back; {meanwhile}", lacking.join(" and ")),
        )),
        SecretState::Unusable(why) => {
            Some(Hold::wrong(Reason::SecretUnusable, format!("Secret {name} is not used: {why}; {meanwhile}")))
        }
        SecretState::NotOurs(store) => Some(Hold::wrong(
            Reason::SecretNotOurs,
            format!(
                "Secret {name} is not used: its label {} names the store {store}; it is to hold {what}: set the label \
                 to {} if it is meant for this shop, or give one of the two shops another name; {meanwhile}",
                store_crds::LABEL_STORE,
                context.desired.name
            ),
        )),
        SecretState::Unreadable(cause) => Some(Hold::wrong(
            Reason::SecretUnreadable,
            format!("Secret {name} cannot be read: {cause}; may the operator get Secrets? {meanwhile}"),
        )),
        SecretState::Complete => refused(context, purpose, name, &meanwhile),
    }
}

/// A Secret whose log-in is refused.
fn refused(context: &Context, purpose: SecretPurpose, name: &str, meanwhile: &str) -> Option<Hold> {
    let refused = |by: String| {
        Hold::wrong(Reason::LoginRefused, format!("{by}; put back what it held before; {LOST}; {meanwhile}"))
    };
    match purpose {
        SecretPurpose::Superuser => match &context.observation.cql {
            CqlAnswer::Refused(words) => {
                Some(refused(format!("Cassandra refused the log-in that Secret {name} holds: {words}")))
            }
            CqlAnswer::Reachable(cql) if cql.superuser == Superuser::Own && cql.kept_password => {
                Some(refused(format!("Cassandra refused the log-in that Secret {name} holds now")))
            }
            CqlAnswer::Reachable(_) | CqlAnswer::Unreachable(_) => None,
        },
        SecretPurpose::Jolokia => {
            let (kept, locked) = other_agents(context);
            let what = format!(
                "refused the password that Secret {name} holds now: an agent has the one that was there when its pod \
                 started; the nodes themselves serve"
            );
            if !locked.is_empty() {
                let text = format!(
                    "the management agents of {} {what}, and nothing is begun in the ring; put back what the Secret held \
                     then, or restart these pods one after another, each once all others are ready: kubectl delete pod",
                    locked.join(", ")
                );
                return Some(Hold::wrong(Reason::LoginRefused, text));
            }
            let nodes = (!kept.is_empty()).then(|| kept.join(", "))?;
            Some(refused(format!("the management agents of {nodes} {what}")))
        }
        SecretPurpose::Schema | SecretPurpose::Api | SecretPurpose::CursorKey | SecretPurpose::ApiTokens => None,
    }
}

/// Pods whose agents do not take what the Secret holds: those that took what is kept, and those that took
/// nothing.
fn other_agents(context: &Context) -> (Vec<String>, Vec<String>) {
    let (mut kept, mut locked) = (Vec::new(), Vec::new());
    for (pod, answer) in &context.observation.views {
        match answer {
            NodeAnswer::Locked(_) => locked.push(pod.clone()),
            NodeAnswer::Reachable(view) if view.kept_password => kept.push(pod.clone()),
            NodeAnswer::Reachable(_) | NodeAnswer::Unreachable(_) => {}
        }
    }
    (kept, locked)
}

/// What goes on until the cure.
fn meanwhile(context: &Context, purpose: SecretPurpose, fact: &SecretFact) -> String {
    let record = access::record_name(context.desired);
    if fact.kept != Kept::Nothing {
        let keys = access::record_keys(purpose).join(" and ");
        return format!("until then the operator goes on with what it keeps in Secret {record}, {keys}");
    }
    match purpose {
        SecretPurpose::Superuser => "until then the shop serves, and nothing is changed in the ring",
        SecretPurpose::Jolokia => "until then the shop serves, and no node is touched",
        SecretPurpose::Schema => "until then no schema Job can log in",
        SecretPurpose::Api | SecretPurpose::CursorKey | SecretPurpose::ApiTokens => {
            "until then no new pod of the API can start"
        }
    }
    .to_owned()
}

fn contents(purpose: SecretPurpose) -> &'static str {
    match purpose {
        SecretPurpose::Superuser => "the log-in of the operator's superuser, which Cassandra knows",
        SecretPurpose::Jolokia => "the log-in of the nodes' management agents",
        SecretPurpose::Schema => "the log-in of the schema writer",
        SecretPurpose::Api => "the log-in of the API",
        SecretPurpose::CursorKey => "the key that the API signs its cursors with",
        SecretPurpose::ApiTokens => "the API's token for each role",
    }
}

/// The record cannot be used. The shop does not need it, until a Secret is lost.
fn record_trouble(context: &Context) -> Option<Hold> {
    let name = access::record_name(context.desired);
    let what = "the operator keeps the log-ins there that worked";
    match &context.observation.record.state {
        SecretState::Missing | SecretState::Incomplete(_) | SecretState::Complete | SecretState::Unusable(_) => None,
        SecretState::NotOurs(store) => Some(Hold::wrong(
            Reason::SecretNotOurs,
            format!("Secret {name} names the store {store} in its label {}, and {what}", store_crds::LABEL_STORE),
        )),
        SecretState::Unreadable(cause) => {
            Some(Hold::wrong(Reason::SecretUnreadable, format!("Secret {name} cannot be read, and {what}: {cause}")))
        }
    }
}
