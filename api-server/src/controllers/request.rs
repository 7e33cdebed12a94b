//! Reading the parts of a request by one set of rules, so that every wrong one gets the same
//! documented answer. Reads bodies; no other IO.

mod accept;

use std::net::IpAddr;

use axum::body::Body;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use uuid::Uuid;

use crate::admission::slow_body::TurnedAway;
use crate::app::{App, MAX_BODY, Services};
use crate::auth::Principal;
use crate::models::precondition::{Condition, Tags};
use crate::models::text::Read;
use crate::models::{Context, Level, ModelError, TraceAsk};
use crate::problem::Problem;
use crate::views::json;

pub use accept::{accepts, accepts_json};

/// Asks for a consistency level; answered with the one that decided.
pub const CONSISTENCY_LEVEL: HeaderName = HeaderName::from_static("consistency-level");
/// Asks for a node that coordinates the reads; answered with the one that coordinated the statement that decided.
pub const COORDINATOR: HeaderName = HeaderName::from_static("cassandra-coordinator");
/// Asks for a trace; answered with its id and summary.
pub const TRACE: HeaderName = HeaderName::from_static("cassandra-trace");
/// Does a POST once.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Rows of a page unless the client says otherwise.
const DEFAULT_LIMIT: usize = 50;
/// Rows of a page at most.
pub const MAX_LIMIT: usize = 100;

/// Media types of a body that is a whole resource.
pub const JSON: &[&str] = &["application/json"];
/// Media types of a body that is a partial change.
pub const JSON_OR_PATCH: &[&str] = &["application/merge-patch+json", "application/json"];

/// What the statement kinds of a route allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

/// The use cases, or 503 while there is no database.
pub fn services(app: &App) -> Result<&Services, Problem> {
    app.services().ok_or_else(|| {
        Problem::unavailable("not_connected", "the database was not reached yet or its schema is not there yet")
    })
}

/// The context of a request that begins now.
pub fn context(app: &App, parts: &Parts, access: Access) -> Result<Context, Problem> {
    let headers = &parts.headers;
    let mut cx = Context::within(app.limits.request_timeout);
    for (name, shown) in [
        (&CONSISTENCY_LEVEL, "header:Consistency-Level"),
        (&TRACE, "header:Cassandra-Trace"),
        (&COORDINATOR, "header:Cassandra-Coordinator"),
    ] {
        if headers.get_all(name).iter().nth(1).is_some() {
            return Err(Problem::malformed_at(shown, "repeated", "the header is given more than once"));
        }
    }
    let mut asked = None;
    if let Some(value) = headers.get(&CONSISTENCY_LEVEL) {
        let level: Level = value.to_str().ok().and_then(|text| text.parse().ok()).ok_or_else(|| {
            Problem::malformed_at("header:Consistency-Level", "unknown_level", crate::models::UnknownLevel.to_string())
        })?;
        if level == Level::Serial && access == Access::Write {
            let detail = "SERIAL is a level of reads";
            return Err(Problem::malformed_at("header:Consistency-Level", "level_not_usable", detail));
        }
        asked = Some(level);
    }
    cx.by = caller(parts).map(|caller| caller.name);
    cx.level = level_of(asked, app.default_level, access);
    if let Some(value) = headers.get(&COORDINATOR) {
        cx.via = Some(coordinator(value, access)?);
    }
    if let Some(value) = headers.get(&TRACE) {
        cx.trace = match value.as_bytes() {
            // The edge has given it its turn.
            b"true" => TraceAsk::of_turn(),
            b"false" => TraceAsk::NONE,
            _ => {
                let detail = "Cassandra-Trace is true or false";
                return Err(Problem::malformed_at("header:Cassandra-Trace", "not_a_boolean", detail));
            }
        };
    }
    Ok(cx)
}

/// The node that a client wants to coordinate its reads.
fn coordinator(value: &HeaderValue, access: Access) -> Result<IpAddr, Problem> {
    let wrong = |code, detail| Problem::malformed_at("header:Cassandra-Coordinator", code, detail);
    if access == Access::Write {
        return Err(wrong("node_not_usable", "a node can be chosen for reads"));
    }
    let address = value.to_str().ok().and_then(|text| text.parse().ok());
    address.ok_or_else(|| wrong("not_an_address", "it is the address of a node, as /cluster/nodes lists them"))
}

