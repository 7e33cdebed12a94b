//! Conditions on a version, as `If-Match` and `If-None-Match` carry them. Pure.
//!
//! The entity tag of a resource is its version in quotes, `"3"`; it is strong.

#![deny(clippy::disallowed_methods)]

/// What must be so of a resource for a request to be done (RFC 9110, 13.1.1 and 13.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Condition {
    pub if_match: Tags,
    pub if_none_match: Tags,
}

impl Condition {
    /// Whether a change is allowed of a resource at this version, `None`: there is none.
    pub fn allows(&self, current: Option<i64>) -> bool {
        self.matches(current) && !self.if_none_match.has(current)
    }

    /// `If-Match` alone, which reads heed, too.
    pub fn matches(&self, current: Option<i64>) -> bool {
        match &self.if_match {
            Tags::Absent => true,
            Tags::Any => current.is_some(),
            Tags::Versions(tags) => tags.iter().any(|tag| !tag.weak && Some(tag.version) == current),
        }
    }

    /// Whether a lost race must be told to the client instead of being tried again.
    pub const fn pins_version(&self) -> bool {
        matches!(self.if_match, Tags::Versions(_))
    }

    /// Whether none was given.
    pub fn is_absent(&self) -> bool {
        *self == Self::default()
    }
}

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

    /// `If-None-Match`: whether the resource is what the client has already, under the weak comparison.
    pub fn has(&self, current: Option<i64>) -> bool {
        match self {
            Self::Absent => false,
            Self::Any => current.is_some(),
            Self::Versions(tags) => tags.iter().any(|tag| Some(tag.version) == current),
        }
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
    fn a_change_is_allowed_where_both_headers_hold() {
        let condition = |if_match: Option<&str>, if_none_match: Option<&str>| Condition {
            if_match: if_match.map_or(Tags::Absent, Tags::parse),
            if_none_match: if_none_match.map_or(Tags::Absent, Tags::parse),
        };
        // Whether it is allowed where there is nothing, and at versions 3 and 4.
        for (if_match, if_none_match, expected) in [
            (None, None, [true, true, true]),
            (Some("*"), None, [false, true, true]),
            (Some("\"3\""), None, [false, true, false]),
            (Some("W/\"3\""), None, [false, false, false]),
            (Some("nonsense"), None, [false, false, false]),
            (None, Some("*"), [true, false, false]),
            (None, Some("\"3\""), [true, false, true]),
            (None, Some("W/\"3\""), [true, false, true]),
            (Some("\"3\""), Some("\"3\""), [false, false, false]),
            (Some("*"), Some("\"3\""), [false, false, true]),
        ] {
            let condition = condition(if_match, if_none_match);
            assert_eq!([None, Some(3), Some(4)].map(|at| condition.allows(at)), expected, "{condition:?}");
        }
    }
}
