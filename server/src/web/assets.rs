//! The files of the site: scripts, WASM, styles and icons, embedded into the binary, plain and packed with brotli.
//!
//! Everything is looked up by its exact path in a table, so that there is no path to be normalised and none to escape from.

use std::collections::HashMap;
use std::sync::LazyLock;

use app::format::hex;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use crate::api::ApiError;

/// `cargo xtask build` writes the folder; without it the program builds all the same and has no files.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../target/site"]
#[allow_missing = true]
struct Embedded;

/// The files of this binary.
pub(super) static SITE: LazyLock<Site> = LazyLock::new(|| {
    Site::new(Embedded::iter().filter_map(|path| {
        let bytes = match Embedded::get(&path)?.data {
            std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
        };
        Some((path.into_owned(), bytes))
    }))
});

/// Files by their path, which has no slash in front.
#[derive(Debug)]
pub(super) struct Site(HashMap<String, File>);

#[derive(Debug)]
struct File {
    plain: Bytes,
    /// Packed with brotli, where that is smaller.
    packed: Option<Bytes>,
    kind: &'static str,
    /// SHA-256 of the plain file in hex.
    hash: String,
}

impl Site {
    fn new(files: impl Iterator<Item = (String, Bytes)>) -> Self {
        let (mut packed, plain): (HashMap<_, _>, HashMap<_, _>) = files.partition(|(path, _)| path.ends_with(".br"));
        let files = plain.into_iter().map(|(path, plain)| {
            let packed = packed.remove(&format!("{path}.br")).filter(|packed| packed.len() < plain.len());
            let file = File { packed, kind: kind(&path), hash: hash(&plain), plain };
            (path, file)
        });
        Self(files.collect())
    }

    /// The address of a file under which it may be kept for ever, since another content has another address.
    pub(super) fn address(&self, path: &str) -> String {
        match self.0.get(path) {
            Some(file) => format!("/{path}?v={}", file.version()),
            None => format!("/{path}"),
        }
    }

    /// Answers a request for a file; none if it is for something else.
    pub(super) fn answer(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Response> {
        let path = uri.path().strip_prefix('/')?;
        let Some(file) = self.0.get(path) else {
            return path.starts_with("pkg/").then(|| ApiError::no_such_page().into_response());
        };
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Some(StatusCode::METHOD_NOT_ALLOWED.into_response());
        }
        let is_version = uri.query().and_then(|query| query.strip_prefix("v=")) == Some(file.version());
        Some(file.answer(headers, is_version))
    }
}

impl File {
    fn version(&self) -> &str {
        self.hash.get(..8).unwrap_or_default()
    }

    fn answer(&self, headers: &HeaderMap, is_version: bool) -> Response {
        let text = |name| headers.get_all(name).iter().filter_map(|value: &HeaderValue| value.to_str().ok());
        let packed = self.packed.as_ref().filter(|_| text(header::ACCEPT_ENCODING).any(takes_brotli));
        // Two representations are two entities (RFC 9110, section 8.8.3).
        let tag = format!("\"{}{}\"", self.hash, if packed.is_some() { "-br" } else { "" });
        let keep = if is_version { "public, max-age=31536000, immutable" } else { "no-cache" };
        let common = [(header::ETAG, tag.as_str()), (header::VARY, "accept-encoding"), (header::CACHE_CONTROL, keep)];
        if text(header::IF_NONE_MATCH).any(|known| names(known, &tag)) {
            return (StatusCode::NOT_MODIFIED, common).into_response();
        }
        let mut response = (common, [(header::CONTENT_TYPE, self.kind)], packed.unwrap_or(&self.plain).clone()).into_response();
        if packed.is_some() {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
        }
        response
    }
}

/// Does a client with this `Accept-Encoding` take brotli? What has a weight of 0 is not taken (RFC 9110, section 12.5.3).
fn takes_brotli(accepted: &str) -> bool {
    let weight = |wanted: &str| {
        accepted.split(',').find_map(|item| {
            let (coding, weight) = item.split_once(';').unwrap_or((item, "q=1"));
            let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.trim().parse::<f32>().ok());
            coding.trim().eq_ignore_ascii_case(wanted).then(|| weight.unwrap_or(0.0))
        })
    };
    weight("br").or_else(|| weight("*")).is_some_and(|weight| weight > 0.0)
}

