//! `qd describe`: all that is known of an app, under the words that PM2 uses where it has them.

use app::availability as words;
use app::model::{
    AppSpec, Availability, Definition, Dependency, EnvBlock, ExecMode, HealthDocument, Instance, Interpreter, LogFile,
    ProbeReport, Time, TreeLimits, Until,
};
use clap::Args;

use super::client::segment;
use super::context::Context;
use super::ls;
use super::screen::{Screen, Tone};
use super::select::select;
use super::table::columns_of;
use super::{Failure, format};

/// The words of `qd describe`.
#[derive(Args, Clone, Debug)]
pub(super) struct Describe {
    /// Name, id, namespace, `all` or /regex/ of apps
    #[arg(required = true, value_name = "SELECTOR")]
    words: Vec<String>,
    /// Print a list of the apps as JSON, as the API tells them
    #[arg(long)]
    json: bool,
}

impl Describe {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let definitions = context.definitions().await?;
        let apps: Vec<_> = definitions.iter().map(|definition| definition.app.clone()).collect();
        let chosen = select(&apps, &self.words)?;
        if self.json {
            return context.print_json(&chosen);
        }
        let health: HealthDocument = context.client.get("/api/health/system").await?;
        let mut texts = Vec::new();
        for definition in definitions.iter().filter(|definition| chosen.iter().any(|app| app.name == definition.app.name)) {
            let path = format!("/api/apps/{}/availability", segment(&definition.app.name));
            // The history may be away; all else is told without it.
            let availability: Option<Availability> = context.client.get(&path).await.ok();
            texts.push(page(definition, &health.trees.message, availability.as_ref(), context.now(), &context.screen));
        }
        context.screen.print(&texts.join("\n"))
    }
}

/// How many outages are told.
const OUTAGES: usize = 5;

/// Facts under a heading; a fact without a value is left out.
struct Section(&'static str, Vec<(&'static str, String)>);

fn page(definition: &Definition, held: &str, availability: Option<&Availability>, now: Time, screen: &Screen) -> String {
    let mut text = String::new();
    let (tone, state) = ls::state(definition.app.state);
    let name = screen.paint(Tone::Strong, &format::plain(&definition.app.name));
    text.push_str(&format!("{name}  {}\n", screen.paint(tone, &state)));
    if let Some(sentence) = format::trouble(&definition.app, now) {
        text.push_str(&format!("{sentence}\n"));
    }
    let mut sections = vec![
        Section("App", app(definition)),
        Section("Rules", rules(definition)),
        Section("Limits", limits(&definition.spec, held)),
    ];
    sections.extend(availability.map(|told| Section("Availability", available(told, now))));
    sections.push(Section("Logs", logs(definition)));
    sections.extend(definition.app.instances.iter().map(|one| Section("Instance", instance(one, now))));
    sections.push(Section("Environment", environment(&definition.app.env)));
    for section in &sections {
        add(&mut text, section, screen);
    }
    text
}

fn add(text: &mut String, Section(title, facts): &Section, screen: &Screen) {
    let facts: Vec<_> = facts.iter().filter(|(_, value)| !value.is_empty()).collect();
    if facts.is_empty() {
        return;
    }
    let widest = facts.iter().map(|(key, _)| columns_of(key)).max().unwrap_or(0);
    text.push_str(&format!("\n{}\n", screen.paint(Tone::Accent, title)));
    for (key, value) in facts {
        let space = " ".repeat(widest - columns_of(key));
        for (place, line) in value.lines().enumerate() {
            let key = if place == 0 { screen.paint(Tone::Quiet, key) } else { " ".repeat(columns_of(key)) };
            text.push_str(&format!("  {key}{space}  {}\n", format::plain(line)));
        }
    }
}

fn app(Definition { app, spec, .. }: &Definition) -> Vec<(&'static str, String)> {
    let interpreter = match (&spec.interpreter, &app.interpreter) {
        (_, Some(program)) | (Interpreter::Program(program), None) => program.clone(),
        (Interpreter::None | Interpreter::ByEnding, None) => "none".into(),
    };
    vec![
        ("namespace", app.namespace.clone()),
        ("layer", app.layer.clone()),
        ("critical", yes(app.critical)),
        ("script path", app.script.clone()),
        ("script args", shell_words::join(&app.args)),
        ("interpreter", interpreter),
        ("interpreter args", shell_words::join(&spec.interpreter_args)),
        ("exec cwd", app.cwd.clone()),
        ("exec mode", exec_mode(app.exec_mode).into()),
        ("instances", app.instances.len().to_string()),
        ("wanted", yes(app.wanted)),
        ("depends on", depends_on(spec)),
        ("created at", app.created_at.to_string()),
    ]
}

