//! The keys of an issuer, kept, and fetched again when they grow old or a token was signed by another one.
//!
//! However many tokens name unknown keys, the issuer is asked once in [`BETWEEN_FETCHES`] at most,
//! by one request at a time. While it does not answer, the keys that are known hold on for
//! [`LONGEST_AGE`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::Denied;
use super::issuer::{FetchError, Served, Source};

/// Between two questions to the issuer.
pub const BETWEEN_FETCHES: Duration = Duration::from_secs(10);
/// Between two questions while all is well.
pub const FRESH: Duration = Duration::from_secs(5 * 60);
/// Keys that were not confirmed for so long are believed no more.
const LONGEST_AGE: Duration = Duration::from_secs(60 * 60);
/// Keys of a set that are looked at.
const MAX_KEYS: usize = 64;
/// Tokens by unknown keys that wait for the issuer at once.
const WAITING: usize = 8;
/// Keys that are tried for one token.
const MAX_TRIES: usize = 8;

/// See the module.
pub struct Jwks {
    source: Source,
    algorithm: Algorithm,
    known: Mutex<Known>,
    fetching: tokio::sync::Mutex<()>,
    /// For tokens that wait for newer keys.
    places: Semaphore,
}

#[derive(Clone, Default)]
struct Known {
    keys: Option<Arc<Keys>>,
    asked_at: Option<Instant>,
    failure: Option<String>,
}

/// The keys of a set that sign by the one algorithm, as they were at one time.
pub struct Keys {
    keys: Vec<Key>,
    fetched_at: Instant,
}

struct Key {
    id: Option<String>,
    key: DecodingKey,
}

/// How it stands with the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Keys that tokens are checked by now.
    pub keys: usize,
    /// Why they were not had when the issuer was last asked.
    pub failure: Option<String>,
}

impl Keys {
    /// The keys that a token may be signed by: those of its name, or else those without a name; of a token that names
    /// none, all. A few at most, since each costs a verification.
    pub fn candidates<'a>(&'a self, id: Option<&'a str>) -> impl Iterator<Item = &'a DecodingKey> {
        let is_named = id.is_some_and(|id| self.keys.iter().any(|key| key.id.as_deref() == Some(id)));
        let fits = move |key: &&Key| match id {
            None => true,
            Some(id) if is_named => key.id.as_deref() == Some(id),
            Some(_) => key.id.is_none(),
        };
        self.keys.iter().filter(fits).take(MAX_TRIES).map(|key| &key.key)
    }

    fn age(&self) -> Duration {
        self.fetched_at.elapsed()
    }

    fn names(&self) -> impl Iterator<Item = Option<&str>> {
        self.keys.iter().map(|key| key.id.as_deref())
    }
}

impl Jwks {
    /// Keys for one algorithm. No IO yet.
    pub fn new(source: Source, algorithm: Algorithm) -> Self {
        Self {
            source,
            algorithm,
            known: Mutex::default(),
            fetching: tokio::sync::Mutex::new(()),
            places: Semaphore::new(WAITING),
        }
    }

    /// The keys that are known. The issuer is asked where there are none.
    pub async fn current(&self) -> Result<Arc<Keys>, Denied> {
        let believed = || self.known().keys.filter(|keys| keys.age() < LONGEST_AGE);
        if let Some(keys) = believed() {
            return Ok(keys);
        }
        self.ask(None).await;
        believed().ok_or(Denied::NoKeys)
    }

    /// Keys that were fetched after these, since none of these signed a token. `None`: the issuer was asked a moment
    /// ago, or does not answer. A few wait for it at once: whoever sends tokens of no issuer would else keep all who are
    /// worked on waiting for one that is slow.
    pub async fn newer(&self, than: &Arc<Keys>) -> Result<Option<Arc<Keys>>, Denied> {
        let Ok(_place) = self.places.try_acquire() else { return Err(Denied::Asking) };
        self.ask(Some(than)).await;
        Ok(self.known().keys.filter(|keys| !Arc::ptr_eq(keys, than)))
    }

