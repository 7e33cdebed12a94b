//! What a user may be, and how a draft or a change becomes one. Pure.

#![deny(clippy::disallowed_methods)]

use uuid::Uuid;

use super::create::Identity;
use super::text::Read;
use crate::dao::users::User;

/// Characters that a name may have at most.
pub const NAME_MAX: usize = 150;
/// Characters that an address may have at most, and the part before its `@`.
pub const EMAIL_MAX: usize = 254;
const LOCAL_MAX: usize = 64;
/// Characters that one label of a domain may have at most.
const LABEL_MAX: usize = 63;

/// Everything of a user that a client decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub name: String,
    pub email: String,
}

/// A partial change; `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    pub name: Option<String>,
    pub email: Option<String>,
}

impl Draft {
    /// The user that this draft becomes; the same for every try under one identity.
    pub fn into_user(self, id: Uuid, created_ms: i64) -> User {
        User { id, name: self.name, email: self.email, version: 1, created_at: created_ms, updated_at: created_ms }
    }

    /// The user that this draft became under an identity which is known from its id alone.
    pub fn recall(self, id: Uuid, now_ms: i64) -> User {
        let identity = Identity { operation: Uuid::nil(), resource: id, fresh: false, alone: false };
        self.into_user(id, identity.created_ms(now_ms))
    }
}

impl Change {
    /// The next version of a user, `None` when the change leaves it as it is.
    pub fn apply(&self, before: &User, now_ms: i64) -> Option<User> {
        let mut after = before.clone();
        if let Some(name) = &self.name {
            after.name.clone_from(name);
        }
        if let Some(email) = &self.email {
            after.email.clone_from(email);
        }
        if after == *before {
            return None;
        }
        after.version = before.version + 1;
        after.updated_at = now_ms.max(before.updated_at);
        Some(after)
    }
}

/// Reads an e-mail address: what a form of HTML takes (ASCII; a domain of another script is written as
/// `xn--…`), with the lengths of SMTP. So it has no character that nobody sees.
pub fn read_email(text: &str, max: usize) -> Read {
    let wrong = || Err(("not_an_address", "must be an e-mail address such as ana@example.org".to_owned()));
    if text.len() > max {
        return Err(("too_long", format!("must have at most {max} characters")));
    }
    let Some((local, domain)) = text.split_once('@') else {
        return wrong();
    };
    let local_fits = (1..=LOCAL_MAX).contains(&local.len())
        && local.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte));
    if local_fits && domain.split('.').all(is_label) { Ok(text.to_owned()) } else { wrong() }
}

fn is_label(label: &str) -> bool {
    (1..=LABEL_MAX).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_usual_form_are_taken_and_nothing_else() {
        let long_label = format!("a@{}.org", "b".repeat(63));
        let long_local = format!("{}@b.org", "a".repeat(64));
        for good in ["a@b", "Ana.Banana+shop@example.org", "o'neil@ex-ample.co.uk", "x_1@xn--bcher-kva.example"] {
            assert_eq!(read_email(good, EMAIL_MAX).as_deref(), Ok(good), "{good}");
        }
        for good in [&long_label, &long_local] {
            assert_eq!(read_email(good, EMAIL_MAX).as_deref(), Ok(good.as_ref()), "{good}");
        }
        for bad in [
            "",
            "a",
            "@",
            "a@",
            "@b",
            "a@b@c",
            "a b@c",
            "a@b c",
            "a@b.",
            "a@.b",
            "a@-b",
            "a@b-",
            "a@b..c",
            "a@b_c",
            "é@b.org",
            "a@é.org",
            "a@b\0",
            "a\n@b",
            "<a@b>",
            "a@[1.2.3.4]",
            "\"a\"@b",
            " a@b",
            "a@b ",
            "a,b@c",
        ] {
            assert_eq!(read_email(bad, EMAIL_MAX).unwrap_err().0, "not_an_address", "{bad:?}");
        }
        for bad in [format!("a@{}.org", "b".repeat(64)), format!("{}@b.org", "a".repeat(65))] {
            assert_eq!(read_email(&bad, EMAIL_MAX).unwrap_err().0, "not_an_address", "{bad:?}");
        }
        let long = format!("a@{}", "b.".repeat(200));
        assert_eq!(read_email(&long, EMAIL_MAX).unwrap_err().0, "too_long");
    }

    #[test]
    fn a_change_raises_the_version_and_touches_only_what_it_names() {
        let draft = Draft { name: "Ana".into(), email: "ana@example.org".into() };
        let before = draft.into_user(Uuid::from_u128(1), 10);
        let change = Change { name: Some("Bea".into()), email: None };
        let after = change.apply(&before, 5).unwrap();
        assert_eq!((after.version, after.updated_at, after.created_at), (2, 10, 10));
        assert_eq!((after.name.as_str(), &after.email), ("Bea", &before.email));
        assert_eq!(change.apply(&after, 20), None);
        assert_eq!(Change::default().apply(&after, 20), None);
    }
}
