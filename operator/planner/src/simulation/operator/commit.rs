//! Effects of the model's operator, each as the driver makes it, and what somebody refuses.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Failure, Fault, Operator, failed, seen_pods};
use crate::decision::{ClaimEdit, Delete, RingAction};
use crate::desired::Desired;
use crate::effects::{Course, Effect};
use crate::identity::{ChildKey, ChildKind, Uid};
use crate::logins::Logins;
use crate::observation::{Cause, EvictionRefused, Observation, SecretPurpose, TaskKind};
use crate::ownership::{Standing, standing};
use crate::resources::{Write, access};
use crate::secrets::Judged;
use crate::simulation::ring::{DATACENTER, TrueRing};
use crate::simulation::world::World;
use crate::simulation::{safety, secrets};

impl Operator {
    /// Makes one effect as the driver does, unless something stops it.
    pub(super) fn make(
        &mut self,
        world: &mut World,
        desired: &Desired,
        seen: (&Observation, &Judged),
        effect: &Effect,
        fault: &Fault,
        course: &mut Course,
    ) {
        let (part, deed, content, now) = (effect.part(desired), effect.deed(), effect.content(), world.now);
        if !course.allows(part) {
            return;
        }
        if self.refusals.1.holds_back(&deed, &content, now) {
            course.refused(part);
            return;
        }
        match self.commit(world, desired, seen, effect.clone(), fault) {
            Ok(()) => self.refusals.1.done(&deed),
            Err(Failure::Race) => course.raced(part),
            Err(Failure::Refused(cause, words)) => {
                self.refusals.1.refused(&deed, &content, cause, &words, now);
                course.refused(part);
            }
        }
    }

    fn commit(
        &mut self,
        world: &mut World,
        desired: &Desired,
        (observation, judged): (&Observation, &Judged),
        effect: Effect,
        fault: &Fault,
    ) -> Result<(), Failure> {
        if let Some(words) = effect.deed().object.and_then(|object| world.refuses(object.kind)) {
            return Err(Failure::Refused(Cause::Refused, words));
        }
        match effect {
            Effect::Write(write) => self.write_child(world, observation, &judged.kept, write)?,
            Effect::Keep { purposes, .. } => self.keep(world, desired, judged, &purposes),
            Effect::Delete(delete) => self.delete(world, desired, observation, &delete)?,
            Effect::Claim(change) => {
                self.writes.push(format!("{change:?}"));
                let claim = world.claims.get_mut(&change.name).filter(|claim| claim.uid == change.uid);
                let claim = claim.ok_or(Failure::Race)?;
                match change.edit {
                    ClaimEdit::Grow(bytes) if claim.capacity_bytes == 0 || bytes <= claim.capacity_bytes => {
                        world.violate(format!("{} is to have {bytes} bytes, which no API server takes", change.name));
                    }
                    ClaimEdit::Grow(bytes) if claim.expandable == Some(true) => claim.requested_bytes = bytes,
                    ClaimEdit::Grow(_) => world.violate(format!("{} is grown and its class cannot", change.name)),
                    ClaimEdit::Note(note) => claim.note = note,
                    ClaimEdit::MarkLeft(host) => {
                        claim.left = Some(host.clone());
                        if world.ring.members.contains_key(&host) {
                            world.violate(format!("{} is marked as left and is a member", change.name));
                        }
                    }
                }
            }
            Effect::Act(action) => {
                let leaves = matches!(action, RingAction::Decommission { .. });
                if leaves && observation.pods != seen_pods(world) {
                    return Err(Failure::Race);
                }
                self.act(world, (desired, judged), action, fault)?;
            }
        }
        Ok(())
    }

    fn keep(&mut self, world: &mut World, desired: &Desired, judged: &Judged, purposes: &BTreeSet<SecretPurpose>) {
        self.writes.push(format!("keep {purposes:?}"));
        let mut record = judged.kept.clone();
        record.extend(purposes.iter().map(|purpose| (*purpose, judged.logins[purpose].secret.clone().unwrap())));
        let mut object = access::build_record(desired);
        for (purpose, login) in &record {
            secrets::write_login(&mut object, access::record_keys(*purpose), login);
        }
        object["metadata"]["uid"] = json!(world.uid());
        world.objects.insert(secrets::record_key(), object);
        world.version += 1;
    }

