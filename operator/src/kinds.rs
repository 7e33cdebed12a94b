//! Kinds of objects that belong to a StoreCluster, as the API server names them. Pure.

use kube::core::{ApiResource, GroupVersionKind};
use store_planner::identity::ChildKind;

/// What of an object the operator keeps in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Everything but managed fields.
    Whole,
    /// Metadata, status, and of the spec only what `observe` reads: pods are large.
    PodStatus,
    /// Metadata alone: values of Secrets do not stay in memory.
    Metadata,
}

/// A kind that the operator watches.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub kind: ChildKind,
    group: &'static str,
    plural: &'static str,
    pub keep: Keep,
    /// Of a CRD that a cluster may have or not: until it is served, nothing of it exists.
    pub optional: bool,
}

/// Every kind that is watched, by label.
pub const WATCHED: [Kind; ChildKind::ALL.len()] = all();

const fn all() -> [Kind; ChildKind::ALL.len()] {
    let mut kinds = [kind(ChildKind::Pod); ChildKind::ALL.len()];
    let mut at = 0;
    while at < kinds.len() {
        kinds[at] = kind(ChildKind::ALL[at]);
        at += 1;
    }
    kinds
}

const fn kind(kind: ChildKind) -> Kind {
    let (group, plural, keep) = match kind {
        ChildKind::ConfigMap => ("", "configmaps", Keep::Whole),
        ChildKind::Deployment => ("apps", "deployments", Keep::Whole),
        ChildKind::HttpRoute => ("gateway.networking.k8s.io", "httproutes", Keep::Whole),
        ChildKind::Ingress => ("networking.k8s.io", "ingresses", Keep::Whole),
        ChildKind::Job => ("batch", "jobs", Keep::Whole),
        ChildKind::NetworkPolicy => ("networking.k8s.io", "networkpolicies", Keep::Whole),
        ChildKind::PersistentVolumeClaim => ("", "persistentvolumeclaims", Keep::Whole),
        ChildKind::Pod => ("", "pods", Keep::PodStatus),
        ChildKind::PodDisruptionBudget => ("policy", "poddisruptionbudgets", Keep::Whole),
        ChildKind::Secret => ("", "secrets", Keep::Metadata),
        ChildKind::Service => ("", "services", Keep::Whole),
        ChildKind::ServiceAccount => ("", "serviceaccounts", Keep::Whole),
        ChildKind::StatefulSet => ("apps", "statefulsets", Keep::Whole),
    };
    Kind { kind, group, plural, keep, optional: matches!(kind, ChildKind::HttpRoute) }
}

impl Kind {
    /// How the API server is asked for it.
    pub fn resource(&self) -> ApiResource {
        let gvk = GroupVersionKind::gvk(self.group, "v1", self.kind.as_str());
        ApiResource::from_gvk_with_plural(&gvk, self.plural)
    }
}

/// How the API server is asked for objects of a kind.
pub fn resource(of: ChildKind) -> ApiResource {
    kind(of).resource()
}
