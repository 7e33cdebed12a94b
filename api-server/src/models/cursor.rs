//! Paging cursors: opaque, signed, bound to the list they belong to. Pure.
//!
//! A cursor holds a position in a list, never a piece of the database's own paging state, so it
//! survives restarts and changes of the schema. Its signature covers the filters: a cursor of one
//! list is refused by another.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use thiserror::Error;
use uuid::Uuid;

use crate::dao::products::{Filter, Position};

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

    /// The cursor text of a position in a list of products.
    pub fn seal(&self, filter: &Filter, position: Position) -> String {
        let mut bytes = [0_u8; BODY + SIGNATURE];
        bytes[0] = VERSION;
        bytes[1..9].copy_from_slice(&position.bucket.to_be_bytes());
        bytes[9..BODY].copy_from_slice(position.id.as_bytes());
        let signature = self.mac(filter, &bytes[..BODY]).finalize().into_bytes();
        bytes[BODY..].copy_from_slice(&signature[..SIGNATURE]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position in a cursor text of ours for the same list.
    pub fn open(&self, filter: &Filter, text: &str) -> Result<Position, BadCursor> {
        let mut bytes = [0_u8; BODY + SIGNATURE];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).map_err(|_| BadCursor)?;
        if length != bytes.len() || bytes[0] != VERSION {
            return Err(BadCursor);
        }
        self.mac(filter, &bytes[..BODY]).verify_truncated_left(&bytes[BODY..]).map_err(|_| BadCursor)?;
        let mut bucket = [0_u8; 8];
        bucket.copy_from_slice(&bytes[1..9]);
        let mut id = [0_u8; 16];
        id.copy_from_slice(&bytes[9..BODY]);
        Ok(Position { bucket: i64::from_be_bytes(bucket), id: Uuid::from_bytes(id) })
    }

    fn mac(&self, filter: &Filter, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(b"products");
        for part in [&filter.sku, &filter.name_prefix, &filter.category] {
            // A length before each part, so that no two filters run together.
            let length = part.as_ref().map_or(u64::MAX, |text| text.len() as u64);
            mac.update(&length.to_be_bytes());
            mac.update(part.as_deref().unwrap_or_default().as_bytes());
        }
        mac.update(body);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(category: Option<&str>) -> Filter {
        Filter { category: category.map(str::to_owned), ..Filter::default() }
    }

    fn position() -> Position {
        Position { bucket: 1_700_000_000_000, id: Uuid::from_u128(7) }
    }

    #[test]
    fn a_cursor_leads_back_to_its_position_in_its_own_list_only() {
        let key = CursorKey::new(b"0123456789abcdef");
        let cursor = key.seal(&filter(Some("tea")), position());
        assert_eq!(key.open(&filter(Some("tea")), &cursor), Ok(position()));
        assert_eq!(key.open(&filter(None), &cursor), Err(BadCursor));
        assert_eq!(key.open(&filter(Some("")), &cursor), Err(BadCursor));
        let other = CursorKey::new(b"another key, 16b");
        assert_eq!(other.open(&filter(Some("tea")), &cursor), Err(BadCursor));
    }

    #[test]
    fn an_edited_cut_or_invented_cursor_is_refused() {
        let key = CursorKey::new(b"0123456789abcdef");
        let cursor = key.seal(&filter(None), position());
        for at in 0..cursor.len() {
            let mut edited: Vec<u8> = cursor.clone().into_bytes();
            edited[at] = if edited[at] == b'A' { b'B' } else { b'A' };
            let edited = String::from_utf8(edited).unwrap();
            assert_eq!(key.open(&filter(None), &edited), Err(BadCursor), "{at}");
            assert_eq!(key.open(&filter(None), &cursor[..at]), Err(BadCursor));
        }
        for invented in ["", "=", "🦀", "AAAA", &"A".repeat(55), &"A".repeat(4096)] {
            assert_eq!(key.open(&filter(None), invented), Err(BadCursor));
        }
    }
}
