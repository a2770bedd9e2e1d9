//! `cargo xtask …`: builds, runs, tests and measures Quarterdeck. It needs Rust, Node and a package manager, and gets the rest.

mod bench;
mod build;
mod demo;
mod dev;
mod fuzz;
mod needs;
mod site;
mod test;
mod tools;

use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
usage: cargo xtask COMMAND

  build [--debug]   the dashboard and the binary: leaves one self-contained target/release/qd
  demo              builds, and runs the nine services of examples/translation-stack
  dev               runs them too, and builds anew when a file changes; the services go on running
  test [PART …]     format, lints, tests, tests in the browser; PART: fmt, clippy, unit, e2e
  fuzz [SECONDS]    feeds what reads bytes of others with made-up ones, 60 s for each reader unless told otherwise
  bench [PART …]    measures against PM2, supervisord, s6 and runit, which it installs; PART: rest, start, deaths, logs, survive,
                    stubborn, crashloop, health, streams
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<ExitCode> {
    match words {
        ["build"] => build::build(build::Kind::Release).map(|_| ExitCode::SUCCESS),
        ["build", "--debug"] => build::build(build::Kind::Debug).map(|_| ExitCode::SUCCESS),
        ["demo", rest @ ..] => demo::demo(rest),
        ["dev"] => dev::dev(),
        ["fuzz"] => fuzz::fuzz("60").map(|()| ExitCode::SUCCESS),
        ["fuzz", seconds] => fuzz::fuzz(seconds).map(|()| ExitCode::SUCCESS),
        ["bench", parts @ ..] => bench::bench(parts),
        ["bench-guard", run] => bench::guard(run).map(|()| ExitCode::SUCCESS),
        ["test", parts @ ..] => test::test(parts),
        ["help" | "--help" | "-h"] | [] => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        _ => bail!("what should `{}` mean?\n\n{HELP}", words.join(" ")),
    }
}