    fn write_child(
        &mut self,
        world: &mut World,
        observation: &Observation,
        kept: &Logins,
        write: Write,
    ) -> Result<(), Failure> {
        self.writes.push(match &write {
            Write::Apply { key, object, .. } => format!("apply {} {}", key, object["spec"]["replicas"]),
            Write::Create { key, .. } => format!("create {}", key),
            Write::Delete { key, .. } => format!("delete {}", key),
        });
        if let Write::Apply { key, .. } | Write::Create { key, .. } = &write {
            let own = world.objects.get(key).filter(|_| key.kind != ChildKind::Secret);
            let there = world.foreign.get(key).or(own).map(|object| standing(&observation.store, object));
            match there {
                None => {}
                Some(Standing::Former) => return Err(Failure::Refused(Cause::Former, "it is there".into())),
                Some(Standing::Foreign(owner)) => {
                    return Err(Failure::Refused(Cause::Taken(owner), "it is there".into()));
                }
                Some(Standing::Ours | Standing::Orphaned) if world.foreign.contains_key(key) => {
                    world.violate(format!("{key:?} is changed and is another's"));
                }
                Some(Standing::Ours | Standing::Orphaned) => {}
            }
        }
        world.version += 1;
        match write {
            Write::Apply { key, object, .. } => {
                let uid = world.objects.get(&key).map(|live| live["metadata"]["uid"].clone());
                let before = world.objects.get(&key).cloned().unwrap_or(Value::Null);
                let replicas = |object: &Value| object["spec"]["replicas"].as_i64().unwrap_or(0);
                if key.kind == ChildKind::StatefulSet && replicas(&object) < replicas(&before) {
                    if observation.pods != seen_pods(world) {
                        return Err(Failure::Race);
                    }
                    safety::check_shrink(world, &key.name, replicas(&object));
                }
                let template = |object: &Value| object["spec"]["volumeClaimTemplates"].clone();
                if key.kind == ChildKind::StatefulSet && uid.is_some() && template(&object) != template(&before) {
                    let words = "spec: Forbidden: updates to statefulset spec for fields other than 'replicas'";
                    return Err(Failure::Refused(Cause::Refused, words.into()));
                }
                if key.kind == ChildKind::Deployment {
                    safety::check_deployment(world, &object);
                    secrets::check_roll(world, &before, &object);
                }
                let mut object = object;
                object["metadata"]["uid"] = uid.unwrap_or_else(|| json!(world.uid()));
                let created = before["metadata"]["creationTimestamp"].as_str().map(str::to_owned);
                object["metadata"]["creationTimestamp"] = json!(created.unwrap_or_else(|| world.now.to_string()));
                let generation = before["metadata"]["generation"].as_i64().unwrap_or(0);
                let changed = i64::from(before["spec"] != object["spec"]);
                object["metadata"]["generation"] = json!(generation + changed);
                object["status"] = before["status"].clone();
                if object["status"].is_null() {
                    object.as_object_mut().unwrap().remove("status");
                }
                world.objects.insert(key, object);
            }
            Write::Create { key, object, .. } if key.kind == ChildKind::Pod => world.make_check(&key.name, &object),
            Write::Create { key, mut object, fill } => {
                if world.objects.contains_key(&key) {
                    return Ok(());
                }
                secrets::fill(world, &mut object, &fill, kept);
                if key.kind == ChildKind::Job {
                    safety::check_job(world);
                }
                object["metadata"]["uid"] = json!(world.uid());
                object["metadata"]["creationTimestamp"] = json!(world.now.to_string());
                if key.kind == ChildKind::Secret {
                    world.backups.entry(key.clone()).or_insert_with(|| object.clone());
                }
                world.objects.insert(key, object);
            }
            Write::Delete { key, uid } => {
                if world.foreign.contains_key(&key) {
                    world.violate(format!("{key:?} is deleted and is another's"));
                }
                if world.objects.get(&key).is_some_and(|live| live["metadata"]["uid"] == uid.as_str()) {
                    world.objects.remove(&key);
                }
            }
        }
        Ok(())
    }

