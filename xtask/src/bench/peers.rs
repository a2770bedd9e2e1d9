//! Gets those that Quarterdeck is compared with: into `target/bench`, or as packages of the system.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::supervisor::Supervisor;
use crate::needs::which;
use crate::tools::{output, run, say};

const PM2: &str = "7.0.4";
const SUPERVISOR: &str = "4.3.0";

pub(super) fn pm2(folder: &Path) -> Result<Supervisor> {
    let folder = folder.join("pm2");
    let module = folder.join("node_modules/pm2");
    if !module.join("package.json").exists() {
        say(&format!("installing PM2 {PM2} from npm"));
        std::fs::create_dir_all(&folder)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--no-save", "--prefix"]).arg(&folder).arg(format!("pm2@{PM2}"));
        run(&mut npm).context("PM2 could not be had from npm")?;
    }
    Ok(Supervisor::Pm2 { module, version: PM2 })
}

pub(super) fn supervisord(folder: &Path) -> Result<Supervisor> {
    let folder = folder.join("supervisord");
    let program = folder.join("bin/supervisord");
    if output(&program, &["--version"]).is_none() {
        say(&format!("installing supervisord {SUPERVISOR} from PyPI"));
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))
            .context("supervisord needs Python with venv")?;
        let mut pip = Command::new(folder.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", &format!("supervisor=={SUPERVISOR}"), "setuptools<80"]);
        run(&mut pip).context("supervisord could not be had from PyPI")?;
    }
    Ok(Supervisor::Supervisord { program, version: SUPERVISOR })
}

pub(super) fn s6() -> Result<Supervisor> {
    Ok(Supervisor::S6 { version: package("s6", "s6-svscan")? })
}

pub(super) fn runit() -> Result<Supervisor> {
    Ok(Supervisor::Runit { version: package("runit", "runsvdir")? })
}

/// A package of Debian and its relatives; gives its version, without what the distribution added to it.
fn package(name: &str, program: &str) -> Result<String> {
    if which(program).is_none() {
        if which("apt-get").is_none() || output("id", &["-u"]).as_deref() != Some("0") {
            bail!("{name} is not installed; install it by the packages of your system (apt-get install {name})");
        }
        say(&format!("installing {name} (apt-get install {name})"));
        let mut apt = Command::new("apt-get");
        apt.args(["install", "--yes", "--no-install-recommends", name]).env("DEBIAN_FRONTEND", "noninteractive");
        run(apt.stdout(Stdio::null())).with_context(|| format!("{name} could not be had; does `apt-get update` help?"))?;
    }
    let version = output("dpkg-query", &["--show", "--showformat=${Version}", name]).unwrap_or_default();
    Ok(version.rsplit_once('-').map_or(version.as_str(), |(own, _)| own).to_owned())
}
