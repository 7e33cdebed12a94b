//! The console: its page and the files of the page, all from this binary. What it shows it asks of the API under the viewer's
//! own token, so the files themselves are for everybody.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};

use crate::app::App;
use crate::auth::oidc::SignIn;
use crate::problem::Problem;

/// A file of the page: where it lies below the version, and its bytes.
type File = (&'static str, &'static [u8]);

/// The files as they are sent, and the version that they and the page are together.
struct Served {
    files: BTreeMap<&'static str, Bytes>,
    version: String,
}

/// Names files of `api-server/console` and takes them into the program.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/console/", $name)))),*]
    };
}

/// All that the page loads. A test compares it with the directory.
const FILES: &[File] = files![
    "answered.js",
    "api.js",
    "app.css",
    "change.js",
    "conflict.js",
    "events.js",
    "html.js",
    "icon.svg",
    "main.js",
    "more.js",
    "names.js",
    "oidc.js",
    "pages.js",
    "parts.js",
    "poll.js",
    "record.js",
    "ring/activity.js",
    "ring/figure.js",
    "ring/key.js",
    "ring/reading.js",
    "ring/work.js",
    "screens/consistency.js",
    "screens/files.js",
    "screens/new-order.js",
    "screens/operation.js",
    "screens/order.js",
    "screens/orders.js",
    "screens/product.js",
    "screens/products.js",
    "screens/reports.js",
    "screens/ring.js",
    "screens/sign-in.js",
    "screens/stock.js",
    "screens/user.js",
    "screens/users.js",
    "session.js",
    "stream.js",
    "text/en.js",
    "text/fr.js",
    "text/text.js",
    "vendor/hooks.mjs",
    "vendor/htm.mjs",
    "vendor/preact.mjs",
    "vendor/signals-core.mjs",
    "vendor/signals.mjs",
    "versions.js",
];

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/console/index.html"));

/// Scripts, styles and requests of this host alone; nothing inline, no form that leads elsewhere, no frame, and no text that
/// becomes markup.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
);

/// Files that a page asks for once they are wanted: screens, what only they use, and languages.
fn is_lazy(name: &str) -> bool {
    const OTHERS: [&str; 6] = ["conflict.js", "more.js", "record.js", "versions.js", "text/en.js", "text/fr.js"];
    OTHERS.contains(&name)
        || (name.starts_with("screens/") && name != "screens/sign-in.js")
        || name.starts_with("ring/")
}

/// The policy of a page from which people sign in at an issuer: that may be asked, too.
fn policy_with(issuer: &str) -> Option<HeaderValue> {
    let uri: http::Uri = issuer.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let text =
        POLICY.to_str().ok()?.replace("connect-src 'self'", &format!("connect-src 'self' {scheme}://{authority}"));
    HeaderValue::try_from(text).ok()
}