/// Is this entity among those of an `If-None-Match`? Compared weakly (RFC 9110, section 13.1.2).
fn names(known: &str, tag: &str) -> bool {
    known.trim() == "*" || known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)
}

fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "js" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webmanifest" => "application/manifest+json",
        "json" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        let file = |path: &str, bytes: &'static [u8]| (path.to_owned(), Bytes::from_static(bytes));
        Site::new(
            [
                file("pkg/app.js", b"console.log('hello, hello, hello')"),
                file("pkg/app.js.br", b"packed"),
                file("icon.svg", b"<svg/>"),
                file("icon.svg.br", b"longer than it was"),
            ]
            .into_iter(),
        )
    }

    fn get(target: &str, pairs: &[(&'static str, &str)]) -> Option<(u16, HashMap<String, String>)> {
        let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect();
        let response = site().answer(&Method::GET, &target.parse().unwrap(), &headers)?;
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        Some((
            response.status().as_u16(),
            response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        ))
    }

    #[test]
    fn packed_for_those_who_take_it() {
        let (status, headers) = get("/pkg/app.js", &[("accept-encoding", "gzip, br")]).unwrap();
        assert_eq!((status, headers["content-encoding"].as_str()), (200, "br"));
        assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
        assert_eq!(headers["vary"], "accept-encoding");
        assert!(!get("/pkg/app.js", &[]).unwrap().1.contains_key("content-encoding"));
        assert!(!get("/icon.svg", &[("accept-encoding", "br")]).unwrap().1.contains_key("content-encoding"), "it is longer");
    }

    #[test]
    fn weights() {
        for taken in ["br", "gzip, br", "BR;q=0.5", "*", "gzip;q=0, *;q=0.1", "br; q=1"] {
            assert!(takes_brotli(taken), "{taken}");
        }
        for refused in ["", "gzip", "br;q=0", "br;q=0.0, *", "*;q=0", "brotli", "br;q=x"] {
            assert!(!takes_brotli(refused), "{refused}");
        }
    }

    #[test]
    fn not_sent_again() {
        let tag = get("/pkg/app.js", &[]).unwrap().1["etag"].clone();
        let packed = get("/pkg/app.js", &[("accept-encoding", "br")]).unwrap().1["etag"].clone();
        assert_ne!(tag, packed);
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".into()] {
            assert_eq!(get("/pkg/app.js", &[("if-none-match", &known)]).unwrap().0, 304, "{known}");
        }
        assert_eq!(get("/pkg/app.js", &[("if-none-match", &packed)]).unwrap().0, 200);
        assert_eq!(get("/pkg/app.js", &[("if-none-match", &packed), ("accept-encoding", "br")]).unwrap().0, 304);
    }

    #[test]
    fn kept_for_ever_under_the_address_of_its_content_alone() {
        let address = site().address("pkg/app.js");
        assert!(get(&address, &[]).unwrap().1["cache-control"].contains("immutable"));
        for other in ["/pkg/app.js", "/pkg/app.js?v=00000000", "/pkg/app.js?w=1"] {
            assert_eq!(get(other, &[]).unwrap().1["cache-control"], "no-cache", "{other}");
        }
        assert_eq!(site().address("pkg/absent.js"), "/pkg/absent.js");
    }

    #[test]
    fn only_exact_paths() {
        for other in ["/", "/pkg", "//icon.svg", "/./icon.svg", "/x/../icon.svg", "/icon.svg/", "/%69con.svg", "/Icon.svg"] {
            assert!(get(other, &[]).is_none(), "{other}");
        }
        for absent in ["/pkg/", "/pkg/../icon.svg", "/pkg/other.js", "/pkg/%2e%2e/icon.svg"] {
            assert_eq!(get(absent, &[]).unwrap().0, 404, "{absent}");
        }
    }
}
