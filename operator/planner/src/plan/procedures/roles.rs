//! The operator's own superuser, and the roles of the schema writer and of the API. Pure.

use store_crds::OperationKind;

use crate::decision::RingAction;
use crate::observation::{SecretPurpose, Superuser};
use crate::plan::draft::{Draft, operation};
use crate::plan::hold::Hold;
use crate::plan::secrets;
use crate::plan::world::Context;
use crate::reason::Reason;

/// The operator's own superuser is made and proved by a log-in; then the default one is disabled.
pub fn superuser(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let cql = context.cql()?;
    if cql.superuser == Superuser::Default && !secrets::is_known(context, SecretPurpose::Superuser) {
        return Some(Hold::waiting(Reason::SettingUpRoles, "the Secret of the operator's superuser is made"));
    }
    let (action, step) = match (cql.superuser, cql.default_superuser_disabled) {
        (Superuser::Default, _) => (RingAction::CreateSuperuser, "the operator's own superuser is made"),
        (Superuser::Own, false) => (RingAction::DisableDefaultSuperuser, "the default superuser is disabled"),
        (Superuser::Own, true) => return None,
    };
    draft.ring = Some(action);
    draft.operate(context, operation(context, OperationKind::Roles, step));
    Some(Hold::waiting(Reason::SettingUpRoles, step))
}

/// The roles of the schema writer and of the API, with their grants on the API's keyspace.
pub fn make(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let cql = context.cql()?;
    draft.memory.roles_ready |= cql.roles_ready;
    // what changes once they have been set up is carried out beside the ladder
    if draft.memory.roles_ready {
        return None;
    }
    if ![SecretPurpose::Schema, SecretPurpose::Api].iter().all(|purpose| secrets::is_known(context, *purpose)) {
        return Some(Hold::waiting(
            Reason::SettingUpRoles,
            "the Secrets of the schema writer and of the API are waited for",
        ));
    }
    draft.ring = Some(RingAction::EnsureRoles);
    let step = "the roles of the schema writer and of the API are set up";
    draft.operate(context, operation(context, OperationKind::Roles, step));
    Some(Hold::waiting(Reason::SettingUpRoles, step))
}
