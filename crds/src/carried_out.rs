//! What was carried out of a spec and so can no longer be taken back, as the status tells it; and the
//! rules about changes that look at it, in CEL and once more in Rust. Pure.
//!
//! A rule that compared a new spec with the old one alone would hold a mistake fast that nothing was
//! ever made from: a zone that does not exist, a hundred times the size that was meant. And it would
//! refuse the way back from a spec that the operator refuses. So the rules compare with what is there.

#![deny(clippy::disallowed_methods)]

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::validate::{Violation, Violations};
use crate::{RackSpec, StoreClusterSpec, messages, quantity_nanos};

/// What can no longer be taken back.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct CarriedOut {
    /// Racks in which a node has started, with the zone it was started in. They cannot be removed,
    /// renamed or moved.
    #[schemars(length(max = 64))]
    pub racks: Vec<CarriedOutRack>,
    /// Datacenter of the volumes; absent until one is bound or a node has started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub datacenter: Option<String>,
    /// What the volumes have; absent until one is bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<CarriedOutStorage>,
    /// Newest series that a node has run: 4.1 or 5.0; absent until one has told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub version: Option<String>,
}

/// A rack in which a node has started.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct CarriedOutRack {
    /// Its name.
    #[schemars(length(max = 64))]
    pub name: String,
    /// Its zone; absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub zone: Option<String>,
}

/// What the volumes have.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct CarriedOutStorage {
    /// Size of the largest volume, to which `spec.cassandra.storage.size` may come back.
    #[schemars(length(max = 32))]
    pub size: String,
    /// StorageClass that they were asked of; absent: the cluster's default class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub class_name: Option<String>,
}

/// A rule about a change. An operator that has not looked yet has made nothing, so anything goes; a status
/// of an older one that does not tell what was carried out is taken for all of it.
fn rule(unchanged: &str, by_status: &str, strict: &str) -> String {
    format!("{unchanged} || !has(self.status) || (has(self.status.carriedOut) ? ({by_status}) : ({strict}))")
}

pub(crate) fn racks_rule() -> String {
    let racks = "self.spec.cassandra.racks";
    let kept = |rack: &str| {
        format!(
            "{racks}.exists(r, r.name == {rack}.name && (has(r.zone) ? r.zone : '') == (has({rack}.zone) ? {rack}.zone : ''))"
        )
    };
    rule(
        &format!("{racks} == oldSelf.spec.cassandra.racks"),
        &format!("self.status.carriedOut.racks.all(c, {})", kept("c")),
        &format!("oldSelf.spec.cassandra.racks.all(o, {})", kept("o")),
    )
}

pub(crate) fn version_rule() -> String {
    let back = "self.spec.cassandra.version.startsWith('4.1')";
    rule(
        "self.spec.cassandra.version == oldSelf.spec.cassandra.version",
        &format!("!has(self.status.carriedOut.version) || self.status.carriedOut.version != '5.0' || !{back}"),
        &format!("!oldSelf.spec.cassandra.version.startsWith('5.0') || !{back}"),
    )
}

pub(crate) fn storage_rule() -> String {
    let size = "self.spec.cassandra.storage.size";
    let reaches = |least: &str| {
        format!("!isQuantity({size}) || !isQuantity({least}) || quantity({size}).compareTo(quantity({least})) >= 0")
    };
    rule(
        &format!("{size} == oldSelf.spec.cassandra.storage.size"),
        &format!("!has(self.status.carriedOut.storage) || {}", reaches("self.status.carriedOut.storage.size")),
        &reaches("oldSelf.spec.cassandra.storage.size"),
    )
}

pub(crate) fn class_rule() -> String {
    let class = |storage: &str| format!("(has({storage}.className) ? {storage}.className : '')");
    let (new, old) = (class("self.spec.cassandra.storage"), class("oldSelf.spec.cassandra.storage"));
    let bound = class("self.status.carriedOut.storage");
    rule(&format!("{new} == {old}"), &format!("!has(self.status.carriedOut.storage) || {new} == {bound}"), "false")
}

pub(crate) fn datacenter_rule() -> String {
    let datacenter = "self.spec.cassandra.datacenter";
    let held = "self.status.carriedOut.datacenter";
    let by_status = format!("!has({held}) || {datacenter} == {held}");
    rule(&format!("{datacenter} == oldSelf.spec.cassandra.datacenter"), &by_status, "false")
}

/// Rules that the change from `old` to `new` breaks; empty: it is allowed. Where it is not known what was
/// carried out, all of `old` was.
pub fn validate_change(
    old: &StoreClusterSpec,
    new: &StoreClusterSpec,
    carried_out: Option<&CarriedOut>,
) -> Vec<Violation> {
    let mut found = Violations::default();
    let (before, after) = (&old.cassandra, &new.cassandra);
    let datacenter = carried_out.map_or(Some(&before.datacenter), |there| there.datacenter.as_ref());
    let fits = before.datacenter == after.datacenter || datacenter.is_none_or(|held| *held == after.datacenter);
    found.unless(fits, "spec.cassandra.datacenter", messages::DATACENTER_CHANGED);

    let has = |name: &str, zone: &str| after.racks.iter().any(|rack| rack.name == name && zone_of(rack) == zone);
    let kept = match carried_out {
        Some(there) => there.racks.iter().all(|rack| has(&rack.name, rack.zone.as_deref().unwrap_or_default())),
        None => before.racks.iter().all(|rack| has(&rack.name, zone_of(rack))),
    };
    found.unless(kept || same_racks(old, new), "spec.cassandra.racks", messages::RACKS_CHANGED);

    let newest = carried_out.map_or(Some(before.version.as_str()), |there| there.version.as_deref());
    let lowered = newest.is_some_and(|newest| newest.starts_with("5.0")) && after.version.starts_with("4.1");
    found.unless(!lowered || before.version == after.version, "spec.cassandra.version", messages::VERSION_LOWERED);

    let least = match carried_out {
        Some(there) => there.storage.as_ref().map(|storage| storage.size.as_str()),
        None => Some(before.storage.size.as_str()),
    };
    let reaches = least.is_none_or(|least| quantity_nanos(least) <= quantity_nanos(&after.storage.size));
    let same = quantity_nanos(&before.storage.size) == quantity_nanos(&after.storage.size);
    found.unless(reaches || same, "spec.cassandra.storage.size", messages::STORAGE_SHRUNK);

    let class = |class: &Option<String>| class.clone().unwrap_or_default();
    let bound = match carried_out {
        Some(there) => there.storage.as_ref().map(|storage| class(&storage.class_name)),
        None => Some(class(&before.storage.class_name)),
    };
    let (before, after) = (class(&before.storage.class_name), class(&after.storage.class_name));
    let fits = before == after || bound.is_none_or(|bound| bound == after);
    found.unless(fits, "spec.cassandra.storage.className", messages::STORAGE_CLASS_CHANGED);
    found.0
}

fn zone_of(rack: &RackSpec) -> &str {
    rack.zone.as_deref().unwrap_or_default()
}

fn same_racks(old: &StoreClusterSpec, new: &StoreClusterSpec) -> bool {
    let (old, new) = (&old.cassandra.racks, &new.cassandra.racks);
    old.len() == new.len() && old.iter().all(|rack| new.contains(rack))
}
