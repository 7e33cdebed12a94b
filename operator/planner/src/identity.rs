//! Who is who: kinds and names of a store's objects, and UIDs. Pure.

use std::fmt;

use serde::Serialize;

/// UID of a Kubernetes object. It is never empty: as a precondition, an empty one is none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Uid(String);

impl Uid {
    /// `None` where there is none.
    pub fn new(uid: impl Into<String>) -> Option<Uid> {
        Some(uid.into()).filter(|uid| !uid.is_empty()).map(Uid)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
impl Default for Uid {
    fn default() -> Uid {
        Uid("u".to_owned())
    }
}

impl std::ops::Deref for Uid {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A place in the ring.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    pub datacenter: String,
    pub rack: String,
    /// Its number in the rack, from 0.
    pub ordinal: i32,
}

/// Kinds of objects that belong to a StoreCluster. They sort as their names do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChildKind {
    ConfigMap,
    Deployment,
    /// Of the Gateway API, of a CRD that a cluster may have or not.
    HttpRoute,
    Ingress,
    Job,
    NetworkPolicy,
    PersistentVolumeClaim,
    Pod,
    PodDisruptionBudget,
    Secret,
    Service,
    ServiceAccount,
    StatefulSet,
}

impl ChildKind {
    pub const ALL: [ChildKind; 13] = [
        ChildKind::ConfigMap,
        ChildKind::Deployment,
        ChildKind::HttpRoute,
        ChildKind::Ingress,
        ChildKind::Job,
        ChildKind::NetworkPolicy,
        ChildKind::PersistentVolumeClaim,
        ChildKind::Pod,
        ChildKind::PodDisruptionBudget,
        ChildKind::Secret,
        ChildKind::Service,
        ChildKind::ServiceAccount,
        ChildKind::StatefulSet,
    ];

    /// `kind` of the object, as the API server spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            ChildKind::ConfigMap => "ConfigMap",
            ChildKind::Deployment => "Deployment",
            ChildKind::HttpRoute => "HTTPRoute",
            ChildKind::Ingress => "Ingress",
            ChildKind::Job => "Job",
            ChildKind::NetworkPolicy => "NetworkPolicy",
            ChildKind::PersistentVolumeClaim => "PersistentVolumeClaim",
            ChildKind::Pod => "Pod",
            ChildKind::PodDisruptionBudget => "PodDisruptionBudget",
            ChildKind::Secret => "Secret",
            ChildKind::Service => "Service",
            ChildKind::ServiceAccount => "ServiceAccount",
            ChildKind::StatefulSet => "StatefulSet",
        }
    }
}

impl fmt::Display for ChildKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Kind and name of an owned object: StatefulSet shop-cassandra-a.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildKey {
    pub kind: ChildKind,
    pub name: String,
}

impl ChildKey {
    pub fn new(kind: ChildKind, name: impl Into<String>) -> ChildKey {
        ChildKey { kind, name: name.into() }
    }
}

impl fmt::Display for ChildKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_never_empty() {
        assert_eq!(Uid::new(""), None);
        assert_eq!(Uid::new("u-1").as_deref(), Some("u-1"));
    }

    #[test]
    fn kinds_sort_as_their_names_do() {
        let names = ChildKind::ALL.map(ChildKind::as_str);
        assert!(names.is_sorted(), "{names:?}");
        assert!(ChildKind::ALL.is_sorted());
    }
}
