//! An issuer of signed tokens that the API cannot have keys of is told in the words of the API. It stops nothing: pods
//! that have keys go on with them. Pure.

use std::time::Duration;

use store_crds::AuthMode;

use super::draft::Draft;
use super::hold::Hold;
use super::world::Context;
use crate::observation::IssuerAnswer;
use crate::reason::Reason;

/// How often the API is asked: no watch tells of its issuer.
const UNWATCHED: Duration = Duration::from_secs(15);

/// Tells that the keys of the issuer are not to be had.
pub fn tell(context: &Context, draft: &mut Draft) {
    draft.wrongs.extend(trouble(&context.observation.issuer));
}

/// When to look again: while there are pods to be asked.
pub fn look_again(context: &Context) -> Option<Duration> {
    let api = &context.desired.api;
    (api.auth.mode == AuthMode::Oidc && api.replicas > 0).then_some(UNWATCHED)
}

fn trouble(issuer: &IssuerAnswer) -> Option<Hold> {
    let IssuerAnswer::Failing { words, holds_keys } = issuer else { return None };
    let meanwhile = if *holds_keys {
        "tokens are checked by the keys that the API's pods have, for an hour after they were last confirmed"
    } else {
        "pods of the API without keys refuse every token (503), and one that never had any is not ready; those that have \
         keys go on with them"
    };
    let message = format!("the API cannot have the keys of spec.api.auth.oidc: {words}; until it can, {meanwhile}");
    Some(Hold::wrong(Reason::IssuerUnreachable, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_without_keys_is_told_in_the_words_of_the_api() {
        let told = |holds_keys| {
            let words = "https://id.example.com/keys answered 404".to_owned();
            trouble(&IssuerAnswer::Failing { words, holds_keys }).map(|hold| (hold.reason, hold.wrong, hold.message))
        };
        for (holds_keys, meanwhile) in [(true, "for an hour after"), (false, "refuse every token (503)")] {
            let (reason, wrong, message) = told(holds_keys).unwrap();
            assert_eq!((reason, wrong), (Reason::IssuerUnreachable, true));
            assert!(message.contains("https://id.example.com/keys answered 404") && message.contains(meanwhile));
        }
        assert_eq!(trouble(&IssuerAnswer::Unknown), None);
        assert_eq!(trouble(&IssuerAnswer::Well), None);
    }
}