    fn delete(
        &mut self,
        world: &mut World,
        desired: &Desired,
        observation: &Observation,
        delete: &Delete,
    ) -> Result<(), Failure> {
        self.writes.push(format!("{delete:?}"));
        match delete.kind {
            ChildKind::Pod if world.checks.contains_key(&delete.name) => {
                world.checks.retain(|name, check| *name != delete.name || check.seen.uid != delete.uid);
            }
            ChildKind::Pod => {
                if observation.pods != seen_pods(world) {
                    return Err(Failure::Race);
                }
                let Some(pod) = world.pods.get(&delete.name).filter(|pod| pod.seen.uid == delete.uid) else {
                    return Err(Failure::Race);
                };
                if pod.seen.deleting {
                    return Ok(());
                }
                if pod.seen.ready && !world.may_evict() {
                    self.refuse(&delete.uid, world);
                    return Ok(());
                }
                self.refused = None;
                safety::check_pod_delete(world, &delete.name);
                world.terminate(&delete.name);
            }
            ChildKind::PersistentVolumeClaim => {
                let claim = world.claims.get(&delete.name).filter(|claim| claim.uid == delete.uid);
                let claim = claim.ok_or(Failure::Race)?.clone();
                safety::check_claim_delete(world, desired, &delete.name, &claim);
                world.claims.entry(delete.name.clone()).and_modify(|claim| claim.deleting = true);
            }
            kind => {
                let key = ChildKey { kind, name: delete.name.clone() };
                let live = world.objects.get(&key).ok_or(Failure::Race)?;
                if live["metadata"]["uid"] != delete.uid.as_str() {
                    return Err(Failure::Race);
                }
                let guarded = kind == ChildKind::StatefulSet && !delete.orphan && !world.is_being_deleted();
                if guarded && observation.pods != seen_pods(world) {
                    return Err(Failure::Race);
                }
                world.objects.remove(&key);
                world.version += 1;
                if kind == ChildKind::StatefulSet && !delete.orphan {
                    safety::check_set_delete(world, &delete.name);
                    world.pods.retain(|pod, _| !pod.starts_with(&format!("{}-", delete.name)));
                }
            }
        }
        Ok(())
    }

    /// The budget of disruptions has nothing left.
    fn refuse(&mut self, uid: &Uid, world: &World) {
        let since = self.refused.as_ref().filter(|before| before.uid == *uid).map_or(world.now, |before| before.since);
        let words = "Cannot evict pod as it would violate the pod's disruption budget.".to_owned();
        self.refused = Some(EvictionRefused { uid: uid.clone(), words, since, at: world.now });
    }

    fn act(
        &mut self,
        world: &mut World,
        (desired, judged): (&Desired, &Judged),
        action: RingAction,
        fault: &Fault,
    ) -> Result<(), Failure> {
        self.writes.push(format!("{action:?}"));
        safety::check_action(world, &action);
        if world.live_members() == 0 {
            return Err(failed());
        }
        match action {
            RingAction::CreateSuperuser => {
                let superuser = judged.logins[&SecretPurpose::Superuser].wanted();
                world.ring.superuser = Some(superuser.ok_or_else(failed)?.clone());
            }
            RingAction::DisableDefaultSuperuser => world.ring.default_disabled = true,
            RingAction::EnsureRoles => {
                for purpose in [SecretPurpose::Schema, SecretPurpose::Api] {
                    let login = judged.logins[&purpose].wanted().ok_or_else(failed)?;
                    world.ring.roles.insert(login.username.clone(), login.password.clone());
                }
                world.ring.granted.insert(desired.api.keyspace.clone());
            }
            RingAction::CreateKeyspace { keyspace, factors } => {
                let replication = factors[DATACENTER];
                let create = |ring: &mut TrueRing| ring.create(keyspace, replication);
                world.ring.change_schema(fault.lag, create);
                return if fault.lag > 0 { Err(failed()) } else { Ok(()) };
            }
            RingAction::AlterReplication { keyspace, factors } if fault.late => {
                world.ring.late.push((2, keyspace, factors[DATACENTER]));
                return Err(failed());
            }
            RingAction::AlterReplication { keyspace, factors } => {
                world.ring.change_schema(fault.lag, |ring| ring.alter(&keyspace, factors[DATACENTER]));
                return if fault.lag > 0 { Err(failed()) } else { Ok(()) };
            }
            RingAction::Decommission { pod } => self.tasks.begin(world, &pod, TaskKind::Decommission, None),
            RingAction::ResumeJoin { pod } => self.tasks.begin(world, &pod, TaskKind::Join, None),
            RingAction::Cleanup { pod, keyspace } => self.tasks.begin(world, &pod, TaskKind::Cleanup, keyspace),
            RingAction::Repair { pod, keyspace } => self.tasks.begin(world, &pod, TaskKind::Repair, Some(keyspace)),
        }
        Ok(())
    }
}
