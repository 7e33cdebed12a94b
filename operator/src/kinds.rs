//! Kinds of objects that belong to a StoreCluster, as the API server names them. Pure.

use kube::core::{ApiResource, GroupVersionKind};
use store_planner::observation::HTTP_ROUTE;

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
    pub kind: &'static str,
    group: &'static str,
    plural: &'static str,
    pub keep: Keep,
    /// Of a CRD that a cluster may have or not: until it is served, nothing of it exists.
    pub optional: bool,
}

/// Every kind that is watched, by label.
pub const WATCHED: [Kind; 13] = [
    kind("Pod", "", "pods", Keep::PodStatus),
    kind("PersistentVolumeClaim", "", "persistentvolumeclaims", Keep::Whole),
    kind("StatefulSet", "apps", "statefulsets", Keep::Whole),
    kind("Deployment", "apps", "deployments", Keep::Whole),
    kind("Service", "", "services", Keep::Whole),
    kind("ConfigMap", "", "configmaps", Keep::Whole),
    kind("Secret", "", "secrets", Keep::Metadata),
    kind("ServiceAccount", "", "serviceaccounts", Keep::Whole),
    kind("Job", "batch", "jobs", Keep::Whole),
    kind("PodDisruptionBudget", "policy", "poddisruptionbudgets", Keep::Whole),
    kind("NetworkPolicy", "networking.k8s.io", "networkpolicies", Keep::Whole),
    kind("Ingress", "networking.k8s.io", "ingresses", Keep::Whole),
    Kind { optional: true, ..kind(HTTP_ROUTE, "gateway.networking.k8s.io", "httproutes", Keep::Whole) },
];

const fn kind(kind: &'static str, group: &'static str, plural: &'static str, keep: Keep) -> Kind {
    Kind { kind, group, plural, keep, optional: false }
}

impl Kind {
    /// How the API server is asked for it.
    pub fn resource(&self) -> ApiResource {
        let gvk = GroupVersionKind::gvk(self.group, "v1", self.kind);
        ApiResource::from_gvk_with_plural(&gvk, self.plural)
    }
}

/// The resource of a watched kind.
pub fn find_resource(kind: &str) -> Option<ApiResource> {
    WATCHED.iter().find(|watched| watched.kind == kind).map(Kind::resource)
}