/// The level that a request brings to its statements: what it asks for, or for reads the configured level where that is
/// weaker than the store's own. What the store notes for itself never is.
fn level_of(asked: Option<Level>, configured: Level, access: Access) -> Option<Level> {
    let weak = (access == Access::Read && configured.is_weak()).then_some(configured);
    asked.or(weak)
}

/// What the request asks to be so of its resource.
pub fn condition(headers: &HeaderMap) -> Condition {
    Condition { if_match: tags(headers, &header::IF_MATCH), if_none_match: tags(headers, &header::IF_NONE_MATCH) }
}

/// The condition of a request that makes something new: nothing is there that `If-Match` could name.
pub fn condition_of_new(headers: &HeaderMap, what: &'static str) -> Result<(), Problem> {
    if condition(headers).allows(None) { Ok(()) } else { Err(ModelError::PreconditionFailed(what).into()) }
}

/// Refuses conditions where they could not be about one resource.
pub fn no_condition(headers: &HeaderMap) -> Result<(), Problem> {
    for (name, shown) in [(header::IF_MATCH, "header:If-Match"), (header::IF_NONE_MATCH, "header:If-None-Match")] {
        if headers.contains_key(&name) {
            let detail = "a file is about many resources, send it without a condition";
            return Err(Problem::malformed_at(shown, "condition_not_usable", detail));
        }
    }
    Ok(())
}

/// A condition header, all its lines together.
fn tags(headers: &HeaderMap, name: &HeaderName) -> Tags {
    let lines = headers.get_all(name).iter();
    let lines: Vec<&str> = lines.map(|line| line.to_str().unwrap_or_default()).collect();
    match lines.as_slice() {
        [] => Tags::Absent,
        [line] => Tags::parse(line),
        lines => Tags::parse(&lines.join(",")),
    }
}

/// The id that ends the path. Only the usual form of 36 characters names a resource; anything else
/// is 404, as an unknown id is.
pub fn path_id(parts: &Parts, what: &str) -> Result<Uuid, Problem> {
    id_at_end(parts.uri.path(), what)
}

/// The same of a request whose body was not read yet.
pub fn path_id_of(request: &axum::extract::Request, what: &str) -> Result<Uuid, Problem> {
    id_at_end(request.uri().path(), what)
}

fn id_at_end(path: &str, what: &str) -> Result<Uuid, Problem> {
    path.rsplit('/').next().and_then(json::parse_uuid).ok_or_else(|| Problem::not_found(what))
}

/// What ends the path, decoded; `None` where that is no text.
pub fn path_text(parts: &Parts) -> Option<String> {
    parts.uri.path().rsplit('/').next().and_then(|segment| decoded(segment, false))
}

/// The id that is the second segment of the path, before what belongs to it.
pub fn owner_id(parts: &Parts, what: &str) -> Result<Uuid, Problem> {
    parts.uri.path().split('/').nth(2).and_then(json::parse_uuid).ok_or_else(|| Problem::not_found(what))
}

