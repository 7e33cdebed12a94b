//! Reading the members of a request's body, each wrong one named. Pure.

use std::ops::RangeInclusive;

use serde_json::value::RawValue;
use uuid::Uuid;

use super::json;
use crate::models::Violation;
use crate::models::product::at_field;
use crate::models::text::Read;

/// A member that must be a text which `read` can read.
pub fn text(
    field: &'static str,
    value: &RawValue,
    max: usize,
    read: impl FnOnce(&str, usize) -> Read,
    broken: &mut Vec<Violation>,
) -> Option<String> {
    let Some(text) = json::read_text(value) else {
        broken.push(at_field(field, ("type", "must be a string".into())));
        return None;
    };
    match read(&text, max) {
        Ok(text) => Some(text),
        Err(rule) => {
            broken.push(at_field(field, rule));
            None
        }
    }
}

/// A member that `null` clears.
pub fn optional(value: &RawValue, read: impl FnOnce(&RawValue) -> Option<String>) -> Option<Option<String>> {
    if json::is_null(value) { Some(None) } else { read(value).map(Some) }
}

/// Notes a member that is required and was not given; one that was given wrong is noted already.
pub fn require(field: &str, given: bool, broken: &mut Vec<Violation>) {
    let pointer = format!("/{field}");
    if !given && !broken.iter().any(|violation| violation.pointer == pointer) {
        broken.push(Violation::new(pointer, "required", format!("{field} is required")));
    }
}

/// A member that the resource does not have.
pub fn unknown(name: &str, what: &str) -> Violation {
    Violation::new(format!("/{}", json::escape_pointer(name)), "unknown_member", what.to_owned())
}

/// A member that must be the id of something; else the place is noted.
pub fn id(field: &str, value: &RawValue, broken: &mut Vec<Violation>) -> Option<Uuid> {
    let found = json::read_uuid(value);
    if found.is_none() {
        let detail = format!("{field} must be a UUID of 36 characters");
        broken.push(Violation::new(format!("/{field}"), "not_a_uuid", detail));
    }
    found
}

/// A member that must be a whole number in a range; else the place is noted.
pub fn whole(field: &str, value: &RawValue, range: RangeInclusive<i64>, broken: &mut Vec<Violation>) -> Option<i64> {
    let (code, what) = match json::read_whole(value) {
        Some(number) if range.contains(&number) => return Some(number),
        _ if json::read_number(value).is_none() => ("type", "a whole number"),
        _ => ("out_of_range", "a whole number without an exponent"),
    };
    let detail = format!("{field} must be {what} from {} to {}", range.start(), range.end());
    broken.push(Violation::new(format!("/{field}"), code, detail));
    None
}
