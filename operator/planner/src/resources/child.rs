//! An object of a store as it is to be, and what is written for it. Pure data.

use serde_json::Value;

use crate::identity::{ChildKey, Uid};
use crate::observation::SecretPurpose;

/// An owned object as it is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    pub key: ChildKey,
    /// The whole object with `apiVersion`, `kind` and `metadata`.
    pub object: Value,
    pub mode: Mode,
}

/// How an object is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By server-side apply, whenever it is not as rendered. It carries
    /// `storemanager.io/applied-hash`.
    Apply,
    /// Made when it is missing and never touched again; whoever creates it fills it.
    CreateOnce { fill: Fill },
}

/// Values that are not rendered, so that no rendering holds a password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fill {
    #[default]
    Nothing,
    /// These keys of a Secret's `stringData`, each with a random value, by `with_random_values`.
    Random(Vec<&'static str>),
    /// The log-in as the operator keeps it.
    Kept(SecretPurpose),
}

/// One request that brings an object to what is rendered.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// Server-side apply, forced, by `store_crds::FIELD_MANAGER`, to the object of the UID `live`; where none was
    /// seen a POST, so that nothing is taken that is somebody else's.
    Apply { key: ChildKey, object: Value, live: Option<Uid> },
    /// POST; that it exists already, as this shop's, is success. `fill` as in `Mode::CreateOnce`.
    Create { key: ChildKey, object: Value, fill: Fill },
    /// DELETE with this UID as precondition: the object is no longer wanted.
    Delete { key: ChildKey, uid: Uid },
}