/// The query's parameters, decoded; only those named are allowed, each once unless `repeated`.
pub struct Query(Vec<(&'static str, String)>);

impl Query {
    /// Reads the query of a request.
    pub fn read(parts: &Parts, allowed: &[&'static str], repeated: &[&str]) -> Result<Self, Problem> {
        let mut found: Vec<(&'static str, String)> = Vec::new();
        let Some(query) = parts.uri.query() else {
            return Ok(Self(found));
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).unwrap_or_default();
            let Some(known) = allowed.iter().find(|known| **known == name) else {
                let detail = match allowed {
                    [] => "this resource takes no parameters".to_owned(),
                    _ => format!("known parameters are {}", allowed.join(", ")),
                };
                return Err(Problem::malformed_at(
                    format!("query:{}", crate::views::json::escape_pointer(&name)),
                    "unknown_parameter",
                    detail,
                ));
            };
            let value = decode(value).ok_or_else(|| {
                let detail = "the value is not percent-encoded UTF-8 text";
                Problem::malformed_at(format!("query:{known}"), "bad_encoding", detail)
            })?;
            if !repeated.contains(known) && found.iter().any(|(name, _)| name == known) {
                let detail = format!("{known} is given more than once");
                return Err(Problem::malformed_at(format!("query:{known}"), "repeated", detail));
            }
            if found.len() == 16 {
                return Err(Problem::malformed_at("query:", "too_many", "too many parameters"));
            }
            found.push((known, value));
        }
        Ok(Self(found))
    }

    /// Takes a parameter out.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        // What is left keeps its order: several values of one name have one.
        Some(self.0.remove(at).1)
    }

    /// A parameter that follows a rule of texts, in the form in which it is kept.
    pub fn checked(&mut self, name: &'static str, read: impl Fn(&str) -> Read) -> Result<Option<String>, Problem> {
        let Some(text) = self.take(name) else {
            return Ok(None);
        };
        match read(&text) {
            Ok(text) => Ok(Some(text)),
            Err((code, detail)) => {
                Err(Problem::malformed_at(format!("query:{name}"), code, format!("{name} {detail}")))
            }
        }
    }

    /// `principal`: the name of somebody.
    pub fn principal(&mut self) -> Result<Option<String>, Problem> {
        let given = self.take("principal");
        if given.as_ref().is_some_and(|name| !(1..=256).contains(&name.chars().count())) {
            let detail = "principal has 1 to 256 characters";
            return Err(Problem::malformed_at("query:principal", "out_of_range", detail));
        }
        Ok(given)
    }

    /// A parameter that is true or false; false unless given.
    pub fn flag(&mut self, name: &'static str) -> Result<bool, Problem> {
        match self.take(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => {
                let detail = format!("{name} is true or false");
                Err(Problem::malformed_at(format!("query:{name}"), "not_a_boolean", detail))
            }
        }
    }

    /// Whether `expand` asks for what else can be shown here.
    pub fn expands(&mut self, with: &'static str) -> Result<bool, Problem> {
        match self.take("expand") {
            None => Ok(false),
            Some(given) if given == with => Ok(true),
            Some(_) => {
                let detail = format!("{with} is what can be shown beside it");
                Err(Problem::malformed_at("query:expand", "not_readable", detail))
            }
        }
    }

    /// A parameter that is one of two words; whether it is the second. The first is meant unless given.
    pub fn one_of(&mut self, name: &'static str, [first, second]: [&str; 2]) -> Result<bool, Problem> {
        match self.take(name) {
            None => Ok(false),
            Some(given) if given == first => Ok(false),
            Some(given) if given == second => Ok(true),
            Some(_) => {
                let detail = format!("{name} is {first} or {second}");
                Err(Problem::malformed_at(format!("query:{name}"), "not_readable", detail))
            }
        }
    }

    /// Every value of a parameter in order.
    pub fn all(&self, name: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(known, _)| *known == name);
        values.map(|(_, value)| value.clone()).collect()
    }

    /// A parameter that `read` understands; else a problem that says what it `is`. Appended to the
    /// query of `link`, so that the next page has it, too.
    pub fn parsed<T>(
        &mut self,
        name: &'static str,
        is: &str,
        link: &mut String,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.take(name) else {
            return Ok(None);
        };
        let Some(value) = read(&text) else {
            return Err(Problem::malformed_at(format!("query:{name}"), "not_readable", format!("{name} {is}")));
        };
        // What was understood has no character that a query could not hold.
        link.push_str(&format!("&{name}={text}"));
        Ok(Some(value))
    }

    /// `limit` and `cursor` of a list in pages.
    pub fn window(&mut self) -> Result<(usize, Option<String>), Problem> {
        Ok((self.limit(DEFAULT_LIMIT, MAX_LIMIT)?, self.take("cursor")))
    }

    /// `limit`, within its bounds.
    pub fn limit(&mut self, default: usize, max: usize) -> Result<usize, Problem> {
        let Some(text) = self.take("limit") else {
            return Ok(default);
        };
        text.parse::<usize>()
            .ok()
            .filter(|limit| (1..=max).contains(limit) && text.bytes().all(|b| b.is_ascii_digit()))
            .ok_or_else(|| {
                let detail = format!("limit is a whole number from 1 to {max}");
                Problem::malformed_at("query:limit", "out_of_range", detail)
            })
    }
}

/// Percent-decoding of a form value; `None` when it is not UTF-8 or a percent sign stands alone.
fn decode(text: &str) -> Option<String> {
    decoded(text, true)
}

/// The same of a form, where a plus is a blank, or of a path.
fn decoded(text: &str, form: bool) -> Option<String> {
    let hex = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' if form => b' ',
            b'%' => u8::try_from(hex(bytes.next())? * 16 + hex(bytes.next())?).ok()?,
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

/// Reads a JSON body: media type, size and time are bounded.
pub async fn body(
    app: &App,
    cx: &Context,
    headers: &HeaderMap,
    body: Body,
    media_types: &[&str],
) -> Result<Bytes, Problem> {
    check_media_type(headers, media_types)?;
    let too_large = || {
        let detail = format!("a body has at most {MAX_BODY} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
            .with_header(header::CONNECTION, HeaderValue::from_static("close"))
    };
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<usize>().ok());
    if announced.is_some_and(|length| length > MAX_BODY) {
        return Err(too_large());
    }
    let collected = Limited::new(body, MAX_BODY).collect();
    match tokio::time::timeout_at(cx.deadline, collected).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) if TurnedAway::is(&*error) => {
            app.metrics.shed.inc();
            Err(Problem::overloaded().with_header(header::CONNECTION, HeaderValue::from_static("close")))
        }
        Ok(Err(_)) => Err(Problem::malformed_at("", "body_broken_off", "the body broke off")),
        Err(_) => {
            let seconds = app.limits.request_timeout.as_secs();
            let detail = format!("the body did not arrive within {seconds} s");
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail)
                .with_header(header::CONNECTION, HeaderValue::from_static("close")))
        }
    }
}

