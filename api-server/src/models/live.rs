//! The nodes of the ring as they change: one task of the process looks at them while anybody watches, and all who watch see
//! what it has found. IO through the cluster's use cases.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::cluster::Cluster;
use crate::dao::Context;
use crate::dao::cluster::Node;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Deadline of a look.
const DEADLINE: Duration = Duration::from_secs(5);

/// What is known of the nodes: nothing before the first look.
type Known = Option<Arc<Vec<Node>>>;

/// The watch of one process.
#[derive(Clone)]
pub struct Live(Arc<Shared>);

struct Shared {
    cluster: Cluster,
    seen: watch::Sender<Known>,
    /// Whether the task runs.
    looks: Mutex<bool>,
}

/// Somebody who watches.
pub struct Viewer(watch::Receiver<Known>);

impl Live {
    /// A watch that nobody looks through yet.
    pub fn new(cluster: Cluster) -> Self {
        let (seen, _) = watch::channel(None);
        Self(Arc::new(Shared { cluster, seen, looks: Mutex::new(false) }))
    }

    /// Somebody more who watches; the first of them has the task started.
    pub fn watch(&self) -> Viewer {
        let mut looks = self.0.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let viewer = Viewer(self.0.seen.subscribe());
        if !*looks {
            *looks = true;
            let shared = Arc::clone(&self.0);
            tokio::spawn(async move { shared.look_on().await });
        }
        viewer
    }
}

impl Shared {
    async fn look_on(&self) {
        while !self.is_left() {
            match self.cluster.nodes(&Context::within(DEADLINE)).await {
                Ok(nodes) => {
                    self.seen.send_if_modified(|known| {
                        let changed = known.as_deref() != Some(&nodes);
                        if changed {
                            *known = Some(Arc::new(nodes));
                        }
                        changed
                    });
                }
                Err(error) => tracing::debug!(%error, "the nodes could not be looked at"),
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Whether nobody watches any more; the next one has a task of his own started then.
    fn is_left(&self) -> bool {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        if self.seen.receiver_count() > 0 {
            return false;
        }
        // Who comes next is not to be told what was.
        self.seen.send_replace(None);
        *looks = false;
        true
    }
}

impl Viewer {
    /// The nodes once they are another list than the last one that was given here, `None` when that takes too long.
    pub async fn next(&mut self, wait: Duration) -> Option<Arc<Vec<Node>>> {
        let until = tokio::time::Instant::now() + wait;
        loop {
            let known = self.0.borrow_and_update().clone();
            if known.is_some() {
                return known;
            }
            if !matches!(tokio::time::timeout_at(until, self.0.changed()).await, Ok(Ok(()))) {
                return None;
            }
        }
    }

    /// The same after the first time: only what has changed since.
    pub async fn changed(&mut self, wait: Duration) -> Option<Arc<Vec<Node>>> {
        match tokio::time::timeout(wait, self.0.changed()).await {
            Ok(Ok(())) => self.0.borrow_and_update().clone(),
            Ok(Err(_)) | Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