/// The page, which names its files by their version and so is asked for anew each time.
pub async fn page(State(app): State<Arc<App>>, request: Request) -> Response {
    if request.uri().path().ends_with('/') {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/console"));
        return response;
    }
    let sign_in = app.gate.sign_in();
    let text = page_of(&served().version, app.gate.is_on(), sign_in);
    // Another page by its settings is another one, too.
    let tag = format!("\"{}\"", short_digest(&text));
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    let mut response = file_or_unchanged(request.headers(), &tag, Bytes::from(text), kind);
    if let Some(policy) = sign_in.and_then(|sign_in| policy_with(sign_in.issuer)) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// A file of the page. Under its version it never changes; under another one, as while a newer program is rolled out, it is
/// what this program has, and nobody keeps it.
pub async fn file(request: Request) -> Result<Response, Problem> {
    let path = request.uri().path().trim_start_matches("/console/");
    let (asked, name) = path.split_once('/').unwrap_or_default();
    let Served { files, version } = served();
    let bytes = files.get(name).ok_or_else(|| Problem::not_found("file"))?;
    let tag = format!("\"{version}\"");
    let mut response =
        file_or_unchanged(request.headers(), &tag, bytes.clone(), HeaderValue::from_static(kind_of(name)));
    let kept = if asked == version { "public, max-age=31536000, immutable" } else { "no-store" };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    Ok(response)
}

fn kind_of(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "js" | "mjs")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// 304 where the client has it.
fn file_or_unchanged(headers: &HeaderMap, tag: &str, bytes: Bytes, kind: HeaderValue) -> Response {
    let has = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|given| given.trim() == "*" || given.trim().trim_start_matches("W/") == tag);
    let mut response = Response::new(if has { Body::empty() } else { Body::from(bytes) });
    if has {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// Made once: all downloads share the same bytes.
fn served() -> &'static Served {
    static SERVED: OnceLock<Served> = OnceLock::new();
    SERVED.get_or_init(|| {
        let files: BTreeMap<_, _> = FILES.iter().map(|(name, bytes)| (*name, sent(name, bytes))).collect();
        // Another file is another version.
        let mut digest = Sha256::new();
        for (name, bytes) in files.iter().map(|(name, bytes)| (*name, bytes.as_ref())).chain([("", PAGE.as_bytes())]) {
            digest.update(name);
            digest.update([0]);
            digest.update(Sha256::digest(bytes));
        }
        Served { files, version: beginning(&digest.finalize()) }
    })
}

fn short_digest(text: &str) -> String {
    beginning(&Sha256::digest(text))
}

/// So much of a digest as tells versions apart.
fn beginning(digest: &[u8]) -> String {
    digest.iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A script of ours without types and without comments that have lines of their own, which are a quarter of it; all else as it is.
fn sent(name: &str, bytes: &'static [u8]) -> Bytes {
    let Some(text) = std::str::from_utf8(bytes).ok().filter(|_| name.ends_with(".js")) else {
        return Bytes::from_static(bytes);
    };
    let mut kept = String::with_capacity(text.len());
    let mut within = false;
    for line in text.lines() {
        let code = line.trim_start();
        if within || (code.starts_with("/**") && !code.contains("*/")) {
            within = !code.ends_with("*/");
            continue;
        }
        let line = without_types(line);
        if !line.trim().is_empty() && !code.starts_with("//") {
            kept.push_str(line.trim_end());
            kept.push('\n');
        }
    }
    Bytes::from(kept)
}

/// A line without what stands in it for the checker of types.
fn without_types(line: &str) -> String {
    let mut kept = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("/** ") {
        let Some((_, after)) = after.split_once("*/") else { break };
        kept.push_str(before);
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
    kept + rest
}

/// The page with its version, the modules that it begins with named so that they are fetched beside each other, and how a token is had.
fn page_of(version: &str, guarded: bool, sign_in: Option<SignIn<'_>>) -> String {
    let modules: String = FILES
        .iter()
        .filter(|(name, _)| kind_of(name).starts_with("text/javascript") && !is_lazy(name))
        .map(|(name, _)| format!("<link rel=\"modulepreload\" href=\"console/{version}/{name}\">\n"))
        .collect();
    PAGE.replace("{modules}\n", &modules)
        .replace("{version}", version)
        .replace("{token}", if guarded { "needed" } else { "none" })
        .replace("{issuer}", &sign_in.map(issuer_of).unwrap_or_default())
}

/// What the page knows of an issuer.
fn issuer_of(sign_in: SignIn<'_>) -> String {
    let ids = if sign_in.id_tokens { " data-id-tokens=\"true\"" } else { "" };
    format!(" data-issuer=\"{}\" data-client=\"{}\"{ids}", escaped(sign_in.issuer), escaped(sign_in.client))
}

/// A text as it stands in an attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn below(directory: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(directory).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                below(&path, root, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }

    #[test]
    fn every_file_of_the_directory_that_a_browser_loads_is_in_the_program() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("console");
        let mut found = Vec::new();
        below(&root, &root, &mut found);
        found.retain(|name| kind_of(name) != "application/octet-stream");
        found.sort();
        let ours: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(ours, found, "in order, as they are searched for");
    }

    #[test]
    fn the_page_has_nothing_inline_and_names_its_files_relative_to_itself() {
        let page = page_of("v", true, None);
        assert!(page.contains("src=\"console/v/main.js\"") && page.contains("href=\"console/v/vendor/preact.mjs\""));
        assert!(page.contains("data-token=\"needed\"") && page_of("v", false, None).contains("data-token=\"none\""));
        for wrong in ["<style", " style=", "<script>", "\"/", "http", "{"] {
            assert!(!page.contains(wrong), "{wrong} in {page}");
        }
    }

    #[test]
    fn an_issuer_is_named_to_the_page_may_be_asked_and_cannot_write_into_it() {
        let sign_in = SignIn { issuer: "https://id.example/realms/a\"><b>", client: "con&sole", id_tokens: true };
        let page = page_of("v", true, Some(sign_in));
        let named = "data-issuer=\"https://id.example/realms/a&quot;>&lt;b>\" data-client=\"con&amp;sole\" data-id-tokens=\"true\">";
        assert!(page.contains(named), "{page}");
        let policy = policy_with("https://id.example:8443/realms/a").unwrap();
        assert!(policy.to_str().unwrap().contains("connect-src 'self' https://id.example:8443; "), "{policy:?}");
        assert_eq!(policy_with("no issuer"), None);
    }

    #[test]
    fn what_a_page_begins_with_needs_no_screen_before_it_is_known_which() {
        let page = page_of("v", true, None);
        assert!(page.contains("main.js") && page.contains("screens/sign-in.js") && page.contains("stream.js"));
        for lazy in ["screens/ring.js", "screens/files.js", "record.js", "more.js", "text/fr.js", "ring/figure.js"] {
            assert!(!page.contains(lazy) && served().files.contains_key(lazy), "{lazy}");
        }
    }

    #[test]
    fn a_file_is_found_by_its_whole_name_and_has_its_type() {
        let files = &served().files;
        assert!(files.contains_key("main.js") && files.contains_key("text/fr.js"));
        for wrong in ["", "main", "main.js/", "../Cargo.toml", "fr.js", "VENDORED.json"] {
            assert!(!files.contains_key(wrong), "{wrong}");
        }
        assert_eq!(kind_of("vendor/htm.mjs"), kind_of("main.js"));
        assert_eq!(kind_of("icon.svg"), "image/svg+xml");
    }

    #[test]
    fn types_and_comments_stay_here_and_nothing_else_does() {
        let script = b"// What it is.\n/** @type {A} */\nlet a = 1; // why\n\n/**\n * @param {B} b\n */\nf(/** @type {C} */ (b),\n  /** @type {D} */ c /** @see e */);\n";
        assert_eq!(sent("a.js", script), "let a = 1; // why\nf((b),\n  c );\n");
        assert_eq!(sent("a.mjs", script), script.as_slice());
        let (all, less): (usize, usize) = FILES
            .iter()
            .map(|(name, bytes)| (bytes.len(), sent(name, bytes).len()))
            .fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
        assert!(less < all && less > all / 2, "{less} of {all}");
    }
}
