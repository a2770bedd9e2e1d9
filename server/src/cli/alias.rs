//! Called as `pm2`: words of PM2 that are written otherwise here, and words that need an answer of their own.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::Failure;
use super::context::Called;

/// Words of PM2 for what Quarterdeck does by itself or not at all.
const ANSWERS: &[(&[&str], &str)] = &[
    (
        &["install", "uninstall", "module:update"],
        "has no modules; rotation of logs is built in, see max_size, retain and compress in quarterdeck.toml",
    ),
    (
        &["set", "multiset", "get", "conf", "config", "unset"],
        "has no such settings; they stand in quarterdeck.toml in the home folder",
    ),
    (
        &["link", "unlink", "plus", "register", "login", "logout", "open", "monitor", "unmonitor"],
        "has a dashboard of its own; `login-link` prints a link to it",
    ),
    (&["update", "updatePM2", "deepUpdate"], "is replaced by `save`, `kill` and then `resurrect` with the new program"),
    (&["web", "dashboard", "dash", "imonit"], "has a dashboard of its own; `login-link` prints a link to it"),
    (&["reloadLogs", "logrotate"], "rotates the logs by itself; see max_size, retain and compress in quarterdeck.toml"),
];

/// Options of PM2 that change nothing here, or nothing any more.
const NEEDLESS: &[&str] = &[
    "--no-daemon",
    "--no-vizion",
    "--no-pmx",
    "--no-automation",
    "--mini-list",
    "-m",
    "--disable-source-map-support",
    "--source-map-support",
    // Our unit waits for the network as it is.
    "--wait-ip",
];

/// By which name was the program called?
pub(super) fn called(program: Option<&OsString>) -> Called {
    let name = program.and_then(|program| Path::new(program).file_stem());
    if name == Some(OsStr::new("pm2")) { Called::Pm2 } else { Called::Qd }
}

/// PM2's words as ours. What stands behind `--` belongs to a script and stays as it is.
///
/// # Errors
/// A word of PM2 that has no counterpart, with what to do instead.
pub(super) fn translate(words: Vec<OsString>) -> Result<Vec<OsString>, Failure> {
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let mut words = words;
    let behind = words.split_off(end);
    if let Some(command) =
        words.iter().skip(1).find(|word| !word.as_encoded_bytes().starts_with(b"-")).and_then(|word| word.to_str())
        && let Some((_, answer)) = ANSWERS.iter().find(|(known, _)| known.contains(&command))
    {
        return Err(Failure::Usage(format!("`pm2 {command}` is not needed: Quarterdeck {answer}")));
    }
    words.retain(|word| !NEEDLESS.iter().any(|needless| word == needless));
    words.extend(behind);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(line: &str) -> Result<String, Failure> {
        let words = translate(line.split(' ').map(Into::into).collect())?;
        Ok(words.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn by_the_name_of_the_link() {
        for (program, called_as) in
            [("pm2", Called::Pm2), ("/usr/bin/pm2", Called::Pm2), ("/opt/pm2/qd", Called::Qd), ("qd", Called::Qd)]
        {
            assert_eq!(called(Some(&program.into())), called_as, "{program}");
        }
        assert_eq!(called(None), Called::Qd);
    }

    #[test]
    fn needless_words_go_but_not_those_of_the_script() {
        assert_eq!(translated("pm2 start a.js --no-vizion -i 2").unwrap(), "pm2 start a.js -i 2");
        assert_eq!(translated("pm2 start a.js -- -m --no-daemon set").unwrap(), "pm2 start a.js -- -m --no-daemon set");
        assert_eq!(translated("pm2 ls -m").unwrap(), "pm2 ls");
        assert_eq!(translated("pm2 describe set").unwrap(), "pm2 describe set");
    }

    #[test]
    fn what_is_built_in_says_so() {
        for line in ["pm2 install pm2-logrotate", "pm2 set pm2-logrotate:max_size 50M", "pm2 update"] {
            let Err(Failure::Usage(told)) = translated(line) else { panic!("{line} was taken") };
            assert!(told.contains(line.split(' ').nth(1).unwrap()), "{told}");
        }
    }
}
