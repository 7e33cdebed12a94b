//! The effects of a pass in their order, and what a refused one stops. Pure; the driver and the model of the
//! simulation both go by it.
//!
//! The ring comes first. What is refused stops what depends on it and nothing else: an Ingress that a webhook
//! refuses keeps no node from being repaired. That somebody else wrote first stops the rest of its lane, for
//! that was decided on what is no longer so.

#![deny(clippy::wildcard_enum_match_arm)]

use std::collections::BTreeSet;

use store_crds::{LABEL_COMPONENT, Lane};

use crate::decision::{ClaimChange, ClaimEdit, Delete, Plan, RingAction};
use crate::desired::Desired;
use crate::identity::{ChildKey, ChildKind};
use crate::observation::SecretPurpose;
use crate::refusals::Deed;
use crate::resources::{self, Write, access};

/// One effect, after the status was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Write(Write),
    Delete(Delete),
    Claim(ClaimChange),
    /// Log-ins that work go into the operator's record, a Secret of this name.
    Keep {
        record: String,
        purposes: BTreeSet<SecretPurpose>,
    },
    Act(RingAction),
}

/// What an effect is for, in the order in which they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// What Cassandra's pods refer to: configuration, passwords, account, headless Service.
    Ground,
    /// The Service by which clients find nodes.
    Contact,
    /// Disruption budget and policies of the nodes, the trial run of a configuration.
    Guard,
    /// StatefulSets.
    Nodes,
    /// Pods, StatefulSets, claims and what else goes of the ring.
    Going,
    /// Claims grow, or are marked.
    Claims,
    /// The operator's record of log-ins.
    Record,
    /// A node leaves the ring.
    Leave,
    /// Any other change of the ring, its schema or its roles.
    Ring,
    /// What the API's pods refer to: passwords, account.
    ApiGround,
    /// The API's Service.
    ApiService,
    /// Disruption budget and policies of the API's pods.
    ApiGuard,
    /// The schema Job.
    Schema,
    /// The Deployment.
    Api,
    /// Ingress and HTTPRoute.
    WayIn,
    /// Jobs that are done, ways in that are no longer wanted, ConfigMaps that no pod refers to.
    ApiGoing,
}

impl Part {
    /// What is stopped together: the ring with its schema and volumes, and the API.
    pub fn lane(self) -> Lane {
        if self < Part::ApiGround { Lane::Ring } else { Lane::Api }
    }

    /// What must not have been refused.
    fn needs(self) -> &'static [Part] {
        match self {
            Part::Ground | Part::Contact | Part::Guard | Part::Claims | Part::Record | Part::Ring => &[],
            // a pod that starts takes what it refers to as it finds it
            Part::Nodes => &[Part::Ground],
            Part::Going => &[Part::Ground, Part::Nodes],
            Part::Leave => &[Part::Ground, Part::Nodes, Part::Going],
            Part::ApiGround | Part::ApiService | Part::ApiGuard | Part::ApiGoing => &[],
            // the name of somebody else's Service would be given the passwords
            Part::Schema | Part::Api => &[Part::Contact, Part::ApiGround],
            // and the shop's visitors
            Part::WayIn => &[Part::ApiService],
        }
    }
}

impl Effect {
    pub fn part(&self, desired: &Desired) -> Part {
        match self {
            Effect::Write(Write::Apply { key, object, .. } | Write::Create { key, object, .. }) => {
                let of_ring = object["metadata"]["labels"][LABEL_COMPONENT] == "cassandra";
                written(desired, key, of_ring)
            }
            Effect::Write(Write::Delete { .. }) => Part::ApiGoing,
            // what no pod refers to any more keeps nothing up
            Effect::Delete(delete) if [ChildKind::Job, ChildKind::ConfigMap].contains(&delete.kind) => Part::ApiGoing,
            Effect::Delete(_) => Part::Going,
            Effect::Claim(_) => Part::Claims,
            Effect::Keep { .. } => Part::Record,
            Effect::Act(RingAction::Decommission { .. }) => Part::Leave,
            Effect::Act(_) => Part::Ring,
        }
    }

    /// What is done to what, in words.
    pub fn deed(&self) -> Deed {
        let deed = |verb: &str, kind: ChildKind, name: &str| Deed {
            verb: verb.to_owned(),
            object: Some(ChildKey::new(kind, name)),
        };
        match self {
            Effect::Write(Write::Apply { key, .. } | Write::Create { key, .. }) => deed("write", key.kind, &key.name),
            Effect::Write(Write::Delete { key, .. }) => deed("delete", key.kind, &key.name),
            Effect::Delete(delete) => deed("delete", delete.kind, &delete.name),
            Effect::Claim(change) => {
                let verb = match change.edit {
                    ClaimEdit::Grow(_) => "grow",
                    ClaimEdit::MarkLeft(_) => "mark",
                    ClaimEdit::Note(_) => "annotate",
                };
                deed(verb, ChildKind::PersistentVolumeClaim, &change.name)
            }
            Effect::Keep { record, .. } => deed("write", ChildKind::Secret, record),
            Effect::Act(action) => Deed { verb: action.to_string(), object: None },
        }
    }

    /// What tells two effects of the same deed apart.
    pub fn content(&self) -> String {
        format!("{self:?}")
    }
}

