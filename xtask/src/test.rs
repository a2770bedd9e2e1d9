//! Everything that is checked: format, lints, types, tests of the parts, and the whole in a browser.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, anyhow, bail};

use crate::build::{Kind, build};
use crate::needs::{need_chromium, need_component, need_node_packages};
use crate::tools::{cargo, need_wasm_target, root, run, say, target};

/// A word, and what it checks.
type Part = (&'static str, fn(&mut Tally));

/// What may be named to be checked alone, in the order in which all is checked.
const PARTS: [Part; 4] = [("fmt", format), ("clippy", lint), ("unit", units), ("e2e", end_to_end)];

/// How many checks passed and failed. A lint counts as one.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
}

impl Tally {
    /// Takes one step that passes or fails as a whole. A failure is said and does not end the rest.
    fn step(&mut self, name: &str, result: Result<()>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(error) => self.fail(name, &error),
        }
    }

    fn fail(&mut self, name: &str, error: &anyhow::Error) {
        eprintln!("\x1b[31m{name} failed\x1b[0m: {error:#}");
        self.failed += 1;
    }

    /// Takes what a tool counted. A tool that failed counts as a failure even if it could not count one.
    fn take(&mut self, name: &str, counted: Result<(Self, bool)>) {
        match counted {
            Ok((counts, done)) => {
                let silent = !done && counts.failed == 0;
                self.passed += counts.passed;
                self.failed += counts.failed;
                if silent {
                    self.fail(name, &anyhow!("it ended before its tests did; see above"));
                }
            }
            Err(error) => self.fail(name, &error),
        }
    }
}

/// Checks everything, or the parts that were named. The last line tells how many checks passed and failed.
pub(crate) fn test(words: &[&str]) -> Result<ExitCode> {
    let known = |word: &str| PARTS.iter().any(|(name, _)| *name == word);
    if let Some(unknown) = words.iter().find(|word| !known(word)) {
        bail!("there are no tests `{unknown}`; there are: {}", PARTS.map(|(name, _)| name).join(", "));
    }
    let mut tally = Tally::default();
    for (name, check) in PARTS {
        if words.is_empty() || words.contains(&name) {
            check(&mut tally);
        }
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn format(tally: &mut Tally) {
    say("format");
    tally.step("format", need_component("fmt", "rustfmt").and_then(|()| run(cargo().args(["fmt", "--all", "--check"]))));
}

fn lint(tally: &mut Tally) {
    say("lints");
    let strict = ["--", "--deny", "warnings"];
    let native = || {
        need_component("clippy", "clippy")?;
        run(cargo().args(["clippy", "--workspace", "--all-targets"]).args(strict))
    };
    tally.step("lints", native());
    say("lints of what runs in the browser");
    let browser = || {
        need_wasm_target()?;
        let args = ["clippy", "--package", "app", "--lib", "--target", "wasm32-unknown-unknown"];
        run(cargo().args(args).args(["--no-default-features", "--features", "hydrate"]).args(strict))
    };
    tally.step("lints of what runs in the browser", browser());
}

fn units(tally: &mut Tally) {
    say("tests of the parts");
    tally.take("tests of the parts", count_units(cargo().args(["test", "--workspace", "--no-fail-fast"])));
}

/// Passes on what the tests print, and adds up the lines in which each test program sums up.
fn count_units(command: &mut Command) -> Result<(Tally, bool)> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("failed to run cargo")?;
    let mut counts = Tally::default();
    let mut out = std::io::stdout();
    for line in BufReader::new(child.stdout.take().context("no output")?).split(b'\n') {
        let line = line?;
        out.write_all(&line)?;
        out.write_all(b"\n")?;
        if let Some((passed, failed)) = summary(&String::from_utf8_lossy(&line)) {
            counts.passed += passed;
            counts.failed += failed;
        }
    }
    Ok((counts, child.wait()?.success()))
}

/// Reads `test result: ok. 12 passed; 0 failed; 0 ignored; …`.
fn summary(line: &str) -> Option<(u64, u64)> {
    let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let count = |word: &str| counts.split("; ").find_map(|part| part.strip_suffix(word)?.trim().parse().ok());
    Some((count("passed")?, count("failed")?))
}

fn end_to_end(tally: &mut Tally) {
    say("the binary, for the tests in the browser");
    let ready = || -> Result<_> {
        let binary = build(Kind::Debug)?;
        need_node_packages()?;
        Ok((binary, need_chromium()?))
    };
    let (binary, chromium) = match ready() {
        Ok(ready) => ready,
        Err(error) => return tally.fail("tests in the browser", &error),
    };
    say("types of the tests in the browser");
    tally.step("types of the tests in the browser", run(node_tool("tsc").args(["--noEmit"])));
    say("tests in the browser");
    tally.take("tests in the browser", count_browser(&binary, &chromium));
}

fn node_tool(name: &str) -> Command {
    let folder = root().join("end2end");
    let mut command = Command::new(folder.join("node_modules/.bin").join(name));
    command.current_dir(folder);
    command
}

fn count_browser(binary: &Path, chromium: &Path) -> Result<(Tally, bool)> {
    let report = target().join("xtask/end2end.json");
    if report.exists() {
        std::fs::remove_file(&report)?;
    }
    let mut command = node_tool("playwright");
    command.args(["test", "--reporter=list,json"]).env("QD_BIN", binary).env("CHROMIUM_PATH", chromium);
    let status = command.env("PLAYWRIGHT_JSON_OUTPUT_FILE", &report).status().context("failed to run Playwright")?;
    let text = std::fs::read(&report).context("Playwright left no report")?;
    let report: serde_json::Value = serde_json::from_slice(&text).context("failed to read the report of Playwright")?;
    let count = |key: &str| report["stats"][key].as_u64().unwrap_or_default();
    let unsteady = count("flaky");
    if unsteady > 0 {
        say(&format!("{unsteady} tests in the browser passed only at their second try: look at them, one of the two is wrong"));
    }
    Ok((Tally { passed: count("expected") + unsteady, failed: count("unexpected") }, status.success()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_sum_up() {
        let line = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.12s";
        assert_eq!(summary(line), Some((12, 0)));
        assert_eq!(summary("test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured"), Some((1, 2)));
        assert_eq!(summary("test result::tests::is_read ... ok"), None);
        assert_eq!(summary("running 3 tests"), None);
    }

    #[test]
    fn a_tool_that_fails_counts() {
        let mut tally = Tally::default();
        tally.take("a", Ok((Tally { passed: 3, failed: 0 }, true)));
        tally.take("b", Ok((Tally { passed: 1, failed: 2 }, false)));
        tally.take("c", Ok((Tally::default(), false)));
        tally.take("d", Err(anyhow!("not found")));
        tally.step("e", Ok(()));
        assert_eq!(tally, Tally { passed: 5, failed: 4 });
    }
}
