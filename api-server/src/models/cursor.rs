//! Paging cursors: opaque, signed, bound to the list they belong to. Pure.
//!
//! A cursor holds a position in a list, never a piece of the database's own paging state, so it
//! survives restarts and changes of the schema. Its signature covers the list and its filters: a cursor of one
//! list is refused by another.

#![deny(clippy::disallowed_methods)]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use thiserror::Error;
use uuid::Uuid;

use super::error::{ModelError, Violation};
use crate::dao::Receipt;
use crate::dao::page::Position;

/// The list that a cursor belongs to: its name and what it was asked for, in a fixed order.
#[derive(Debug, Clone, Copy)]
pub struct List<'a> {
    pub name: &'static str,
    pub conditions: &'a [Option<&'a str>],
}

/// End of a page: the cursor of the next one, and how the database answered.
#[derive(Debug)]
pub struct PageOf {
    pub next: Option<String>,
    /// Rows that a filter looked at for the page.
    pub looked_at: usize,
    pub receipt: Receipt,
}

/// The cursor is not one that was handed out for this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the cursor was not handed out for this list")]
pub struct BadCursor;

const VERSION: u8 = 1;
/// Version, bucket, id.
const BODY: usize = 1 + 8 + 16;
/// Bytes of the signature that are kept.
const SIGNATURE: usize = 16;

/// Signs and checks cursors.
#[derive(Clone)]
pub struct CursorKey(Hmac<Sha256>);

impl std::fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CursorKey")
    }
}

impl CursorKey {
    /// A key from secret bytes; any length, 16 bytes or more are sensible.
    pub fn new(secret: &[u8]) -> Self {
        let derived = <sha2::Sha256 as sha2::Digest>::new_with_prefix(b"store-api cursor\0");
        let derived = sha2::Digest::finalize(sha2::Digest::chain_update(derived, secret));
        // A key of the hash's own length never fails.
        match Hmac::new_from_slice(&derived) {
            Ok(hmac) => Self(hmac),
            Err(_) => Self(<Hmac<Sha256> as hmac::digest::KeyInit>::new(&Default::default())),
        }
    }

    /// The cursor text of a position in a list.
    pub fn seal(&self, list: List<'_>, position: Position) -> String {
        let mut bytes = [0_u8; BODY + SIGNATURE];
        bytes[0] = VERSION;
        bytes[1..9].copy_from_slice(&position.bucket.to_be_bytes());
        bytes[9..BODY].copy_from_slice(position.id.as_bytes());
        let signature = self.mac(list, &bytes[..BODY]).finalize().into_bytes();
        bytes[BODY..].copy_from_slice(&signature[..SIGNATURE]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position in a cursor text of ours for the same list.
    pub fn open(&self, list: List<'_>, text: &str) -> Result<Position, BadCursor> {
        let mut bytes = [0_u8; BODY + SIGNATURE];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).map_err(|_| BadCursor)?;
        if length != bytes.len() || bytes[0] != VERSION {
            return Err(BadCursor);
        }
        self.mac(list, &bytes[..BODY]).verify_truncated_left(&bytes[BODY..]).map_err(|_| BadCursor)?;
        let mut bucket = [0_u8; 8];
        bucket.copy_from_slice(&bytes[1..9]);
        let mut id = [0_u8; 16];
        id.copy_from_slice(&bytes[9..BODY]);
        Ok(Position { bucket: i64::from_be_bytes(bucket), id: Uuid::from_bytes(id) })
    }

    /// The position where a page asked for with this cursor begins, `None` for the first page.
    pub fn resume(&self, list: List<'_>, cursor: Option<&str>) -> Result<Option<Position>, ModelError> {
        cursor.map(|text| self.open(list, text)).transpose().map_err(|bad| {
            let detail = format!("{bad}, begin again without one");
            ModelError::Malformed(vec![Violation::new("query:cursor", "bad_cursor", detail)])
        })
    }

    fn mac(&self, list: List<'_>, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(list.name.as_bytes());
        for part in list.conditions {
            // A length before each part, so that no two lists run together.
            let length = part.map_or(u64::MAX, |text| text.len() as u64);
            mac.update(&length.to_be_bytes());
            mac.update(part.unwrap_or_default().as_bytes());
        }
        mac.update(body);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: List<'_> = List { name: "products", conditions: &[None] };
    const TEA: List<'_> = List { name: "products", conditions: &[Some("tea")] };
    const EMPTY: List<'_> = List { name: "products", conditions: &[Some("")] };
    const USERS: List<'_> = List { name: "users", conditions: &[None] };

    fn position() -> Position {
        Position { bucket: 1_700_000_000_000, id: Uuid::from_u128(7) }
    }

    #[test]
    fn a_cursor_leads_back_to_its_position_in_its_own_list_only() {
        let key = CursorKey::new(b"0123456789abcdef");
        let cursor = key.seal(TEA, position());
        assert_eq!(key.open(TEA, &cursor), Ok(position()));
        assert_eq!(key.open(ALL, &cursor), Err(BadCursor));
        assert_eq!(key.open(EMPTY, &cursor), Err(BadCursor));
        assert_eq!(key.open(USERS, &key.seal(ALL, position())), Err(BadCursor));
        let other = CursorKey::new(b"another key, 16b");
        assert_eq!(other.open(TEA, &cursor), Err(BadCursor));
    }

    #[test]
    fn an_edited_cut_or_invented_cursor_is_refused() {
        let key = CursorKey::new(b"0123456789abcdef");
        let cursor = key.seal(ALL, position());
        for at in 0..cursor.len() {
            let mut edited: Vec<u8> = cursor.clone().into_bytes();
            edited[at] = if edited[at] == b'A' { b'B' } else { b'A' };
            let edited = String::from_utf8(edited).unwrap();
            assert_eq!(key.open(ALL, &edited), Err(BadCursor), "{at}");
            assert_eq!(key.open(ALL, &cursor[..at]), Err(BadCursor));
        }
        for invented in ["", "=", "🦀", "AAAA", &"A".repeat(55), &"A".repeat(4096)] {
            assert_eq!(key.open(ALL, invented), Err(BadCursor));
        }
    }
}
