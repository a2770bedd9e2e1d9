//! Values as systemd reads them: systemd.syntax(7), and "Command lines" in systemd.service(5).

use std::fmt::Write as _;
use std::path::Path;

use crate::cli::Failure;

/// One argument of a command line: in quotes, with neither a specifier nor a variable left in it.
pub(super) fn argument(text: &str) -> String {
    value(text).replace('$', "$$")
}

/// One word of a setting that takes quotes, such as `Environment=`. A dollar sign means nothing there.
pub(super) fn value(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '%' => quoted.push_str("%%"),
            // A line break would end the setting. Writing into a String cannot fail.
            control if control.is_ascii_control() => {
                let _ = write!(quoted, "\\x{:02x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// The program of a command line. systemd puts no variables into it, and takes neither quotes nor backslashes there
/// however they are written.
pub(super) fn program(path: &Path) -> Result<String, Failure> {
    let text = utf8(path)?;
    if text.contains(['"', '\'', '\\']) || text.contains(char::is_control) {
        return Err(Failure::failed(format!(
            "systemd cannot start {}, as it takes no quotes, backslashes and control characters in the path of a program; \
             move qd to a folder such as /usr/local/bin",
            super::super::format::plain(text)
        )));
    }
    Ok(value(text))
}

/// A path as text: a unit is written in UTF-8.
pub(super) fn utf8(path: &Path) -> Result<&str, Failure> {
    path.to_str().ok_or_else(|| {
        Failure::failed(format!("the path {} is not UTF-8, which a unit has to be; rename the folder", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn nothing_means_anything_but_itself() {
        for (text, quoted) in [
            ("/home/ann/.quarterdeck", r#""/home/ann/.quarterdeck""#),
            ("/srv/two words", r#""/srv/two words""#),
            ("/srv/100%h", r#""/srv/100%%h""#),
            (r#"/srv/"a"\b"#, r#""/srv/\"a\"\\b""#),
            ("/srv/it's", r#""/srv/it's""#),
            ("/srv/$HOME/${X}", r#""/srv/$$HOME/$${X}""#),
            ("/srv/a\nUser=root", r#""/srv/a\x0aUser=root""#),
            ("/srv/größe", r#""/srv/größe""#),
        ] {
            assert_eq!(argument(text), quoted, "{text}");
        }
        assert_eq!(value("PATH=/opt/$x"), r#""PATH=/opt/$x""#);
    }

    #[test]
    fn programs_that_systemd_refuses() {
        assert_eq!(program(Path::new("/opt/my $qd/50%/qd")).unwrap(), r#""/opt/my $qd/50%%/qd""#);
        for path in ["/opt/a\"b/qd", "/opt/it's/qd", "/opt/a\\b/qd", "/opt/a\nb/qd"] {
            assert!(matches!(program(Path::new(path)), Err(Failure::Failed(_))), "{path}");
        }
        assert!(utf8(Path::new(OsStr::from_bytes(b"/opt/\xff"))).is_err());
    }
}
