//! Who may read which field, and what a field that could not be read says. Pure.

use std::sync::Arc;

use async_graphql::{Context, Error, ErrorExtensions as _, Guard, Result};
use http::{Method, StatusCode};

use crate::auth::roles::{self, Role};
use crate::problem::Problem;
use crate::route::Route;

/// Who asks, `None` where roles are not asked for; in the data of each query.
pub struct Reader(pub Option<Role>);

/// A field that is for who may GET this route: GraphQL shows nobody more than REST does.
pub struct For(pub Route);

impl Guard for For {
    async fn check(&self, cx: &Context<'_>) -> Result<()> {
        let (Reader(role), Self(route)) = (cx.data::<Reader>()?, self);
        match role {
            Some(role) if !roles::may(*role, *route, &Method::GET) => {
                let detail = format!("a {} may not read this field, it is of {}", role.name(), route.pattern());
                Err(failed(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)))
            }
            _ => Ok(()),
        }
    }
}

/// An error of a field: the problem that the same would be elsewhere.
pub fn failed(problem: Problem) -> Error {
    let code = match problem.errors.first() {
        Some(violation) => violation.code.to_string(),
        None => problem.code.to_owned(),
    };
    let (status, retry_after) = (problem.status.as_u16(), problem.retry_after);
    let message = problem.detail.clone().into_owned();
    let error = Error { message, source: Some(Arc::new(problem)), extensions: None };
    error.extend_with(|_, extensions| {
        extensions.set("code", code);
        extensions.set("status", status);
        if let Some(seconds) = retry_after {
            extensions.set("retryAfter", seconds);
        }
    })
}
