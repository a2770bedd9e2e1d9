//! Where a request comes from: is it for us, and was it our own page that made it?

/// Is this `Host` one of ours? The loopback names are, with any port, since a tunnel or `ssh -L` may have another one; of
/// `names`, one with a port only with that port. Anything else may be DNS that was made to point here.
#[must_use]
pub fn host_allowed(host: Option<&str>, names: &[String]) -> bool {
    let Some(host) = host.map(str::to_ascii_lowercase) else { return false };
    let Some((name, _)) = split_port(&host) else { return false };
    let is_loopback = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
    is_loopback || names.iter().map(|own| own.to_ascii_lowercase()).any(|own| own == host || own == name)
}

/// Name and port of an authority; none if it is not one.
fn split_port(host: &str) -> Option<(&str, Option<u16>)> {
    // The last colon of `[::1]` is no port.
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port.parse().ok()?)),
        _ => (host, None),
    };
    let is_name = !name.is_empty() && (name.starts_with('[') || !name.contains(':'));
    is_name.then_some((name, port))
}

/// Does this method change nothing?
#[must_use]
pub fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE")
}

/// Did our own page make this request? Asked of methods that are not safe and come with a cookie, which the browser adds
/// whoever made the request. A bearer token needs none of it: no other page has one.
///
/// `Sec-Fetch-Site` tells (OWASP CSRF Prevention, Fetch Metadata); a page cannot set it. Where a browser is too old for it,
/// `Origin` must name our `Host`. Neither is no proof.
#[must_use]
pub fn same_origin(sec_fetch_site: Option<&str>, origin: Option<&str>, host: Option<&str>) -> bool {
    match (sec_fetch_site, origin, host) {
        (Some(site), ..) => matches!(site, "same-origin" | "none"),
        (None, Some(origin), Some(host)) => {
            let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        let names = ["qd.example.org".to_owned(), "other.example:8443".to_owned()];
        let ours = [
            "localhost",
            "LOCALHOST:9615",
            "127.0.0.1",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:9615",
            "qd.example.org",
            "QD.example.org:443",
            "other.example:8443",
        ];
        for host in ours {
            assert!(host_allowed(Some(host), &names), "{host}");
        }
        let others = [
            "",
            "evil.example",
            "evil.example:9615",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "localhost:",
            "localhost:x",
            "localhost:99999",
            "evil@localhost",
            "127.0.0.1:80:80",
            "127.0.0.2",
            "0.0.0.0",
            "::1",
            "[::1",
            "other.example",
            "other.example:443",
            "qd.example.org.",
            "sub.qd.example.org",
            " localhost",
            ":9615",
        ];
        for host in others {
            assert!(!host_allowed(Some(host), &names), "{host}");
        }
        assert!(!host_allowed(None, &names));
    }

    #[test]
    fn origins() {
        let host = Some("127.0.0.1:9615");
        let own = Some("http://127.0.0.1:9615");
        let evil = Some("https://evil.example");
        for (site, origin, is_same) in [
            (Some("same-origin"), own, true),
            (Some("none"), None, true),
            (Some("same-site"), own, false),
            (Some("cross-site"), None, false),
            (Some("cross-site"), own, false),
            (None, own, true),
            (None, Some("https://127.0.0.1:9615"), true),
            (None, Some("http://127.0.0.1"), false),
            (None, Some("http://127.0.0.1:9615.evil.example"), false),
            (None, Some("ftp://127.0.0.1:9615"), false),
            (None, evil, false),
            (None, Some("null"), false),
            (None, None, false),
        ] {
            assert_eq!(same_origin(site, origin, host), is_same, "{site:?} {origin:?}");
        }
        assert!(!same_origin(None, own, None));
    }

    #[test]
    fn methods() {
        assert!(["GET", "HEAD"].into_iter().all(is_safe));
        assert!(!["POST", "PUT", "DELETE", "PATCH", "get", ""].into_iter().any(is_safe));
    }
}
