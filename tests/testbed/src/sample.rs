//! Which sample shop suits a cluster, how its API is reached from here, and what of an installation may be removed.
//! Pure.

use std::collections::BTreeSet;

use crate::own_cluster::Tool;

/// Namespace of the samples.
pub const NAMESPACE: &str = "store";
/// Port of loopback that people are told to forward.
pub const LOCAL_PORT: u16 = 15000;

/// A StoreCluster of `k8s/samples`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Its name.
    pub name: &'static str,
    /// Its file.
    pub file: &'static str,
    /// The zones that its racks are bound to.
    zones: &'static [&'static str],
}

impl Sample {
    /// The Service of its API.
    pub fn service(&self) -> String {
        format!("{}-api", self.name)
    }
}

/// From the largest on.
pub const SAMPLES: [Sample; 2] = [
    Sample { name: "shop", file: "storecluster.yaml", zones: &["a", "b", "c"] },
    Sample { name: "minimal", file: "minimal.yaml", zones: &[] },
];

/// The largest sample whose zones the nodes of a cluster have: a rack whose zone is nowhere would wait for ever.
pub fn for_zones(zones: &BTreeSet<String>) -> Sample {
    let [_, smallest] = SAMPLES;
    SAMPLES.into_iter().find(|sample| sample.zones.iter().all(|zone| zones.contains(*zone))).unwrap_or(smallest)
}

/// Which cluster the shop comes up on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The testbed's cluster `shop`, with images built here.
    Testbed,
    /// The cluster of the current kubectl context; it must be able to pull the images.
    CurrentContext,
    /// The cluster of the current kubectl context, which is one of this tool: images built here are loaded onto it.
    Own(Tool),
}

impl Target {
    /// What the environment's `CLUSTER` names.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "" | "testbed" => Some(Self::Testbed),
            "current" => Some(Self::CurrentContext),
            tool => Tool::named(tool).map(Self::Own),
        }
    }

    /// The tool that the cluster has to be of.
    pub fn tool(self) -> Option<Tool> {
        match self {
            Self::Own(tool) => Some(tool),
            Self::Testbed | Self::CurrentContext => None,
        }
    }
}

/// How the API of a shop is reached from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WayIn {
    /// At this URL.
    Url(String),
    /// Nobody knows an address: by `kubectl port-forward`.
    PortForward,
}

/// By what people tell (`STORE_URL`), or else by the address in the shop's status, where that is one outside of
/// Kubernetes. Whether this machine has a way to an address inside a tool's containers depends on the machine.
pub fn way_in(target: Target, told: Option<&str>, status: Option<&str>) -> WayIn {
    let outside = |url: &&str| !url.trim_end_matches('/').ends_with(".svc");
    let status = status.filter(|_| target == Target::CurrentContext).filter(outside);
    match told.filter(|url| !url.is_empty()).or(status) {
        Some(url) => WayIn::Url(url.trim_end_matches('/').to_owned()),
        None => WayIn::PortForward,
    }
}

/// What of an installation is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Sample shops that are there, by name.
    pub shops: Vec<String>,
    /// Whether the operator goes, too.
    pub chart: bool,
    /// Shops of others, as `namespace/name`, which need it.
    pub others: Vec<String>,
}

/// The sample goes, and the operator when nobody else's shop needs it. `stores` are the namespace and name of every
/// StoreCluster.
pub fn removal(stores: &[(String, String)]) -> Removal {
    let is_sample = |(namespace, name): &(String, String)| {
        namespace == NAMESPACE && SAMPLES.iter().any(|sample| sample.name == name)
    };
    let (samples, others): (Vec<_>, Vec<_>) = stores.iter().cloned().partition(is_sample);
    let others: Vec<String> = others.into_iter().map(|(namespace, name)| format!("{namespace}/{name}")).collect();
    Removal { shops: samples.into_iter().map(|(_, name)| name).collect(), chart: others.is_empty(), others }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_without_the_zones_of_the_large_sample_gets_the_small_one() {
        for (zones, wanted) in [
            (vec!["a", "b", "c", "d"], "shop"),
            (vec!["a", "b"], "minimal"),
            (vec!["eu-west-1a", "eu-west-1b", "eu-west-1c"], "minimal"),
            (vec![], "minimal"),
        ] {
            let zones = zones.into_iter().map(str::to_owned).collect();
            assert_eq!(for_zones(&zones).name, wanted, "{zones:?}");
        }
    }

    #[test]
    fn the_samples_are_what_their_files_say() {
        for sample in SAMPLES {
            let path = crate::checkout::root().join("k8s/samples").join(sample.file);
            let text = std::fs::read_to_string(path).expect("a sample");
            let read: serde_json::Value = serde_saphyr::from_str(&text).expect("YAML");
            assert_eq!(
                (&read["metadata"]["name"], &read["metadata"]["namespace"]),
                (&sample.name.into(), &NAMESPACE.into())
            );
            let racks = read["spec"]["cassandra"]["racks"].as_array().cloned().unwrap_or_default();
            assert_eq!(
                racks.iter().map(|rack| rack["zone"].as_str().expect("a zone")).collect::<Vec<_>>(),
                sample.zones
            );
        }
    }

    #[test]
    fn the_shop_is_reached_as_people_say_then_by_an_outside_address_then_by_a_forwarded_port() {
        let inside = Some("http://minimal-api.store.svc");
        let outside = Some("https://shop.example.com/");
        let url = |url: &str| WayIn::Url(url.to_owned());
        let (kind, current) = (Target::Own(Tool::Kind), Target::CurrentContext);
        for (target, told, status, wanted) in [
            (current, Some("http://h:1/"), outside, url("http://h:1")),
            (kind, Some("http://h:1"), inside, url("http://h:1")),
            (current, Some(""), outside, url("https://shop.example.com")),
            (current, None, inside, WayIn::PortForward),
            (current, None, None, WayIn::PortForward),
            (kind, None, inside, WayIn::PortForward),
            // The address that k3d's own Ingress controller writes: of a container.
            (kind, None, Some("http://172.18.0.3"), WayIn::PortForward),
        ] {
            assert_eq!(way_in(target, told, status), wanted, "{target:?} {told:?} {status:?}");
        }
    }

    #[test]
    fn the_operator_stays_while_somebody_elses_shop_needs_it() {
        let store = |namespace: &str, name: &str| (namespace.to_owned(), name.to_owned());
        let of = |stores: &[(String, String)]| removal(stores);
        assert_eq!(of(&[]), Removal { shops: vec![], chart: true, others: vec![] });
        let both = [store("store", "minimal"), store("store", "shop")];
        assert_eq!(of(&both), Removal { shops: vec!["minimal".into(), "shop".into()], chart: true, others: vec![] });
        let more = [store("store", "minimal"), store("store", "mine"), store("other", "shop")];
        let others = vec!["store/mine".to_owned(), "other/shop".to_owned()];
        assert_eq!(of(&more), Removal { shops: vec!["minimal".into()], chart: false, others });
    }
}
