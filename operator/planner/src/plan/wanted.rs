//! The configuration that the spec asks for, and whether a pod was made for it. Pure.

use std::collections::BTreeMap;

use super::ring::Node;
use crate::configuration::Configuration;
use crate::desired::Desired;
use crate::observation::PodObservation;
use crate::resources;
use crate::settings::Settings;

/// The configuration that the spec asks for.
pub struct Wanted {
    pub hash: String,
    /// Hash of the pods' template in each rack.
    templates: BTreeMap<String, String>,
}

impl Wanted {
    pub fn of(desired: &Desired, settings: &Settings) -> Wanted {
        let racks = desired.cassandra.racks.iter();
        let templates = racks.map(|rack| (rack.name.clone(), resources::template_hash(desired, rack, settings)));
        Wanted { hash: Configuration::wanted(desired, settings).hash(), templates: templates.collect() }
    }

    /// The pod was made for it.
    pub fn is_of(&self, node: &Node, pod: &PodObservation) -> bool {
        self.templates.get(&node.id.rack).is_none_or(|template| *template == pod.template_hash)
    }
}
