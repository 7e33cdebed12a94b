//! Sends notes as Events of events.k8s.io/v1, each text of its own. `kube`'s Recorder folds by reason and action
//! alone and keeps the first text, so that the second pod of a roll-out is told under the name of the first.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource as _, ResourceExt as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use store_crds::StoreCluster;
use store_planner::events::Note;

use crate::clock;

/// Longest note that the API server takes.
const NOTE_BYTES: usize = 1000;
/// Events whose number is remembered.
const KNOWN_MAX: usize = 1024;
/// Events of one store that may be sent at once, and after how many seconds one more.
const BURST: i64 = 30;
const EVERY: i64 = 5;

/// Sends events in the operator's name.
#[derive(Clone)]
pub struct Publisher {
    client: Client,
    /// Name of this operator process.
    instance: String,
    books: Arc<Mutex<Books>>,
}

impl Publisher {
    pub fn new(client: Client, instance: String) -> Publisher {
        Publisher { client, instance, books: Arc::default() }
    }

    /// Sends the notes. One that cannot be sent is logged and lost: events are for people to read.
    pub async fn publish(&self, store: &StoreCluster, notes: Vec<Note>) {
        for note in notes {
            tracing::info!(reason = note.reason, text = note.text, "event");
            let (now, uid) = (clock::now(), store.uid().unwrap_or_default());
            let name = identity(&store.name_any(), &uid, &note);
            let Some(count) = self.books.lock().unwrap_or_else(PoisonError::into_inner).admit(&uid, &name, now) else {
                tracing::debug!(reason = note.reason, "too many events at once: this one is in the log only");
                continue;
            };
            if let Err(error) = self.send(store, &name, note, count, now).await {
                tracing::warn!(%error, "cannot send an event");
            }
        }
    }

    async fn send(
        &self,
        store: &StoreCluster,
        name: &str,
        note: Note,
        count: i32,
        now: Timestamp,
    ) -> Result<(), kube::Error> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), &store.namespace().unwrap_or_default());
        let event = Event {
            metadata: kube::api::ObjectMeta {
                name: Some(name.to_owned()),
                namespace: store.namespace(),
                ..kube::api::ObjectMeta::default()
            },
            type_: Some(if note.warning { "Warning" } else { "Normal" }.to_owned()),
            reason: Some(note.reason),
            note: Some(shorten(note.text)),
            action: Some(note.action.to_owned()),
            event_time: Some(MicroTime(now)),
            regarding: Some(store.object_ref(&())),
            reporting_controller: Some("store-operator".to_owned()),
            reporting_instance: Some(self.instance.clone()),
            ..Event::default()
        };
        match api.create(&PostParams::default(), &event).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 => {
                let series = json!({"series": {"count": count.max(2), "lastObservedTime": MicroTime(now)}});
                match api.patch(name, &PatchParams::default(), &Patch::Merge(series)).await {
                    // it has expired meanwhile
                    Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
                    other => other.map(drop),
                }
            }
            Err(error) => Err(error),
        }
    }
}

