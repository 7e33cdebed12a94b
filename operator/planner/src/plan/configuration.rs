//! Which configuration a pod gets that is made again, for whatever reason: the newest one only once a node has come
//! up with it, or where it is to be tried. Pure.
//!
//! Hazard: a StatefulSet has one template for all its pods, and whatever loses a pod (a machine that restarts, an
//! eviction, a hand) takes it up. So the templates keep the configuration that has run until the newest has, but for
//! the moment in which the pod is made that tries it. A pod of the same rack that is lost in that very moment finds
//! by the list of those that try it (`files::TRIAL`) that it is not its turn.

use std::collections::BTreeSet;

use store_crds::{ConfigurationStatus, ConfigurationTrial};

use super::draft::Draft;
use super::ring::{self, Node};
use super::world::Context;
use crate::children::ConfigMap;
use crate::configuration::Configuration;
use crate::decision::Earlier;
use crate::identity::ChildKind;
use crate::resources;

/// The memory as it stands: the newest configuration is good as soon as one node is up with it.
pub fn standing(context: &Context) -> ConfigurationStatus {
    let wanted = &context.wanted.hash;
    let mut memory = context.observation.status.configuration.clone();
    let runs = |node: &Node| node.running.is_some_and(|pod| is_up(node) && context.wanted.is_of(node, pod));
    if context.ring.nodes.iter().any(runs) {
        memory.good = Some(wanted.clone());
    }
    if memory.good.as_ref() == Some(wanted) {
        memory.tried = None;
    } else if let Some(trial) = memory.tried.as_mut().filter(|trial| trial.configuration != *wanted) {
        // whatever was tried before and does not run tries the newest instead
        trial.configuration.clone_from(wanted);
        trial.pods.retain(|pod| context.ring.find(pod).is_some_and(|node| !is_up(node)));
    }
    memory.tried = memory.tried.filter(|trial| !trial.pods.is_empty());
    memory
}

/// What has run, where that is not the newest. `None` also where nobody remembers it: then there is nothing to go
/// back to.
pub fn good(context: &Context, memory: &ConfigurationStatus) -> Option<Configuration> {
    let hash = memory.good.as_ref().filter(|hash| **hash != context.wanted.hash)?;
    let name = resources::configuration_name(context.desired, hash);
    Configuration::read(context.observation.children.config_maps.get(&name)?.configuration.as_deref()?)
}

/// A node that serves with what it is configured by.
fn is_up(node: &Node) -> bool {
    let serves = node.view.is_some_and(|view| ring::is_live(view) && view.native_transport);
    serves && node.running.is_some_and(|pod| pod.ready && !pod.deleting)
}

/// No node has come up with the newest configuration yet.
pub fn is_unproved(context: &Context, draft: &Draft) -> bool {
    draft.memory.configuration.good.as_ref() != Some(&context.wanted.hash)
}

/// The pods that try the newest configuration.
pub fn tried(draft: &Draft) -> &[String] {
    draft.memory.configuration.tried.as_ref().map(|trial| trial.pods.as_slice()).unwrap_or_default()
}

/// Lets a pod try the newest configuration.
pub fn try_with(context: &Context, draft: &mut Draft, pod: &str) {
    let trial = draft.memory.configuration.tried.get_or_insert_with(ConfigurationTrial::default);
    trial.configuration.clone_from(&context.wanted.hash);
    if !trial.pods.iter().any(|known| known == pod) {
        trial.pods.push(pod.to_owned());
    }
}

/// Decides what each rack's template holds.
pub fn place(context: &Context, draft: &mut Draft) {
    draft.shape.legacy = context.observation.pods.values().any(|pod| pod.configuration.is_empty());
    let Some(good) = draft.good.clone() else { return };
    draft.shape.trial = [std::slice::from_ref(&context.wanted.hash), tried(draft)].concat();
    let racks: BTreeSet<String> = context
        .desired
        .cassandra
        .racks
        .iter()
        .filter(|rack| !gets_newest(context, draft, &rack.name))
        .map(|rack| rack.name.clone())
        .collect();
    draft.shape.earlier = Some(Earlier { good, racks });
}

/// A pod that tries the newest configuration is about to be made in the rack, or no other pod can be made there.
pub fn gets_newest(context: &Context, draft: &Draft, rack: &str) -> bool {
    let places = || context.ring.nodes.iter().filter(|node| node.id.rack == rack);
    let tries = |node: &&Node| tried(draft).contains(&node.pod);
    // one that serves takes its time to end; an eviction may be refused
    let goes = |node: &Node| {
        let deleted = || draft.deletes.iter().any(|delete| delete.name == node.pod);
        node.running.is_none_or(|pod| pod.deleting || !pod.ready && deleted())
    };
    let alone = places().next().is_some() && places().all(|node| tries(&node));
    alone || places().filter(tries).any(goes)
}

/// Deletes what no pod can need any more: ConfigMaps of configurations that neither are wanted nor have run last nor
/// are named by any pod or template, and trial runs that are over.
pub fn prune(context: &Context, draft: &mut Draft) {
    let mut needed: BTreeSet<&str> = BTreeSet::from([context.wanted.hash.as_str()]);
    for memory in [&context.observation.status.configuration, &draft.memory.configuration] {
        needed.extend(memory.good.as_deref());
        needed.extend(memory.tried.as_ref().map(|trial| trial.configuration.as_str()));
    }
    needed.extend(context.observation.pods.values().map(|pod| pod.configuration.as_str()));
    let children = &context.observation.children;
    needed.extend(children.stateful_sets.values().filter_map(|set| set.configuration.as_deref()));
    let unneeded = |map: &ConfigMap| map.hash.as_deref().is_some_and(|hash| !needed.contains(hash)) && !map.deleting;
    let gone: Vec<_> = children.config_maps.iter().filter(|(_, map)| unneeded(map)).collect();
    gone.into_iter().for_each(|(name, map)| draft.delete(ChildKind::ConfigMap, name, &map.uid));
    let awaited = is_unproved(context, draft) && tried(draft).is_empty();
    let check = resources::check_name(context.desired, &context.wanted.hash);
    for (name, pod) in context.observation.checks.iter().filter(|(_, pod)| !pod.deleting) {
        if !(awaited && *name == check) {
            draft.delete_pod(name, &pod.uid);
        }
    }
}
