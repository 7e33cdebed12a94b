//! Users as clients send and see them. Pure.

use utoipa::ToSchema;
use uuid::Uuid;

use super::{fields, json};
use crate::models::text::Text;
use crate::models::user::{Change, Draft, EMAIL_MAX, NAME_MAX, read_email};
use crate::models::{ModelError, User, UserRef, UserSink, Violation};

/// What a client sends to create a user.
#[derive(ToSchema)]
#[schema(as = NewUser)]
#[allow(dead_code, reason = "documents the request; it is read by `read_draft`")]
pub struct NewUserDoc {
    /// Name shown to people, on one line. Composed (NFC), each kind of space as the usual one; refused with a character
    /// that nobody sees, or a space at either end.
    #[schema(min_length = 1, max_length = 150, pattern = "Name", example = "Ana Banana")]
    name: String,
    /// E-mail address, unique in the store whatever its case. ASCII; a domain of another script is
    /// written as `xn--…`.
    #[schema(
        max_length = 254,
        pattern = r"^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$",
        example = "ana@example.org"
    )]
    email: String,
}

/// A partial change (RFC 7396): absent members stay.
#[derive(ToSchema)]
#[schema(as = UserChange)]
#[allow(dead_code, reason = "documents the request; it is read by `read_change`")]
pub struct UserChangeDoc {
    #[schema(nullable = false, min_length = 1, max_length = 150, pattern = "Name")]
    name: Option<String>,
    #[schema(
        nullable = false,
        max_length = 254,
        pattern = r"^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$"
    )]
    email: Option<String>,
}

/// A user as it is answered.
#[derive(ToSchema)]
#[schema(as = User)]
#[allow(dead_code, reason = "documents the answer; it is written by `write`")]
pub struct UserDoc {
    id: Uuid,
    name: String,
    email: String,
    /// 1 when created, +1 with each change; the entity tag is this number in quotes.
    #[schema(minimum = 1)]
    version: i64,
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
    #[schema(value_type = String, format = DateTime)]
    updated_at: String,
    /// The id again, in answers to POST only.
    #[schema(nullable = false)]
    user_id: Option<Uuid>,
}

/// Reads the body of POST.
pub fn read_draft(body: &[u8]) -> Result<Draft, ModelError> {
    let mut broken = Vec::new();
    let change = read_fields(body, &mut broken)?;
    fields::require("name", change.name.is_some(), &mut broken);
    fields::require("email", change.email.is_some(), &mut broken);
    match (change.name, change.email) {
        (Some(name), Some(email)) if broken.is_empty() => Ok(Draft { name, email }),
        _ => Err(ModelError::Invalid(broken)),
    }
}

/// Reads the body of PATCH.
pub fn read_change(body: &[u8]) -> Result<Change, ModelError> {
    let mut broken = Vec::new();
    let change = read_fields(body, &mut broken)?;
    if broken.is_empty() { Ok(change) } else { Err(ModelError::Invalid(broken)) }
}

fn read_fields(body: &[u8], broken: &mut Vec<Violation>) -> Result<Change, ModelError> {
    let members = json::read_object(body).map_err(|violation| ModelError::Malformed(vec![violation]))?;
    let mut change = Change::default();
    for (name, value) in &members {
        match name.as_str() {
            "name" => {
                let read = |text: &str, max| Text::Name.read(text, max);
                change.name = fields::text("name", value, NAME_MAX, read, broken);
            }
            "email" => change.email = fields::text("email", value, EMAIL_MAX, read_email, broken),
            other => broken.push(fields::unknown(other, "a user has name, email")),
        }
    }
    Ok(change)
}

/// Appends a user without its closing brace.
fn write_open(out: &mut Vec<u8>, row: &UserRef<'_>) {
    out.extend_from_slice(b"{\"id\":");
    json::write_uuid(out, row.id);
    out.extend_from_slice(b",\"name\":");
    json::write_text(out, row.name);
    out.extend_from_slice(b",\"email\":");
    json::write_text(out, row.email);
    out.extend_from_slice(b",\"version\":");
    json::write_integer(out, row.version);
    out.extend_from_slice(b",\"created_at\":");
    json::write_times(out, row.created_at, b",\"updated_at\":", row.updated_at);
}

/// Appends a user as a JSON object.
pub fn write(out: &mut Vec<u8>, row: &UserRef<'_>) {
    write_open(out, row);
    out.push(b'}');
}

/// The answer to POST: the user with its id also as `user_id`.
pub fn created(user: &User) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    write_open(&mut out, &user.borrowed());
    out.extend_from_slice(b",\"user_id\":");
    json::write_uuid(&mut out, user.id);
    out.push(b'}');
    out
}

/// The answer to PATCH.
pub fn shown(user: &User) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    write(&mut out, &user.borrowed());
    out
}

impl UserSink for json::One {
    fn user(&mut self, row: UserRef<'_>) {
        self.set(row.version, |out| write(out, &row));
    }
}

impl UserSink for json::List {
    fn user(&mut self, row: UserRef<'_>) {
        self.push(|out| write(out, &row));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_broken_field_is_named_at_once() {
        let Err(ModelError::Invalid(mut found)) = read_draft(br#"{"name":" ","role":"admin"}"#) else {
            panic!("taken");
        };
        found.sort_by(|one, other| one.pointer.cmp(&other.pointer));
        let pointers: Vec<&str> = found.iter().map(|violation| violation.pointer.as_ref()).collect();
        assert_eq!(pointers, ["/email", "/name", "/role"]);
    }

    #[test]
    fn the_answer_to_a_creation_carries_both_names_of_the_id() {
        let draft = read_draft(br#"{"name":"Ana","email":"Ana@example.org"}"#).unwrap();
        let user = draft.recall(Uuid::from_u128(5), 0);
        let value: serde_json::Value = serde_json::from_slice(&created(&user)).unwrap();
        assert_eq!((&value["id"], &value["email"]), (&value["user_id"], &"Ana@example.org".into()));
    }
}
