//! The text of the unit.

use std::path::Path;

use super::quote::{argument, program, utf8, value};
use crate::cli::Failure;

/// The line by which we know a unit of ours again.
const MARKER: &str = "# Written by `qd startup`; `qd unstartup` removes it.";

/// What the unit is to run, and as whom.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Unit<'a> {
    /// The program, as an absolute path.
    pub(in crate::cli) program: &'a Path,
    /// The home folder of the node.
    pub(in crate::cli) home: &'a Path,
    /// Is it one of the host? Else it is one of a user's own manager.
    pub(in crate::cli) is_system: bool,
    /// Whom it runs as, if not as its manager does.
    pub(in crate::cli) user: Option<&'a str>,
    /// Variables of the caller that `qd` and its apps are to have.
    pub(in crate::cli) environment: &'a [(&'a str, String)],
}

impl Unit<'_> {
    /// The unit as it stands in its file.
    pub(in crate::cli) fn text(&self) -> Result<String, Failure> {
        let start = format!("{} serve --home {}", program(self.program)?, argument(utf8(self.home)?));
        let user = self.user.map(|user| format!("User={user}\n")).unwrap_or_default();
        // A user's manager knows nothing of the units of the host.
        let (order, target) = if self.is_system {
            (
                "# The order counts backwards at a shutdown: apps still have the network while they end.\n\
                 Wants=network-online.target\nAfter=network-online.target remote-fs.target nss-user-lookup.target\n",
                "multi-user.target",
            )
        } else {
            ("", "default.target")
        };
        let environment: String =
            self.environment.iter().map(|(name, text)| format!("Environment={}\n", value(&format!("{name}={text}")))).collect();
        Ok(TEMPLATE
            .replace("{marker}", MARKER)
            .replace("{order}", order)
            .replace("{target}", target)
            // Last, and in one: what stands in a path or a variable is not looked through again.
            .replace("{run}", &format!("{user}{environment}ExecStart={start}")))
    }
}

/// Was this written by us?
pub(super) fn is_ours(text: &str) -> bool {
    text.lines().any(|line| line == MARKER)
}

const TEMPLATE: &str = include_str!("quarterdeck.service");

#[cfg(test)]
mod tests {
    use super::*;

    fn unit<'a>() -> Unit<'a> {
        let (program, home) = (Path::new("/usr/local/bin/qd"), Path::new("/home/ann/.quarterdeck"));
        Unit { program, home, is_system: false, user: None, environment: &[] }
    }

    #[test]
    fn of_the_host() {
        let environment = [("PATH", "/usr/local/bin:/usr/bin".to_owned())];
        let text = Unit { is_system: true, user: Some("ann"), environment: &environment, ..unit() }.text().unwrap();
        insta::assert_snapshot!(text);
        assert!(is_ours(&text));
    }

    #[test]
    fn of_a_user() {
        let text = unit().text().unwrap();
        assert!(text.contains("\nWantedBy=default.target\n"), "{text}");
        for word in ["User=", "network", "Environment=", "{"] {
            assert!(!text.contains(word), "{word} stands in {text}");
        }
    }

    #[test]
    fn a_strange_home_stays_one_argument() {
        let text = Unit { home: Path::new("/srv/50% \"of\" $HOME {user}"), ..unit() }.text().unwrap();
        assert!(text.contains(r#"ExecStart="/usr/local/bin/qd" serve --home "/srv/50%% \"of\" $$HOME {user}""#), "{text}");
    }
}