    /// Asks for the keys again and again, so that how it stands is known before a token comes. Never ends.
    pub async fn keep(&self) {
        loop {
            let Known { keys, failure, .. } = self.known();
            // A token may have asked meanwhile, and found them or failed.
            if failure.is_some() || keys.as_ref().is_none_or(|keys| keys.age() >= FRESH) {
                self.ask(keys.as_ref()).await;
            }
            tokio::time::sleep(BETWEEN_FETCHES).await;
        }
    }

    /// How it stands.
    pub fn state(&self) -> State {
        let known = self.known();
        let keys = known.keys.filter(|keys| keys.age() < LONGEST_AGE);
        State { keys: keys.map_or(0, |keys| keys.keys.len()), failure: known.failure }
    }

    /// Whether keys were ever had, however old they are by now.
    pub fn were_had(&self) -> bool {
        self.known().keys.is_some()
    }

    fn known(&self) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the issuer, unless that was done a moment ago. Of many callers one asks; the others
    /// wait for its answer.
    async fn ask(&self, known: Option<&Arc<Keys>>) {
        let _fetching = self.fetching.lock().await;
        let before = self.known();
        let was_done = match (&before.keys, known) {
            (Some(now), Some(known)) => !Arc::ptr_eq(now, known),
            (Some(now), None) => now.age() < LONGEST_AGE,
            (None, _) => false,
        };
        if was_done || before.asked_at.is_some_and(|at| at.elapsed() < BETWEEN_FETCHES) {
            return;
        }
        self.known.lock().unwrap_or_else(PoisonError::into_inner).asked_at = Some(Instant::now());
        let fetched = match self.source.fetch().await {
            Ok(served) => keys_of(&served, self.algorithm),
            Err(error) => Err(error),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match fetched {
            Ok(keys) => {
                let changed = before.keys.is_none_or(|before| !before.names().eq(keys.names()));
                if changed || before.failure.is_some() {
                    tracing::info!(of = self.source.name(), keys = keys.keys.len(), "fetched the keys of the issuer");
                }
                known.keys = Some(Arc::new(keys));
                known.failure = None;
            }
            Err(error) => {
                let failure = error.to_string();
                // It is asked every few seconds; the same words once are enough.
                if before.failure.as_ref() != Some(&failure) {
                    tracing::warn!(error = failure, "could not fetch the keys of the issuer, trying again");
                }
                known.failure = Some(failure);
            }
        }
    }
}

/// The keys of a set that may sign by this algorithm. Keys of other kinds and uses are none of ours.
fn keys_of(served: &Served, algorithm: Algorithm) -> Result<Keys, FetchError> {
    let looked_at = served.keys.iter().take(MAX_KEYS);
    let keys: Vec<Key> = looked_at.filter_map(|value| usable(value, algorithm)).collect();
    if keys.is_empty() {
        let (url, found) = (served.url.clone(), found(&served.keys));
        return Err(FetchError::NoKey { url, algorithm: format!("{algorithm:?}"), found });
    }
    Ok(Keys { keys, fetched_at: Instant::now() })
}

fn usable(value: &Value, algorithm: Algorithm) -> Option<Key> {
    let key: Jwk = serde_json::from_value(value.clone()).ok()?;
    let common = &key.common;
    let by = |name: &KeyAlgorithm| name.to_string() == format!("{algorithm:?}");
    let verifies = |uses: &Vec<KeyOperations>| uses.contains(&KeyOperations::Verify);
    let signs = common.public_key_use.as_ref().is_none_or(|of| *of == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(verifies)
        && common.key_algorithm.as_ref().is_none_or(by);
    let decoding = DecodingKey::from_jwk(&key).ok().filter(|decoding| decoding.family() == algorithm.family())?;
    signs.then(|| Key { id: common.key_id.clone(), key: decoding })
}

/// What keys a set has, in words: kind, algorithm and use of a few.
fn found(keys: &[Value]) -> String {
    if keys.is_empty() {
        return "no key at all".into();
    }
    let word = |key: &Value, member: &str| key[member].as_str().map(|text| text.chars().take(20).collect::<String>());
    let words = |key: &Value| {
        let said = ["kty", "alg", "use"].iter().filter_map(|member| word(key, member));
        said.collect::<Vec<_>>().join(" ")
    };
    keys.iter().take(4).map(words).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use serde_json::json;

    use super::*;

    const POINT: [&str; 2] =
        ["f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"];

    fn curve(more: &Value) -> Value {
        let mut key = json!({"kty": "EC", "crv": "P-256", "x": POINT[0], "y": POINT[1]});
        key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        key
    }

    fn set(keys: Vec<Value>) -> Result<Keys, FetchError> {
        keys_of(&Served { url: "https://id.example.com/keys".into(), keys }, Algorithm::ES256)
    }

    #[test]
    fn of_a_set_the_keys_that_sign_by_the_algorithm_are_taken() {
        for (key, taken) in [
            (curve(&json!({"kid": "a"})), true),
            (curve(&json!({})), true),
            (curve(&json!({"kid": "a", "use": "sig", "alg": "ES256"})), true),
            (curve(&json!({"kid": "a", "key_ops": ["verify"]})), true),
            (curve(&json!({"kid": "a", "use": "enc"})), false),
            (curve(&json!({"kid": "a", "alg": "ECDH-ES"})), false),
            (curve(&json!({"kid": "a", "alg": "ES384"})), false),
            (curve(&json!({"kid": "a", "key_ops": ["deriveKey"]})), false),
            (json!({"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB", "use": "sig"}), false),
            (json!({"kty": "oct", "kid": "a", "k": "c2VjcmV0"}), false),
            (json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}), false),
            (json!({"kty": "quantum", "kid": "a"}), false),
            (json!("a key"), false),
        ] {
            assert_eq!(usable(&key, Algorithm::ES256).is_some(), taken, "{key}");
        }
        let mixed = set(vec![json!({"kty": "quantum"}), curve(&json!({"kid": "a"})), curve(&json!({"use": "enc"}))]);
        assert_eq!(mixed.ok().map(|keys| keys.keys.len()), Some(1));
    }

