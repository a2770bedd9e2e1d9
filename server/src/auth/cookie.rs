//! The cookie of a session.
//!
//! `SameSite=Lax` and not `Strict`: an alert in a mail or a chat links to a page of the dashboard, and with `Strict` the
//! browser would keep the cookie back and show the login. What `Strict` would prevent beyond that is prevented without it:
//! a GET changes nothing, and everything else must prove that our own page made it ([`super::same_origin`]).

use super::SESSION_KEPT;

const NAME: &str = "qd_session";
/// Browsers take this name only over https, for this host alone, and from no other one of the same domain.
const NAME_OVER_HTTPS: &str = "__Host-qd_session";

/// The `Set-Cookie` of a new session.
#[must_use]
pub fn session_cookie(secret: &str, is_https: bool) -> String {
    set(secret, is_https, SESSION_KEPT.as_secs())
}

/// The `Set-Cookie` that makes the browser forget its session.
#[must_use]
pub fn clear_cookie(is_https: bool) -> String {
    set("", is_https, 0)
}

fn set(value: &str, is_https: bool, max_age: u64) -> String {
    let (name, secure) = if is_https { (NAME_OVER_HTTPS, "; Secure") } else { (NAME, "") };
    format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}")
}

/// The secret of the session in a `Cookie` header.
#[must_use]
pub fn read_cookie(header: &str) -> Option<&str> {
    let find = |wanted| {
        let pairs = header.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.into_iter().find_map(|(name, value)| (name == wanted && !value.is_empty()).then_some(value))
    };
    find(NAME_OVER_HTTPS).or_else(|| find(NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_read() {
        for is_https in [false, true] {
            let set = session_cookie("abc", is_https);
            assert_eq!(read_cookie(set.split(';').next().unwrap()), Some("abc"));
            assert!(set.contains("; HttpOnly") && set.contains("; SameSite=") && set.contains("; Path=/"), "{set}");
            assert_eq!(set.contains("; Secure"), is_https);
            assert_eq!(set.starts_with("__Host-"), is_https);
            assert!(clear_cookie(is_https).contains("Max-Age=0"));
        }
    }

    #[test]
    fn the_one_among_others_is_found() {
        assert_eq!(read_cookie("a=1; qd_session=x; b=2"), Some("x"));
        assert_eq!(read_cookie("qd_session=x; __Host-qd_session=y"), Some("y"));
        for other in ["", "qd_session", "qd_session=", "xqd_session=1", "a=qd_session=1"] {
            assert_eq!(read_cookie(other), None, "{other}");
        }
    }
}
