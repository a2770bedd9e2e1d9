//! The words of the command line as a whole, and which file answers each of them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use app::model::Action;
use clap::{ArgAction, Parser, Subcommand};

use super::act::{Renewal, Targets};
use super::check::Check;
use super::client::Client;
use super::context::{Called, Context};
use super::describe::Describe;
use super::env::Env;
use super::flush::Flush;
use super::id::Numbers;
use super::logs::Logs;
use super::ls::Ls;
use super::monit;
use super::profile::{Cpu, Which};
use super::save::Save;
use super::scale::Scale;
use super::screen::Screen;
use super::serve::Serve;
use super::start::{Renew, Start};
use super::startup::Startup;
use super::token::Token;
use super::unstartup::Unstartup;
use super::upgrade::Upgrade;
use super::{Failure, Home, act, alias, delete, flush, heal, jlist, kill, login_link, ping, resurrect};

/// Starts and watches processes, keeps their history, and shows and controls them in the browser
#[derive(Debug, Parser)]
#[command(name = "qd", version, disable_version_flag = true, max_term_width = 100)]
pub struct Cli {
    /// Home folder of the node [default: $QD_HOME, else ~/.quarterdeck]
    #[arg(long, global = true, value_name = "DIR")]
    home: Option<PathBuf>,
    /// Print no colours; so does NO_COLOR in the environment
    #[arg(long, global = true)]
    no_color: bool,
    /// Say nothing about what was done
    #[arg(long, short, global = true)]
    silent: bool,
    /// Print the version
    #[arg(long, short = 'v', short_alias = 'V', action = ArgAction::Version)]
    version: Option<bool>,
    #[arg(skip)]
    called: Called,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the node in the foreground: engine, API and dashboard
    Serve(Serve),
    /// Start apps, and the daemon in the background if none runs
    Start(Box<Start>),
    /// Stop apps; ends when they have ended
    Stop(Targets),
    /// Stop apps and start them again
    Restart(Renewal),
    /// Replace apps without an interruption where they can
    Reload(Renewal),
    /// Start the apps of an ecosystem file, and restart those that run
    #[command(name = "startOrRestart")]
    StartOrRestart(Renew),
    /// Start the apps of an ecosystem file, and reload those that run
    #[command(name = "startOrReload", alias = "startOrGracefulReload")]
    StartOrReload(Renew),
    /// Stop apps and forget them
    #[command(visible_alias = "del")]
    Delete(Targets),
    /// Run more or fewer instances of an app
    Scale(Scale),
    /// Set the counters of apps to 0
    Reset(Targets),
    /// Show every app in a table
    #[command(visible_aliases = ["list", "status", "ps"], alias = "l")]
    Ls(Ls),
    /// Show the table and what happened lately, live
    Monit,
    /// Show all that is known of an app
    #[command(visible_aliases = ["show", "info"], alias = "desc")]
    Describe(Describe),
    /// Print the list as JSON, in PM2's words
    Jlist,
    /// Print that list on many lines
    Prettylist,
    /// Show the environment that an app was given
    Env(Env),
    /// Show the last lines that apps wrote, then each new one
    #[command(visible_alias = "log")]
    Logs(Logs),
    /// Empty the logs of apps
    Flush(Flush),
    /// Take a heap snapshot of a Node app; it stands still meanwhile
    #[command(name = "profile:mem", alias = "profile:heap")]
    ProfileMem(Which),
    /// See what a Node app does with the CPU
    #[command(name = "profile:cpu")]
    ProfileCpu(Cpu),
    /// Print the process ids of apps
    Pid(Numbers),
    /// Print the ids of apps
    Id(Numbers),
    /// Write the list of apps down
    #[command(visible_alias = "dump")]
    Save(Save),
    /// Bring the saved list back, and the daemon if none runs
    Resurrect,
    /// Have systemd run the node, from the start of the host on
    Startup(Startup),
    /// Take the node away from systemd; the apps run on
    Unstartup(Unstartup),
    /// Stop every app, then the daemon
    Kill,
    /// Replace the program of the running daemon; its apps run on
    Upgrade(Upgrade),
    /// Tell that this program can take over from another one
    #[command(hide = true)]
    Takeover,
    /// Does a daemon answer?
    Ping,
    /// Tell every mistake in an ecosystem file; starts nothing
    Check(Check),
    /// Make tokens, which programs show to the API
    Token(Token),
    /// Print a fresh link that logs a browser in, once
    LoginLink,
}

impl Cli {
    /// Reads the words of the command line, the name of the program first.
    ///
    /// # Errors
    /// Unknown words, and requests for help.
    pub fn from_words(words: impl IntoIterator<Item = OsString>) -> Result<Self, Failure> {
        let words: Vec<OsString> = words.into_iter().collect();
        let called = alias::called(words.first());
        let words = if called == Called::Pm2 { alias::translate(words)? } else { words };
        Ok(Self { called, ..Self::try_parse_from(words)? })
    }

