//! `/cluster/operation`: what the operator of this shop is doing. It tells by a file beside the program, which is read when
//! somebody asks, so that no right in Kubernetes is needed.

use std::io::{ErrorKind, Read as _};
use std::path::Path;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::cluster::answer;
use super::request::{self, Query};
use crate::app::App;
use crate::problem::Problem;
use crate::views::operation::{OperationView, ToldView};

/// A ConfigMap has no more.
const BYTES_MAX: u64 = 1024 * 1024;

/// What the operator is doing
///
/// What, why, since when, how far, and what it waits for. Where the API does not run in a shop of an operator, or that has told
/// nothing yet, `told` is `null`. It is as old as the file that the operator writes is on its way: some two minutes at most.
#[utoipa::path(
    get, path = "/cluster/operation", tag = "cluster", operation_id = "getClusterOperation",
    responses(
        (status = 200, description = "What the operator told last", body = OperationView),
        (status = 400, response = crate::openapi::Malformed),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn show(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    request::accepts_json(&parts.headers)?;
    Query::read(&parts, &[], &[])?;
    let told = match app.operation_file.get().cloned() {
        None => None,
        Some(path) => {
            let read = tokio::task::spawn_blocking(move || read(&path)).await;
            read.unwrap_or_else(|_| Err(unreadable("reading it broke off")))?
        }
    };
    answer(&OperationView { told })
}

/// What stands in the file; `None` where there is none yet.
fn read(path: &Path) -> Result<Option<ToldView>, Problem> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(&error.to_string())),
    };
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes).map_err(|error| unreadable(&error.to_string()))?;
    serde_json::from_slice(&bytes).map(Some).map_err(|error| unreadable(&error.to_string()))
}

fn unreadable(why: &str) -> Problem {
    Problem::unavailable("operation_unreadable", format!("what the operator tells cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_tells_nothing_and_one_that_is_broken_is_said_to_be() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("operation.json");
        assert_eq!(read(&path).unwrap(), None);
        std::fs::write(&path, "{").unwrap();
        assert_eq!(read(&path).unwrap_err().code, "operation_unreadable");
        let text = r#"{"shop": "shop", "message": "", "operations": [], "waits": [], "faults": [], "owed": [], "changes": []}"#;
        std::fs::write(&path, text).unwrap();
        assert_eq!(read(&path).unwrap().unwrap().shop, "shop");
    }
}