/// `db, migration (completed)`.
fn depends_on(spec: &AppSpec) -> String {
    let one = |one: &Dependency| match one.until {
        Until::Ready => one.app.clone(),
        until => format!("{} ({})", one.app, until.word()),
    };
    spec.depends_on.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn rules(Definition { app, spec, .. }: &Definition) -> Vec<(&'static str, String)> {
    let limits = &app.limits;
    let time = |ms: u64| if ms == 0 { String::new() } else { format::span(ms) };
    let watched = spec.watch.as_ref().map(|watch| watch.paths.join("\n"));
    vec![
        ("autorestart", yes(app.autorestart)),
        ("max memory restart", limits.memory_bytes.map(format::size).unwrap_or_default()),
        (
            "gives up after",
            format!("{} failures in a row, each a run shorter than {}", limits.max_restarts, format::span(limits.min_uptime_ms)),
        ),
        ("restart delay", time(spec.restart_delay_ms)),
        ("growing restart delay", time(spec.exp_backoff_restart_delay_ms)),
        ("cron restart", spec.cron_restart.clone().unwrap_or_default()),
        ("health check", app.probe.as_ref().map(|probe| format!("{}; {}", probe.what, probe.policy)).unwrap_or_default()),
        ("last check", app.probe.as_ref().map(last_check).unwrap_or_default()),
        ("trouble", app.findings.iter().map(|one| one.message.clone()).collect::<Vec<_>>().join("\n")),
        ("watch & reload", watched.unwrap_or_else(|| "no".into())),
        ("stops by", format!("{}, and by SIGKILL after {}", spec.stop_signal, format::span(limits.kill_timeout_ms))),
    ]
}

/// How much of the time it was there, what is left of its budget, and its latest outages.
fn available(told: &Availability, now: Time) -> Vec<(&'static str, String)> {
    let span = |at: usize| told.spans.get(at).filter(|_| told.since.is_some()).map(words::span).unwrap_or_default();
    let outages = told.outages.iter().take(OUTAGES).map(|one| format!("{} for {}", one.from, words::outage(one, now)));
    vec![
        ("last 24 hours", span(0)),
        ("last 7 days", span(1)),
        ("last 30 days", span(2)),
        ("target", told.budget.as_ref().map(words::budget).unwrap_or_default()),
        ("outages", outages.collect::<Vec<_>>().join("\n")),
    ]
}

fn last_check(probe: &ProbeReport) -> String {
    match (&probe.message, probe.latency_ms) {
        (Some(message), _) => format!("failed: {message}"),
        (None, Some(ms)) => format!("passed in {ms:.1} ms"),
        (None, None) => "not yet".into(),
    }
}

/// What it may do and use, as it was told, and how it is held to that.
fn limits(spec: &AppSpec, held: &str) -> Vec<(&'static str, String)> {
    let text = |told: Option<String>| told.unwrap_or_default();
    let TreeLimits { memory_bytes, cpu_percent, pids, nofile } = spec.limits;
    vec![
        ("user", text(spec.uid.clone())),
        ("group", text(spec.gid.clone())),
        ("memory", text(memory_bytes.map(format::size))),
        ("cpu", text(cpu_percent.map(|percent| format!("{percent} % of one core")))),
        ("processes and threads", text(pids.map(|count| count.to_string()))),
        ("open files", text(nofile.map(|count| count.to_string()))),
        ("nice", text(spec.nice.map(|nice| nice.to_string()))),
        ("umask", text(spec.umask.map(|mask| format!("{mask:04o}")))),
        ("no new privileges", if spec.no_new_privs { "yes".into() } else { String::new() }),
        ("tree kill", if spec.treekill { String::new() } else { "no; a stop leaves its children alone".into() }),
        ("held together", held.into()),
    ]
}

fn logs(Definition { spec, out_file, error_file, .. }: &Definition) -> Vec<(&'static str, String)> {
    let path = |file: &Option<String>, told: &LogFile| match (file, told) {
        (Some(path), _) | (None, LogFile::Path(path)) => path.clone(),
        (None, LogFile::Discard) => "kept nowhere".into(),
        (None, LogFile::Home) => String::new(),
    };
    vec![
        ("out log path", path(out_file, &spec.out_file)),
        ("error log path", path(error_file, &spec.error_file)),
        ("entire log path", spec.log_file.clone().unwrap_or_default()),
        ("pid path", spec.pid_file.clone().unwrap_or_default()),
    ]
}

fn instance(instance: &Instance, now: Time) -> Vec<(&'static str, String)> {
    let runs = instance.pid.is_some();
    let or_nothing = |text: Option<String>| text.unwrap_or_default();
    let last = instance.last_exit.as_ref();
    vec![
        ("script id", instance.pm_id.to_string()),
        ("status", format!("{} for {}", instance.state.word(), format::span(now.since(instance.since)))),
        ("reason", instance.reason.clone().unwrap_or_default()),
        ("next start", or_nothing(instance.retry_at.map(|time| format!("in {}", format::span(time.since(now)))))),
        ("pid", or_nothing(instance.pid.map(|pid| pid.to_string()))),
        ("uptime", or_nothing(instance.started_at.filter(|_| runs).map(|started| format::span(now.since(started))))),
        ("restarts", instance.restarts.to_string()),
        ("unstable restarts", instance.unstable_restarts.to_string()),
        ("cpu", or_nothing(runs.then(|| format::percent(instance.cpu_percent)))),
        ("memory", or_nothing(runs.then(|| format::size(instance.memory_bytes)))),
        ("port", or_nothing(instance.port.map(|port| port.to_string()))),
        (
            "last exit",
            or_nothing(last.map(|exit| format!("{} at {}, cause: {}", format::exit(exit), exit.time, exit.cause.word()))),
        ),
        ("peak memory", or_nothing(last.and_then(|exit| exit.peak_memory_bytes).map(format::size))),
        ("last lines", last.map(|exit| exit.last_lines.join("\n")).unwrap_or_default()),
    ]
}

/// The configured environment; its names are not ours, so they stand in the value.
fn environment(env: &EnvBlock) -> Vec<(&'static str, String)> {
    let lines: Vec<String> = env.iter().map(|(name, value)| format!("{name}={value}").replace(['\n', '\r'], " ")).collect();
    vec![("configured", lines.join("\n"))]
}

fn yes(value: bool) -> String {
    if value { "yes".into() } else { "no".into() }
}

pub(super) fn exec_mode(mode: ExecMode) -> &'static str {
    match mode {
        ExecMode::Fork => "fork_mode",
        ExecMode::Cluster => "cluster_mode",
    }
}