    #[tokio::test]
    async fn of_many_tokens_by_unknown_keys_a_few_wait_for_an_issuer_that_does_not_answer() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/keys", silent.local_addr().unwrap());
        let (keys, known) = (Jwks::new(Source::Keys(url), Algorithm::ES256), set(vec![curve(&json!({}))]));
        let known = Arc::new(known.ok().unwrap());
        let mut asked: Vec<_> = (0..50).map(|_| Box::pin(keys.newer(&known))).collect();
        let told: Vec<_> = asked.iter_mut().filter_map(FutureExt::now_or_never).collect();
        assert!(told.iter().all(|told| matches!(told, Err(Denied::Asking))));
        assert_eq!(told.len(), 50 - WAITING);
        drop(asked);
        let again = keys.newer(&known).await;
        assert!(matches!(again, Ok(None)), "their places are free again, and the issuer was asked a moment ago");
    }

    #[test]
    fn a_set_without_such_a_key_is_told_with_what_it_has() {
        let rsa = json!({"kty": "RSA", "alg": "RS256", "use": "sig", "n": "AQAB", "e": "AQAB"});
        let told = set(vec![rsa, curve(&json!({"use": "enc"}))]).err().unwrap().to_string();
        assert!(told.contains("none that signs by ES256, but RSA RS256 sig, EC enc:"), "{told}");
        assert!(set(vec![]).err().unwrap().to_string().contains("no key at all"));
    }

    #[test]
    fn a_token_is_tried_with_the_keys_of_its_name_or_with_all_and_with_a_few_at_most() {
        let named = |names: &[Option<&str>]| {
            let key = |name: &Option<&str>| curve(&name.map_or(json!({}), |name| json!({"kid": name})));
            set(names.iter().map(key).collect()).ok().unwrap()
        };
        let tried = |keys: &Keys, id: Option<&str>| keys.candidates(id).count();
        let two = named(&[Some("a"), Some("b")]);
        assert_eq!([tried(&two, Some("a")), tried(&two, Some("c")), tried(&two, None)], [1, 0, 2]);
        let nameless = named(&[None, Some("a")]);
        assert_eq!([tried(&nameless, Some("a")), tried(&nameless, Some("c")), tried(&nameless, None)], [1, 1, 2]);
        assert_eq!(tried(&named(&[Some("a"), Some("a")]), Some("a")), 2);
        assert_eq!(tried(&named(&[None; 20]), None), MAX_TRIES);
    }
}