/// Name of the Event: the same for the same words about the same store, and for no others.
fn identity(store: &str, uid: &str, note: &Note) -> String {
    let kind = if note.warning { "Warning" } else { "Normal" };
    let mut digest = Sha256::new();
    for part in [uid, kind, note.action, &note.reason, &note.text] {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    let hex: String = digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{store}.{hex}")
}

/// What was sent: how often each event came, and how many a store has sent of late.
#[derive(Default)]
struct Books {
    counts: HashMap<String, i32>,
    oldest: VecDeque<String>,
    /// By UID of the store: events that it may still send, as of then.
    budgets: HashMap<String, (i64, Timestamp)>,
}

impl Books {
    /// Whether one more may be sent, and the how manieth of its words it is.
    fn admit(&mut self, store: &str, name: &str, now: Timestamp) -> Option<i32> {
        self.budgets.retain(|_, (left, at)| *left + refilled(*at, now) < BURST);
        let (left, at) = self.budgets.get(store).copied().unwrap_or((BURST, now));
        let gained = refilled(at, now);
        let left = (left + gained).min(BURST);
        let at = if gained > 0 { now } else { at };
        self.budgets.insert(store.to_owned(), ((left - 1).max(0), at));
        if left < 1 {
            return None;
        }
        if !self.counts.contains_key(name) {
            self.oldest.push_back(name.to_owned());
            if self.oldest.len() > KNOWN_MAX
                && let Some(oldest) = self.oldest.pop_front()
            {
                self.counts.remove(&oldest);
            }
        }
        let count = self.counts.entry(name.to_owned()).or_default();
        *count = count.saturating_add(1);
        Some(*count)
    }
}

fn refilled(since: Timestamp, now: Timestamp) -> i64 {
    (now.as_second() - since.as_second()).max(0) / EVERY
}

fn shorten(mut text: String) -> String {
    if text.len() > NOTE_BYTES {
        let end = (0..=NOTE_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use http::{Method, Request, Response, StatusCode};
    use kube::client::Body;
    use serde_json::Value;

    use super::*;

    fn note(reason: &str, text: &str) -> Note {
        Note { warning: true, action: "Observe", reason: reason.into(), text: text.into() }
    }

    /// An API server that has room for events, by name.
    type Events = Arc<Mutex<BTreeMap<String, Value>>>;

    fn publisher(events: &Events) -> Publisher {
        let events = events.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let events = events.clone();
            async move {
                let (head, body) = request.into_parts();
                let sent: Value = serde_json::from_slice(&body.collect_bytes().await.unwrap()).unwrap();
                let mut events = events.lock().unwrap();
                let (code, answer) = if head.method == Method::POST {
                    let name = sent["metadata"]["name"].as_str().unwrap().to_owned();
                    match events.contains_key(&name) {
                        true => (
                            409,
                            json!({"kind": "Status", "status": "Failure", "code": 409, "reason": "AlreadyExists", "message": ""}),
                        ),
                        false => (201, events.entry(name).or_insert(sent).clone()),
                    }
                } else {
                    let event = events.get_mut(head.uri.path().rsplit('/').next().unwrap()).unwrap();
                    event["series"] = sent["series"].clone();
                    (200, event.clone())
                };
                let code = StatusCode::from_u16(code).unwrap();
                Ok::<_, std::convert::Infallible>(
                    Response::builder().status(code).body(Body::from(answer.to_string().into_bytes())).unwrap(),
                )
            }
        });
        Publisher::new(Client::new(service, "default"), "operator-1".into())
    }

    fn store() -> StoreCluster {
        let mut store = StoreCluster::new("shop", store_crds::StoreClusterSpec::default());
        (store.metadata.namespace, store.metadata.uid) = (Some("default".into()), Some("u-1".into()));
        store
    }

    #[tokio::test]
    async fn two_texts_of_one_reason_are_two_events_and_one_text_twice_is_one_that_is_counted() {
        let events = Events::default();
        let publisher = publisher(&events);
        let pull = "shop-cassandra-a-0 does not run: its image cannot be pulled";
        let told = vec![note("PodNotRunning", pull), note("PodNotRunning", "shop-cassandra-c-0 does not run")];
        publisher.publish(&store(), told).await;
        publisher.publish(&store(), vec![note("PodNotRunning", pull)]).await;
        let events = events.lock().unwrap();
        let listed: BTreeMap<&str, &Value> =
            events.values().map(|event| (event["note"].as_str().unwrap(), &event["series"]["count"])).collect();
        assert_eq!(listed.len(), 2, "{listed:?}");
        assert_eq!(listed[pull], 2);
        assert!(listed["shop-cassandra-c-0 does not run"].is_null());
        assert!(events.keys().all(|name| name.starts_with("shop.")), "{events:?}");
    }

    #[test]
    fn a_store_in_trouble_sends_no_flood_and_others_go_on() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut books = Books::default();
        let sent = (0..100).filter(|number| books.admit("one", &number.to_string(), at(0)).is_some()).count();
        assert_eq!(sent, 30);
        assert_eq!(books.admit("two", "a", at(0)), Some(1));
        assert_eq!(books.admit("one", "b", at(4)), None);
        assert_eq!(books.admit("one", "c", at(5)), Some(1));
        assert_eq!(books.admit("one", "d", at(6)), None);
        let later = (0..100).filter(|number| books.admit("one", &number.to_string(), at(1000)).is_some()).count();
        assert_eq!(later, 30);
        for number in 0..5000 {
            assert_eq!(books.admit("one", &format!("n-{number}"), at(2000 + number * 10)), Some(1));
        }
        assert!(books.counts.len() <= KNOWN_MAX && books.budgets.len() <= 2);
    }
}
