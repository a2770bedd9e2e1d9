//! `cargo xtask fuzz`: builds the fuzzers and runs each for some time. Stable Rust will do: what they need of the compiler is
//! what cargo-fuzz asks of it, without a sanitizer.

use std::fs;

use anyhow::{Context, Result};

use crate::tools::{cargo, output, root, run, say, target};

/// Coverage as libFuzzer wants it (clang's SanitizerCoverage).
const FLAGS: [&str; 8] = [
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    "-Ccodegen-units=4",
];

/// Runs each for so many seconds. Inputs that it made are kept in the target folder and go on from there the next time.
pub(crate) fn fuzz(seconds: &str) -> Result<()> {
    let seconds: u32 = seconds.parse().context("cargo xtask fuzz takes a number of seconds")?;
    let host = output("rustc", &["--print", "host-tuple"]).context("rustc does not tell for which machine it compiles")?;
    say("building the fuzzers");
    // With a target, the flags are not for what runs while building.
    let build = ["build", "--release", "--target", &host];
    run(cargo()
        .args(build)
        .current_dir(root().join("fuzz"))
        .env("RUSTFLAGS", FLAGS.join(" "))
        .env("CARGO_TARGET_DIR", target()))?;
    let found = root().join("fuzz/found");
    for entry in fs::read_dir(&found).with_context(|| format!("{} cannot be read", found.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let corpus = target().join("fuzz").join(&name);
        fs::create_dir_all(&corpus)?;
        say(&format!("{name}, {seconds} s"));
        let mut command = std::process::Command::new(target().join(&host).join("release").join(&name));
        let artifacts = format!("-artifact_prefix={}/", found.join(&name).display());
        run(command.arg(format!("-max_total_time={seconds}")).arg(artifacts).arg(corpus).arg(found.join(&name)))?;
    }
    Ok(())
}
