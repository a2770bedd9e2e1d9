//! `qd serve`: the node in the foreground.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, Home};

/// What `qd serve` was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeOptions {
    /// The ecosystem file, if one was named.
    pub config: Option<PathBuf>,
    /// Where the dashboard listens, as `host:port`; none if neither the words nor `$QD_LISTEN` tell.
    pub listen: Option<String>,
    /// The home folder, absolute. It may not exist yet.
    pub home: PathBuf,
    /// Numbers of the sockets that the program before left open: TCP, then Unix.
    pub inherited: Option<(i32, i32)>,
}

/// The words of `qd serve`.
#[derive(Args, Clone, Debug)]
pub(super) struct Serve {
    /// Ecosystem file with apps to run beside those that are known
    #[arg(value_name = "CONFIG")]
    config: Option<PathBuf>,
    /// Address of the dashboard and the API [default: 127.0.0.1:9615]; port 0 takes a free one
    #[arg(long, value_name = "ADDR", env = "QD_LISTEN", hide_env_values = true)]
    listen: Option<String>,
    /// Numbers of the sockets that the program before left open
    #[arg(long, value_name = "TCP,UNIX", value_parser = pair, hide = true)]
    inherit: Option<(i32, i32)>,
}

impl Serve {
    pub(super) fn run(self, home: &Home) -> Result<(), Failure> {
        crate::run::serve(&self.options(home))
    }

    fn options(self, home: &Home) -> ServeOptions {
        let listen = self.listen.filter(|address| !address.is_empty());
        ServeOptions { config: self.config, listen, home: home.path().to_owned(), inherited: self.inherit }
    }
}

fn pair(written: &str) -> Result<(i32, i32), String> {
    let numbers = written.split_once(',').and_then(|(tcp, unix)| Some((tcp.parse().ok()?, unix.parse().ok()?)));
    numbers.ok_or_else(|| "it takes two numbers of open files; only `qd upgrade` uses it".into())
}