fn written(desired: &Desired, key: &ChildKey, of_ring: bool) -> Part {
    match (key.kind, of_ring) {
        (ChildKind::StatefulSet, _) => Part::Nodes,
        // the only pod that is made is one that tries a configuration
        (ChildKind::PodDisruptionBudget | ChildKind::NetworkPolicy, true) | (ChildKind::Pod, _) => Part::Guard,
        (ChildKind::Service, true) if key.name == resources::client_name(desired) => Part::Contact,
        (_, true) => Part::Ground,
        (ChildKind::PodDisruptionBudget | ChildKind::NetworkPolicy, false) => Part::ApiGuard,
        // pods start without it
        (ChildKind::ConfigMap, false) if resources::operation::is_it(key) => Part::ApiGuard,
        (ChildKind::Service, false) => Part::ApiService,
        (ChildKind::Job, false) => Part::Schema,
        (ChildKind::Deployment, false) => Part::Api,
        (ChildKind::Ingress | ChildKind::HttpRoute, false) => Part::WayIn,
        (
            ChildKind::ConfigMap | ChildKind::PersistentVolumeClaim | ChildKind::Secret | ChildKind::ServiceAccount,
            false,
        ) => Part::ApiGround,
    }
}

/// The effects of a plan in the order in which they are made. Those of one part keep theirs.
pub fn in_order(desired: &Desired, plan: &Plan, writes: Vec<Write>) -> Vec<Effect> {
    let writes = writes.into_iter().map(Effect::Write);
    let deletes = plan.deletes.iter().cloned().map(Effect::Delete);
    let claims = plan.claims.iter().cloned().map(Effect::Claim);
    let keep = (!plan.keep.is_empty())
        .then(|| Effect::Keep { record: access::record_name(desired), purposes: plan.keep.clone() });
    let act = plan.ring.clone().map(Effect::Act);
    let mut effects: Vec<Effect> = writes.chain(deletes).chain(claims).chain(keep).chain(act).collect();
    effects.sort_by_key(|effect| effect.part(desired));
    effects
}

/// What has been stopped so far in a pass.
#[derive(Clone, Debug, Default)]
pub struct Course {
    refused: BTreeSet<Part>,
    raced: BTreeSet<Lane>,
}

impl Course {
    pub fn refused(&mut self, part: Part) {
        self.refused.insert(part);
    }

    /// Somebody else wrote first.
    pub fn raced(&mut self, part: Part) {
        self.raced.insert(part.lane());
    }

    pub fn has_raced(&self) -> bool {
        !self.raced.is_empty()
    }

    /// Whether effects of that part are made.
    pub fn allows(&self, part: Part) -> bool {
        !self.raced.contains(&part.lane()) && !part.needs().iter().any(|needed| self.refused.contains(needed))
    }

    /// Everything went through.
    pub fn is_whole(&self) -> bool {
        self.refused.is_empty() && self.raced.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::decision::Shape;
    use crate::resources::tests as sample;

    /// Parts that still go on when one was refused.
    fn stopped_by(refused: Part, all: &[Part]) -> Vec<Part> {
        let mut course = Course::default();
        course.refused(refused);
        all.iter().copied().filter(|part| !course.allows(*part)).collect()
    }

    const ALL: [Part; 16] = [
        Part::Ground,
        Part::Contact,
        Part::Guard,
        Part::Nodes,
        Part::Going,
        Part::Claims,
        Part::Record,
        Part::Leave,
        Part::Ring,
        Part::ApiGround,
        Part::ApiService,
        Part::ApiGuard,
        Part::Schema,
        Part::Api,
        Part::WayIn,
        Part::ApiGoing,
    ];

    #[test]
    fn what_is_refused_stops_what_depends_on_it_and_nothing_else() {
        for part in [Part::WayIn, Part::Api, Part::Schema, Part::ApiGuard, Part::Guard, Part::Claims, Part::Ring] {
            assert_eq!(stopped_by(part, &ALL), [], "{part:?}");
        }
        assert_eq!(stopped_by(Part::Ground, &ALL), [Part::Nodes, Part::Going, Part::Leave]);
        assert_eq!(stopped_by(Part::Nodes, &ALL), [Part::Going, Part::Leave]);
        assert_eq!(stopped_by(Part::Contact, &ALL), [Part::Schema, Part::Api]);
        assert_eq!(stopped_by(Part::ApiService, &ALL), [Part::WayIn]);
    }

    #[test]
    fn a_race_stops_the_rest_of_its_lane() {
        let mut course = Course::default();
        course.raced(Part::Going);
        assert!(!course.allows(Part::Ring) && course.allows(Part::Api) && course.has_raced());
    }

    #[test]
    fn the_ring_comes_first_and_what_pods_refer_to_before_them() {
        let (desired, settings) = (sample::production(), sample::settings());
        let racks = desired.cassandra.racks.iter().map(|rack| (rack.name.clone(), 1)).collect();
        let secrets = sample::all_secrets();
        let shape = Shape { replicas: racks, secrets, api: Some(Default::default()), route: true, ..Shape::default() };
        let writes = resources::diff(&resources::build(&desired, &shape, &settings), &BTreeMap::new());
        let mut effects: Vec<Effect> = writes.into_iter().map(Effect::Write).collect();
        effects.sort_by_key(|effect| effect.part(&desired));
        let deeds: Vec<String> = effects.iter().map(|effect| effect.deed().to_string()).collect();
        let place = |what: &str| deeds.iter().position(|deed| deed.contains(what)).unwrap_or_else(|| panic!("{what}"));
        let order = ["ConfigMap shop-cassandra", "StatefulSet", "Secret shop-api", "Deployment", "Ingress shop-api"];
        assert!(order.windows(2).all(|pair| place(pair[0]) < place(pair[1])), "{deeds:#?}");
        assert!(place("Secret shop-jolokia") < place("StatefulSet"), "{deeds:#?}");
    }
}
