//! Why the ladder goes no further, and what is wrong. Pure.

use jiff::Timestamp;

use crate::reason::Reason;

/// Why the ladder goes no further on this pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// CamelCase, for the condition.
    pub reason: Reason,
    /// What is being done or waited for, and the cure where one is needed.
    pub message: String,
    /// Something is wrong that was not asked for.
    pub wrong: bool,
    /// It is not told yet, since it may be over in a moment.
    pub passing: bool,
    /// It waits for what is done in other lanes: they go on.
    pub yields: bool,
    /// Pod, keyspace or object that it is about, where several of its reason may stand side by side.
    pub object: Option<String>,
    /// Since when, where that is known; else since the first status that tells it.
    pub since: Option<Timestamp>,
    /// Seconds that it may last, where that is not what `waits` says for its reason.
    pub limit: Option<i64>,
}

impl Hold {
    /// Work goes on, or something is waited for. It becomes a fault when it lasts too long (`waits`).
    pub fn waiting(reason: Reason, message: impl Into<String>) -> Hold {
        let message = message.into();
        Hold { reason, message, wrong: false, passing: false, yields: false, object: None, since: None, limit: None }
    }

    /// Something may be wrong, and is if it lasts.
    pub fn passing(reason: Reason, message: impl Into<String>) -> Hold {
        Hold { passing: true, ..Hold::waiting(reason, message) }
    }

    /// Something is wrong that was not asked for.
    pub fn wrong(reason: Reason, message: impl Into<String>) -> Hold {
        Hold { wrong: true, ..Hold::waiting(reason, message) }
    }

    /// It waits for what is done in other lanes, or until somebody else gives way.
    pub fn yielding(self) -> Hold {
        Hold { yields: true, ..self }
    }

    /// It is about this pod, keyspace or object, and others may have the same trouble.
    pub fn of(self, object: impl Into<String>) -> Hold {
        Hold { object: Some(object.into()), ..self }
    }

    /// It began then.
    pub fn since(self, since: Timestamp) -> Hold {
        Hold { since: Some(since), ..self }
    }

    /// It becomes a fault after so many seconds.
    pub fn within(self, seconds: i64) -> Hold {
        Hold { limit: Some(seconds), ..self }
    }
}