/// Refuses bodies of other media types, and packed ones.
pub fn check_media_type(headers: &HeaderMap, media_types: &[&str]) -> Result<(), Problem> {
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.split(';').next().unwrap_or_default().trim());
    if !media_type.is_some_and(|given| media_types.iter().any(|ours| given.eq_ignore_ascii_case(ours))) {
        let detail = format!("send {}", media_types.join(" or "));
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
    }
    if headers.contains_key(header::CONTENT_ENCODING) {
        let detail = "send the body without Content-Encoding";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_content_encoding", detail));
    }
    Ok(())
}

/// Who sends a request, where that is asked for: of one that changes something, and of one whose answer depends on it.
pub fn caller(parts: &Parts) -> Option<Principal> {
    parts.extensions.get::<Principal>().cloned()
}

/// Whether a text has the form of an idempotency key.
pub fn is_key(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The idempotency key of a request.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut given = headers.get_all(&IDEMPOTENCY_KEY).iter();
    let Some(value) = given.next() else {
        return Ok(None);
    };
    value.to_str().ok().filter(|_| given.next().is_none()).filter(|key| is_key(key)).map(Some).ok_or_else(|| {
        Problem::malformed_at(
            "header:Idempotency-Key",
            "bad_key",
            "an Idempotency-Key is 1 to 255 visible ASCII characters, given once",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_one_name_keep_their_order_when_another_is_taken() {
        let request = axum::extract::Request::builder().uri("/cluster/replicas?table=ledgers&key=stock&key=1");
        let (parts, _) = request.body(Body::empty()).unwrap().into_parts();
        let mut query = Query::read(&parts, &["table", "key"], &["key"]).unwrap();
        assert_eq!(query.take("table").as_deref(), Some("ledgers"));
        assert_eq!(query.all("key"), ["stock", "1"]);
    }

    #[test]
    fn a_weak_setting_is_of_reads_alone_and_a_request_may_name_another_level() {
        let of = |asked, configured, access| level_of(asked, configured, access);
        assert_eq!(of(None, Level::One, Access::Read), Some(Level::One));
        assert_eq!(of(None, Level::One, Access::Write), None);
        for configured in [Level::LocalQuorum, Level::Quorum, Level::All] {
            assert_eq!(of(None, configured, Access::Read), None, "the store's own level is that");
        }
        assert_eq!(of(Some(Level::Quorum), Level::One, Access::Read), Some(Level::Quorum));
    }
}