#[cfg(test)]
mod tests {
    use app::model::{AvailabilitySpan, Cause, ErrorBudget, Outage};

    use super::super::samples::{NOW, app, errored};
    use super::*;

    #[test]
    fn what_an_app_may_use() {
        let limits = TreeLimits { memory_bytes: Some(300 << 20), cpu_percent: Some(150), pids: Some(64), nofile: Some(1024) };
        let spec = AppSpec {
            limits,
            nice: Some(-5),
            umask: Some(0o027),
            treekill: false,
            uid: Some("www".into()),
            ..AppSpec::default()
        };
        let told: Vec<_> =
            super::limits(&spec, "").into_iter().filter(|(_, value)| !value.is_empty()).map(|(_, value)| value).collect();
        assert_eq!(
            told,
            ["www", "300 MB", "150 % of one core", "64", "1024", "-5", "0027", "no; a stop leaves its children alone"]
        );
        assert!(super::limits(&AppSpec::default(), "").iter().all(|(_, value)| value.is_empty()));
    }

    fn availability() -> Availability {
        let span = |hours| AvailabilitySpan { hours, wanted_ms: 1000, down_ms: 60_000, percent: Some(99.937) };
        let from = NOW - 90_000;
        Availability {
            app: "a".into(),
            since: Some(NOW - 1000),
            spans: [24, 168, 720].map(span).into(),
            budget: Some(ErrorBudget { target_percent: 99.9, allowed_ms: 2_592_000, left_ms: 1_260_000 }),
            outages: vec![Outage { from, to: Some(from + 60_000), cause: Cause::Crash, message: "crash, exit 1".into() }],
        }
    }

    fn shown(app: app::model::App) -> String {
        let definition = Definition {
            app,
            spec: AppSpec { cron_restart: Some("0 3 * * *".into()), ..AppSpec::default() },
            out_file: Some("/home/ann/.quarterdeck/logs/a-out.log".into()),
            error_file: None,
        };
        page(
            &definition,
            "Each app runs in a cgroup of its own.",
            Some(&availability()),
            NOW,
            &Screen { width: 80, colour: false, terminal: false, silent: false },
        )
    }

    #[test]
    fn of_an_app_that_runs() {
        insta::assert_snapshot!(shown(app("a", 0)));
    }

    #[test]
    fn of_an_app_that_is_down() {
        insta::assert_snapshot!(shown(errored("a", 0)));
    }
}
