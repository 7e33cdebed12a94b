//! One line of a file of tokens. Pure.

use std::path::Path;

use super::TokensError;

/// Characters of a token at the least.
pub const SHORTEST: usize = 16;

/// A token, and when it ends.
#[derive(Debug, PartialEq, Eq)]
pub struct Line<'a> {
    pub token: &'a str,
    /// Milliseconds since 1970.
    pub until: Option<i64>,
}

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq)]
pub enum LineError {
    /// The token has too few characters, or others than a request can carry.
    Form,
    /// What stands behind the token is not understood.
    More,
}

impl LineError {
    /// The same with the place.
    pub fn of(self, path: &Path, line: usize) -> TokensError {
        let path = path.to_owned();
        match self {
            Self::Form => TokensError::Form { path, line },
            Self::More => TokensError::Line { path, line },
        }
    }
}

/// The token of a line, `None` where it has none: it is empty, or begins with `#`.
pub fn read(line: &str) -> Result<Option<Line<'_>>, LineError> {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let mut words = line.split_ascii_whitespace();
    let token = words.next().unwrap_or_default();
    let fits =
        token.len() >= SHORTEST && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte));
    if !fits {
        return Err(LineError::Form);
    }
    let until = match words.next() {
        None => None,
        Some(word) => Some(time_of(word).ok_or(LineError::More)?),
    };
    if words.next().is_some() { Err(LineError::More) } else { Ok(Some(Line { token, until })) }
}

fn time_of(word: &str) -> Option<i64> {
    let time = word.strip_prefix("expires=")?;
    Some(time.parse::<jiff::Timestamp>().ok()?.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "aaaaaaaaaaaaaaaa";

    #[test]
    fn a_line_is_a_token_and_perhaps_when_it_ends() {
        let of = |text: &'static str| read(text).map(|line| line.map(|line| (line.token, line.until)));
        for (line, expected) in [
            ("", Ok(None)),
            ("  ", Ok(None)),
            ("# of the till", Ok(None)),
            ("aaaaaaaaaaaaaaaa", Ok(Some((TOKEN, None)))),
            ("aaaaaaaaaaaaaaaa\r", Ok(Some((TOKEN, None)))),
            ("aaaaaaaaaaaaaaaa expires=1970-01-01T00:00:01Z", Ok(Some((TOKEN, Some(1000))))),
            ("aaaaaaaaaaaaaaaa  expires=1970-01-01T01:00:01+01:00", Ok(Some((TOKEN, Some(1000))))),
            ("aaaaaaaaaaaaaaaa expires=1970-01-01", Err(LineError::More)),
            ("aaaaaaaaaaaaaaaa 1970-01-01T00:00:01Z", Err(LineError::More)),
            ("aaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbb", Err(LineError::More)),
            ("aaaaaaaaaaaaaaaa expires=1970-01-01T00:00:01Z x", Err(LineError::More)),
            ("short", Err(LineError::Form)),
            ("aaaaaaaaaaaaaaaé", Err(LineError::Form)),
        ] {
            assert_eq!(of(line), expected, "{line}");
        }
    }
}
