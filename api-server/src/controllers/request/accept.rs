//! What media types a client can read (RFC 9110, 12.5.1). No IO.

use http::{HeaderMap, StatusCode, header};

use crate::problem::Problem;

/// Refuses clients that cannot read JSON.
pub fn accepts_json(headers: &HeaderMap) -> Result<(), Problem> {
    accepts(headers, &["application/json"]).map(drop)
}

/// The one of these media types that the client likes best, the first of those that it likes as much.
pub fn accepts(headers: &HeaderMap, ours: &[&'static str]) -> Result<&'static str, Problem> {
    let first = ours.first().copied().unwrap_or_default();
    let mut ranges = Vec::new();
    for value in headers.get_all(header::ACCEPT) {
        if value.as_bytes() == b"*/*" {
            return Ok(first);
        }
        let Ok(text) = value.to_str() else { continue };
        // An element of a list may be empty, and so may the field: it asks for nothing.
        ranges.extend(text.split(',').map(str::trim).filter(|range| !range.is_empty()).map(range));
    }
    if ranges.is_empty() {
        return Ok(first);
    }
    let mut best = None;
    for ours in ours {
        let liked = quality(ours, &ranges);
        if liked > 0.0 && best.is_none_or(|(_, before)| liked > before) {
            best = Some((*ours, liked));
        }
    }
    best.map(|(ours, _)| ours).ok_or_else(|| {
        let detail = format!("answers are {}", ours.join(" or "));
        Problem::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", detail)
    })
}

/// A range of media types, and how much it is liked.
fn range(text: &str) -> (&str, f32) {
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    let quality = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f32>().ok()).flatten()
    });
    (media, quality.filter(|quality| quality.is_finite()).unwrap_or(1.0))
}

/// How much a media type is liked: as the range says that names it most closely.
fn quality(media_type: &str, ranges: &[(&str, f32)]) -> f32 {
    let fitting = ranges.iter().filter_map(|(range, quality)| Some((closeness(media_type, range)?, *quality)));
    fitting.reduce(|one, other| if other > one { other } else { one }).map_or(0.0, |(_, quality)| quality)
}

/// How closely a range names a media type, `None` where it does not. `*` alone is what Java sent for all.
fn closeness(media_type: &str, range: &str) -> Option<u8> {
    if range.eq_ignore_ascii_case(media_type) {
        return Some(2);
    }
    if range == "*/*" || range == "*" {
        return Some(0);
    }
    let kind = media_type.split('/').next().unwrap_or_default();
    range.strip_suffix("/*").filter(|range| range.eq_ignore_ascii_case(kind)).map(|_| 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const GRAPHQL: [&str; 2] = ["application/graphql-response+json", "application/json"];

    fn of(lines: &[&'static str], ours: &[&'static str]) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::ACCEPT, HeaderValue::from_static(line));
        }
        accepts(&headers, ours).ok()
    }

    #[test]
    fn the_closest_range_decides_and_an_empty_one_asks_for_nothing() {
        for (lines, can) in [
            (&[][..], true),
            (&[""], true),
            (&[" , "], true),
            (&["*"], true),
            (&["text/html, *; q=.2, */*; q=.2"], true),
            (&["text/html, image/gif, *; q=.2"], true),
            (&["application/*"], true),
            (&["Application/JSON; charset=utf-8"], true),
            (&["text/html", "application/json"], true),
            (&["application/json;q=0, */*"], false),
            (&["application/json; Q=0.0, application/*"], false),
            (&["application/*;q=0, */*"], false),
            (&["application/*;q=0, application/json;q=0.1"], true),
            (&["*/*;q=0"], false),
            (&["text/html"], false),
            (&["application/json;q=x"], true),
        ] {
            assert_eq!(of(lines, &["application/json"]).is_some(), can, "{lines:?}");
        }
    }

    #[test]
    fn of_two_media_types_the_one_that_is_liked_better_is_answered() {
        for (line, expected) in [
            ("*/*", GRAPHQL[0]),
            ("application/json, application/graphql-response+json", GRAPHQL[0]),
            ("application/graphql-response+json;q=0.5, application/json", GRAPHQL[1]),
            ("application/graphql-response+json;q=0, */*;q=0.1", GRAPHQL[1]),
            ("application/json;q=0.9, */*;q=0.1", GRAPHQL[1]),
        ] {
            assert_eq!(of(&[line], &GRAPHQL), Some(expected), "{line}");
        }
    }
}
