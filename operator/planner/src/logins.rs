//! Log-ins of a store: what its Secrets hold, and what was last seen to work. Pure.

use std::collections::BTreeMap;
use std::fmt;

use crate::observation::SecretPurpose;

/// The role that Cassandra is born with.
pub const DEFAULT_SUPERUSER: &str = "cassandra";

/// Log-ins by what they are for.
pub type Logins = BTreeMap<SecretPurpose, Credentials>;

/// User name and password. Its `Debug` shows the user name only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Credentials {
    pub username: String,
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// A log-in as its Secret holds it, and as it was last seen to work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    pub secret: Option<Credentials>,
    /// By the operator's record.
    pub kept: Option<Credentials>,
}

impl Login {
    /// What is tried, in this order: so a changed password counts as soon as it works.
    pub fn candidates(&self) -> impl Iterator<Item = &Credentials> {
        let kept = self.kept.as_ref().filter(|kept| self.secret.as_ref() != Some(kept));
        self.secret.iter().chain(kept)
    }

    /// What a role is given.
    pub fn wanted(&self) -> Option<&Credentials> {
        self.secret.as_ref().or(self.kept.as_ref())
    }

    /// Whether these come from the record alone.
    pub fn is_kept_only(&self, credentials: &Credentials) -> bool {
        self.secret.as_ref() != Some(credentials)
    }
}

impl From<Credentials> for Login {
    fn from(credentials: Credentials) -> Login {
        Login { secret: Some(credentials), kept: None }
    }
}

/// What the operator must know of a store to speak with its nodes.
#[derive(Clone, Debug)]
pub struct StoreAccess {
    /// UID of the StoreCluster.
    pub uid: String,
    /// Keyspace of the API's tables.
    pub api_keyspace: String,
    /// Of the nodes' Jolokia agents.
    pub jolokia: Login,
    /// Of the operator's own superuser.
    pub superuser: Login,
    /// Of the role that writes the schema.
    pub schema: Login,
    /// Of the role that the API logs in with.
    pub api: Login,
}

impl StoreAccess {
    /// The log-in of that Secret, where it holds one.
    pub fn login(&self, purpose: SecretPurpose) -> Option<&Login> {
        match purpose {
            SecretPurpose::Superuser => Some(&self.superuser),
            SecretPurpose::Jolokia => Some(&self.jolokia),
            SecretPurpose::Schema => Some(&self.schema),
            SecretPurpose::Api => Some(&self.api),
            SecretPurpose::CursorKey | SecretPurpose::ApiTokens => None,
        }
    }
}
