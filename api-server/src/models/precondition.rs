//! Conditions on a version, as `If-Match` and `If-None-Match` carry them. Pure.
//!
//! The entity tag of a resource is its version in quotes, `"3"`; it is strong.

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

/// The header is not a list of entity tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadTags;

/// Tags looked at in one header; more are refused.
const MAX_TAGS: usize = 32;

impl Tags {
    /// Reads `*` or a comma list of entity tags.
    pub fn parse(header: &str) -> Result<Self, BadTags> {
        let header = header.trim();
        if header == "*" {
            return Ok(Self::Any);
        }
        let mut versions = Vec::new();
        let mut rest = header;
        let mut seen = 0;
        loop {
            let (weak, after) = match rest.strip_prefix("W/") {
                Some(after) => (true, after),
                None => (false, rest),
            };
            let after = after.strip_prefix('"').ok_or(BadTags)?;
            let end = after.find('"').ok_or(BadTags)?;
            if let Some(version) = version(&after[..end]) {
                versions.push(Tag { version, weak });
            }
            seen += 1;
            rest = after[end + 1..].trim_start();
            if rest.is_empty() {
                return Ok(Self::Versions(versions));
            }
            rest = rest.strip_prefix(',').ok_or(BadTags)?.trim_start();
            if seen == MAX_TAGS {
                return Err(BadTags);
            }
        }
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

/// Only the exact form that is handed out: `+3` and `03` are other tags.
fn version(text: &str) -> Option<i64> {
    let version: i64 = text.parse().ok()?;
    (version > 0 && text.as_bytes()[0].is_ascii_digit() && text.as_bytes()[0] != b'0')
        .then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_entity_tags_are_read() {
        let tag = |version, weak| Tag { version, weak };
        assert_eq!(Tags::parse(" * "), Ok(Tags::Any));
        assert_eq!(
            Tags::parse(r#""3", W/"4" ,"abc","03""#),
            Ok(Tags::Versions(vec![tag(3, false), tag(4, true)]))
        );
        for bad in ["", "3", "\"3", "\"3\" \"4\"", "\"3\",", "W/3", "**"] {
            assert_eq!(Tags::parse(bad), Err(BadTags), "{bad}");
        }
        assert_eq!(Tags::parse(&vec!["\"1\""; 33].join(",")), Err(BadTags));
    }

    #[test]
    fn weak_tags_never_allow_a_change_but_spare_a_transfer() {
        let tags = Tags::parse(r#"W/"3""#).unwrap();
        assert!(!tags.allow_change(3));
        assert!(tags.already_has(3));
        assert!(Tags::Any.allow_change(9) && Tags::Absent.allow_change(9));
        assert!(!Tags::Absent.already_has(9));
    }
}