    /// Does it.
    ///
    /// # Errors
    /// Why it was not done, and the exit code.
    pub fn run(self) -> Result<(), Failure> {
        let home = Home::find(self.home.as_deref())?;
        let client = Client::new(&home);
        let context = Context { screen: Screen::find(self.no_color, self.silent), client, home, called: self.called };
        match self.command {
            Command::Serve(words) => words.run(&context.home),
            Command::Check(words) if !words.heal => words.run(&context),
            command => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = runtime
                    .map_err(|error| Failure::failed(format!("the command could not begin: {error}; close some programs")))?;
                runtime.block_on(command.ask(self.home.as_deref(), &context))
            }
        }
    }
}

impl Command {
    /// The commands that speak with a daemon.
    async fn ask(self, told: Option<&Path>, context: &Context) -> Result<(), Failure> {
        match self {
            // Answered before, without a daemon.
            Self::Serve(_) => Ok(()),
            Self::Check(_) => heal::heal(context).await,
            Self::Start(words) => words.run(context).await,
            Self::Stop(targets) => act::stop(targets, context).await,
            Self::Restart(words) => words.run(Action::Restart, context).await,
            Self::Reload(words) => words.run(Action::Reload, context).await,
            Self::StartOrRestart(words) => words.run(Action::Restart, context).await,
            Self::StartOrReload(words) => words.run(Action::Reload, context).await,
            Self::Delete(targets) => delete::delete(targets, context).await,
            Self::Scale(words) => words.run(context).await,
            Self::Reset(targets) => flush::reset(targets, context).await,
            Self::Ls(words) => words.run(context).await,
            Self::Monit => monit::monit(context).await,
            Self::Describe(words) => words.run(context).await,
            Self::Jlist => jlist::jlist(context).await,
            Self::Prettylist => jlist::prettylist(context).await,
            Self::Env(words) => words.run(context).await,
            Self::Logs(words) => words.run(context).await,
            Self::Flush(words) => words.run(context).await,
            Self::ProfileMem(words) => words.heap(context).await,
            Self::ProfileCpu(words) => words.run(context).await,
            Self::Pid(words) => words.pids(context).await,
            Self::Id(words) => words.ids(context).await,
            Self::Save(words) => words.run(context).await,
            Self::Resurrect => resurrect::resurrect(context).await,
            Self::Startup(words) => words.run(told, context).await,
            Self::Unstartup(words) => words.run(context).await,
            Self::Kill => kill::kill(context).await,
            Self::Upgrade(words) => words.run(context).await,
            Self::Takeover => context.screen.say(crate::node::TAKEOVER),
            Self::Ping => ping::ping(context).await,
            Self::Token(words) => words.run(context).await,
            Self::LoginLink => login_link::login_link(context).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn read(line: &str) -> Result<Cli, Failure> {
        Cli::from_words(line.split(' ').map(Into::into))
    }

    #[test]
    fn the_words_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_people_type() {
        for line in [
            "qd serve",
            "qd serve ecosystem.config.js --listen 127.0.0.1:0 --home /tmp/x",
            "qd start",
            "qd start ecosystem.config.js --only a,b --env production",
            "qd start mine.sh --name mine -- --one two",
            "qd start app.js -i max --watch --max-memory-restart 300M",
            "qd start app.js -i -1 --node-args --inspect",
            "qd start 0 1 --update-env",
            "qd logs --lines 50 --nostream",
            "qd logs api --err --json",
            "qd token create --role viewer --name prometheus",
            "qd ls --home /tmp/x --json",
            "pm2 l",
            "pm2 start ecosystem.config.js --update-env",
            "pm2 restart all --update-env",
            "pm2 delete all -s",
            "pm2 save --force",
            "pm2 startOrReload ecosystem.config.js --env production",
            "pm2 logs --raw --timestamp",
            "qd startup --user ann --print",
            "qd profile:cpu api --duration 20 -i 1",
            "pm2 profile:mem 0",
            "qd check --heal --home /tmp/x",
            "pm2 startup systemd -u ann --hp /home/ann --wait-ip",
            "pm2 unstartup systemd",
        ] {
            assert!(read(line).is_ok(), "{line}: {:?}", read(line));
        }
    }

    #[test]
    fn wrong_words() {
        for line in [
            "qd",
            "qd frobnicate",
            "qd ls --no-such-flag",
            "qd token create",
            "qd logs --lines some",
            "qd stop",
            "qd startup upstart",
            "qd profile:cpu api --duration 61",
            "qd check --heal ecosystem.config.js",
            "qd startup --user a=b",
            "qd token create --role emperor --name x",
        ] {
            assert!(matches!(read(line), Err(Failure::Words(error)) if error.exit_code() == 2), "{line}");
        }
        for line in ["qd --help", "qd --version", "qd -v", "qd -V", "qd help start"] {
            assert!(matches!(read(line), Err(Failure::Words(error)) if error.exit_code() == 0), "{line}");
        }
    }
}
