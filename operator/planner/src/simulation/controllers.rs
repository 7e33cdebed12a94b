//! The controllers of the model: a tick makes and ends pods, grows volumes and tries configurations.

use jiff::SignedDuration;
use store_crds::quantity_units;

use super::ring::{Disk, Process, STARTS};
use super::set::SetSeen;
use super::tier;
use super::world::{CHECKS, Check, MISSING_IMAGE, NO_CLASS, NO_ZONE, Pod, REFUSED_OPTION, VOLUME_MAX, World};
use crate::identity::ChildKind;
use crate::observation::{CheckOutcome, ClaimObservation, Growth, PodObservation};

impl World {
    /// One tick of everything but the operator.
    pub fn tick(&mut self) {
        self.now += SignedDuration::from_secs(2);
        self.collect();
        self.end_pods();
        self.refusing.retain(|_, ticks| {
            *ticks -= 1;
            *ticks > 0
        });
        self.unmakable = self.unmakable.saturating_sub(1);
        self.run_stateful_sets();
        for name in self.pods.keys().cloned().collect::<Vec<_>>() {
            self.run_process(&name);
        }
        let up = self.hosts_up();
        self.ring.tick(self.now, &up);
        tier::tick(self);
        self.run_checks();
        for claim in self.claims.values_mut().filter(|claim| claim.capacity_bytes > 0) {
            match claim.requested_bytes {
                bytes if bytes <= VOLUME_MAX => {
                    claim.capacity_bytes = claim.capacity_bytes.max(bytes);
                    claim.growth = Growth::Volume;
                }
                _ => claim.growth = Growth::Failed("no volume can have that size".to_owned()),
            }
        }
        self.claims.retain(|name, claim| !claim.deleting || self.pods.contains_key(name.trim_start_matches("data-")));
    }

    fn end_pods(&mut self) {
        for pod in self.pods.values_mut() {
            pod.ends = pod.ends.map(|ticks| ticks.saturating_sub(1));
        }
        self.pods.retain(|_, pod| pod.ends != Some(0));
    }

    fn run_stateful_sets(&mut self) {
        let sets: Vec<SetSeen> = self.of_kind(ChildKind::StatefulSet).map(SetSeen::of).collect();
        for set in sets {
            let SetSeen { name, replicas, .. } = &set;
            let surplus = |(pod, seen): (&String, &Pod)| {
                (pod.starts_with(&format!("{name}-")) && seen.seen.ordinal >= *replicas).then(|| pod.clone())
            };
            let surplus: Vec<String> = self.pods.iter().filter_map(surplus).collect();
            surplus.iter().for_each(|pod| self.terminate(pod));
            for ordinal in 0..*replicas {
                self.make_pod(&set, &format!("{name}-{ordinal}"), ordinal);
            }
        }
    }

    fn make_pod(&mut self, set: &SetSeen, name: &str, ordinal: i32) {
        if self.pods.contains_key(name) || self.pods_refused || self.unmakable > 0 {
            return;
        }
        let rack = set.rack.clone();
        let claim_name = format!("data-{name}");
        if self.claims.get(&claim_name).is_some_and(|claim| claim.deleting) {
            return;
        }
        if !self.claims.contains_key(&claim_name) {
            super::safety::check_newcomer(self, name);
            let bytes = quantity_units(&set.storage).unwrap();
            let claim = ClaimObservation {
                uid: self.uid(),
                rack: rack.clone(),
                ordinal,
                requested_bytes: bytes,
                expandable: Some(self.growable),
                class: set.class.clone(),
                created_at: self.now,
                ..ClaimObservation::default()
            };
            self.disks.insert(claim.uid.clone(), Disk::Empty);
            self.claims.insert(claim_name.clone(), claim);
        }
        let has_no_volume = |claim: &ClaimObservation| {
            let is_impossible = claim.class.as_deref() == Some(NO_CLASS) || claim.requested_bytes > VOLUME_MAX;
            claim.capacity_bytes == 0 && is_impossible
        };
        let homeless = match &set.zone {
            Some(zone) if zone == NO_ZONE => Some("it cannot be scheduled: no machine is in its zone"),
            _ if self.claims.get(&claim_name).is_some_and(has_no_volume) => {
                Some("it cannot be scheduled: its volume claim has no volume")
            }
            _ => None,
        };
        if let Some(claim) =
            self.claims.get_mut(&claim_name).filter(|claim| homeless.is_none() && claim.capacity_bytes == 0)
        {
            claim.capacity_bytes = claim.requested_bytes;
        }
        let uid = self.uid();
        let seen = PodObservation {
            ip: homeless.is_none().then(|| format!("10.0.0.{}", self.uids)),
            uid,
            rack,
            ordinal,
            template_hash: set.template_hash.clone(),
            configuration: set.configuration.clone(),
            zone: set.zone.clone(),
            created_at: self.now,
            ..PodObservation::default()
        };
        let (image, config_map, ring_name) = (set.image.clone(), set.config_map.clone(), set.ring_name.clone());
        let pod = Pod {
            seen,
            homeless,
            process: homeless.map_or(Process::Starting(STARTS), Process::Crashing),
            ends: None,
            image,
            config_map,
            has_tried: false,
            ring_name,
            agent: None,
        };
        self.pods.insert(name.to_owned(), pod);
    }

    fn run_checks(&mut self) {
        let ended = |check: &Check| (self.now.as_second() - check.seen.created_at.as_second()) / 2 >= CHECKS;
        let outcome = |check: &Check| {
            let configuration = self.config_map(&check.config_map).map(ToString::to_string).unwrap_or_default();
            match check.image.as_str() {
                _ if self.hanging_checks => CheckOutcome::Running(None),
                MISSING_IMAGE => CheckOutcome::Running(Some("container copy-config: ErrImagePull: not found".into())),
                _ if configuration.contains(REFUSED_OPTION) => {
                    CheckOutcome::Refused("Unrecognized VM option 'NoSuchOption'".into())
                }
                _ => CheckOutcome::Passed,
            }
        };
        let running = |check: &&Check| matches!(check.seen.outcome, CheckOutcome::Running(_)) && ended(check);
        let mut news: Vec<(String, CheckOutcome)> = self
            .checks
            .iter()
            .filter(|(_, check)| running(check))
            .map(|(name, check)| (name.clone(), outcome(check)))
            .collect();
        for (name, outcome) in &mut news {
            if self.lost_checks > 0 {
                self.lost_checks -= 1;
                *outcome = CheckOutcome::Lost;
            }
            if let Some(check) = self.checks.get_mut(name) {
                check.seen.outcome = outcome.clone();
            }
        }
    }
}
