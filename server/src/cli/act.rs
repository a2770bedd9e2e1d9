//! `qd stop`, `restart` and `reload`.

use clap::Args;

/// Which apps.
#[derive(Args, Clone, Debug)]
pub struct Targets {
    /// Name, id, namespace, `all` or /regex/ of apps; several may be given
    #[arg(required = true, value_name = "SELECTOR")]
    pub words: Vec<String>,
}

/// The words of `restart` and `reload`.
#[derive(Args, Clone, Debug)]
pub struct Renewal {
    #[command(flatten)]
    pub targets: Targets,
    /// Of an ecosystem file, these apps alone
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Of an ecosystem file, lay env_NAME over env
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
    /// Give the apps the environment of this shell
    #[arg(long, short = 'a')]
    pub update_env: bool,
}
