//! What is known of the Secrets of a store: never their values. Plain data.

/// What a Secret of a store is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretPurpose {
    /// Log-in of the operator itself.
    Superuser,
    /// Log-in of the management agents in the nodes' pods.
    Jolokia,
    /// Log-in of the writer of the API's schema.
    Schema,
    /// Log-in of the API.
    Api,
    /// The key that the API signs its cursors with.
    CursorKey,
    /// The API's token for each role.
    ApiTokens,
}

/// What is known of one Secret. No values: those are the business of whoever logs in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretFact {
    pub state: SecretState,
    /// It has the store's label, so that a watch tells of its changes.
    pub labelled: bool,
    pub kept: Kept,
}

/// What is known of the operator's record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordFact {
    pub state: SecretState,
    pub labelled: bool,
    /// It is gone, and this process still knows what was in it.
    pub lost: bool,
}

/// How a Secret was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SecretState {
    /// The API server refused or did not answer, and why.
    Unreadable(String),
    /// The API server says that there is none of its name.
    #[default]
    Missing,
    /// It lacks these keys, or they are empty.
    Incomplete(Vec<&'static str>),
    /// What is in it would do harm, and why.
    Unusable(String),
    /// Its label names this other store.
    NotOurs(String),
    Complete,
}

/// What the operator keeps of a log-in: what was last seen to work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kept {
    #[default]
    Nothing,
    /// What the Secret holds, too.
    Same,
    /// Something else than the Secret holds, or there is no such Secret.
    Other,
}
