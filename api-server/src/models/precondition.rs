//! Conditions on a version, as `If-Match` and `If-None-Match` carry them. Pure.
//!
//! The entity tag of a resource is its version in quotes, `"3"`; it is strong.

#![deny(clippy::disallowed_methods)]

/// A parsed list of entity tags.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Tags {
    /// The header was not sent.
    #[default]
    Absent,
    /// `*`: any existing version.
    Any,
    /// Versions named; tags that are no version of ours are dropped, as they match nothing.
    Versions(Vec<Tag>),
}

/// One entity tag of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    pub version: i64,
    /// `W/"…"`: never equal under the strong comparison of `If-Match`.
    pub weak: bool,
}

/// Tags looked at in one header; the rest matches nothing.
const MAX_TAGS: usize = 32;

impl Tags {
    /// Reads `*` or a comma list of entity tags. What is no tag matches nothing: a change under
    /// such a condition is not done, a read under it is answered in full.
    pub fn parse(header: &str) -> Self {
        let header = header.trim();
        if header == "*" {
            return Self::Any;
        }
        let tags = header.split(',').take(MAX_TAGS);
        Self::Versions(tags.filter_map(tag).collect())
    }

    /// `If-Match`: whether a change of the resource at this version is allowed.
    pub fn allow_change(&self, current: i64) -> bool {
        match self {
            Self::Absent | Self::Any => true,
            Self::Versions(tags) => tags.iter().any(|tag| !tag.weak && tag.version == current),
        }
    }

    /// `If-None-Match`: whether the client already has this version.
    pub fn already_has(&self, current: i64) -> bool {
        match self {
            Self::Absent => false,
            Self::Any => true,
            Self::Versions(tags) => tags.iter().any(|tag| tag.version == current),
        }
    }

    /// Whether a lost race must be told to the client instead of being tried again.
    pub const fn pins_version(&self) -> bool {
        matches!(self, Self::Versions(_))
    }
}

/// Tags of ours hold no comma, so a list may be cut at each.
fn tag(text: &str) -> Option<Tag> {
    let text = text.trim();
    let (weak, quoted) = match text.strip_prefix("W/") {
        Some(quoted) => (true, quoted),
        None => (false, text),
    };
    let version = version(quoted.strip_prefix('"')?.strip_suffix('"')?)?;
    Some(Tag { version, weak })
}

/// Only the exact form that is handed out: `+3` and `03` are other tags.
fn version(text: &str) -> Option<i64> {
    let version: i64 = text.parse().ok()?;
    let first = text.bytes().next()?;
    (version > 0 && first.is_ascii_digit() && first != b'0').then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_entity_tags_are_read() {
        let tag = |version, weak| Tag { version, weak };
        assert_eq!(Tags::parse(" * "), Tags::Any);
        assert_eq!(Tags::parse(r#""3", W/"4" ,"abc","03""#), Tags::Versions(vec![tag(3, false), tag(4, true)]));
        for bad in ["", "3", "\"3", "\"3\" \"4\"", "W/3", "**", "\"+3\"", "\"-3\"", "\""] {
            assert_eq!(Tags::parse(bad), Tags::Versions(vec![]), "{bad}");
        }
        let many = Tags::parse(&vec!["\"1\""; 100].join(","));
        assert_eq!(many, Tags::Versions(vec![tag(1, false); MAX_TAGS]));
    }

    #[test]
    fn weak_tags_never_allow_a_change_but_spare_a_transfer() {
        let tags = Tags::parse(r#"W/"3""#);
        assert!(!tags.allow_change(3));
        assert!(tags.already_has(3));
        assert!(Tags::Any.allow_change(9) && Tags::Absent.allow_change(9));
        assert!(!Tags::Absent.already_has(9));
    }
}
