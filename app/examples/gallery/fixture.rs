//! Nine services: one down, one unsteady.

use std::collections::BTreeMap;

use app::model::{
    App, AppMetrics, Availability, AvailabilitySpan, Cause, Component, ComponentStatus, CpuFigures, DaemonFigures, DayCell,
    DiskFigures, ErrorBudget, Event, EventKind, ExecMode, Exit, HealthDocument, HealthStatus, HostTrend, Instance, Limits,
    LogLine, LogPage, LogStream, MemoryFigures, MetricPoint, Node, Outage, Overview, Range, State, Time, Trend, UptimeFigures,
};

/// 20:44:10 on a day in December.
pub(crate) const NOW: Time = Time(1_765_485_850_000);
/// When a health check restarted something.
pub(crate) const HEALED: Time = Time(1_765_454_539_004);
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A walk that always looks the same.
struct Walk(u64);

impl Walk {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / (1_u64 << 24) as f64
    }

    fn around(&mut self, mean: f64, spread: f64, count: usize) -> Vec<f64> {
        let mut value = mean;
        let mut step = || {
            value = (value + (self.next() - 0.5) * spread + (mean - value) * 0.15).max(mean * 0.1);
            value
        };
        (0..count).map(|_| step()).collect()
    }
}

fn instance(pm_id: u32, up_ms: i64, cpu: f32, memory: u64, port: Option<u16>, restarts: u32) -> Instance {
    Instance {
        pm_id,
        index: 0,
        state: State::Online,
        since: NOW - up_ms,
        reason: None,
        pid: Some(1_186_824 + pm_id),
        started_at: Some(NOW - up_ms),
        retry_at: None,
        restarts,
        unstable_restarts: 0,
        cpu_percent: cpu,
        memory_bytes: memory << 20,
        port,
        inside: None,
        last_exit: None,
    }
}

fn app(name: &str, layer: &str, critical: bool, limit: Option<u64>, only: Instance) -> App {
    App {
        name: name.into(),
        namespace: "default".into(),
        layer: layer.into(),
        critical,
        state: only.state,
        reason: only.reason.clone(),
        wanted: true,
        changed: false,
        script: format!("/srv/translation/{name}.js"),
        args: Vec::new(),
        interpreter: Some("/usr/bin/node".into()),
        cwd: "/srv/translation".into(),
        exec_mode: ExecMode::Fork,
        autorestart: true,
        watch: false,
        env_port: only.port,
        depends_on: Vec::new(),
        probe: None,
        findings: Vec::new(),
        metrics: BTreeMap::new(),
        env: BTreeMap::from([("NODE_ENV".into(), "production".into()), ("API_TOKEN".into(), "••••".into())]),
        limits: Limits {
            memory_bytes: limit.map(|limit| limit << 20),
            max_restarts: 16,
            min_uptime_ms: 1000,
            kill_timeout_ms: 1600,
        },
        created_at: NOW - 30 * DAY,
        instances: vec![only],
    }
}

fn apps() -> Vec<App> {
    let long = 2 * DAY + 19 * HOUR + 12 * MINUTE;
    let exit = |ms: i64, lines: &[&str]| {
        Some(Exit {
            time: NOW - ms,
            exit_code: Some(1),
            cause: Cause::Crash,
            ran_ms: 400,
            last_lines: lines.iter().map(|line| (*line).into()).collect(),
            ..Exit::default()
        })
    };
    let unsteady = Instance {
        inside: None,
        last_exit: exit(
            41_000,
            &["TypeError: Cannot read properties of undefined (reading 'id')", "uncaught TypeError in emit()"],
        ),
        ..instance(5, 41_000, 0.9, 39, None, 6)
    };
    let down = Instance {
        state: State::BackingOff,
        since: NOW - 3 * MINUTE,
        reason: Some("exit 1 · tunnel token file not found".into()),
        pid: None,
        started_at: None,
        retry_at: Some(NOW + 23_400),
        inside: None,
        last_exit: exit(3 * MINUTE, &["tunnel token file not found"]),
        cpu_percent: 0.0,
        memory_bytes: 0,
        ..instance(6, 3 * MINUTE, 0.0, 0, None, 4)
    };
    vec![
        app("sttttserver", "core", true, Some(300), instance(0, long + HOUR, 3.2, 72, Some(8080), 1)),
        app("ari-gstreamer", "core", true, None, instance(1, long, 5.8, 64, None, 0)),
        app("monitoring-server", "monitoring", true, Some(150), instance(2, long, 1.5, 50, Some(3001), 0)),
        app("database-api-server", "monitoring", true, Some(200), instance(3, 6 * HOUR + 12 * MINUTE, 2.1, 88, Some(8083), 2)),
        app("monitoring-bridge", "monitoring", false, Some(150), instance(4, long, 0.4, 41, None, 0)),
        app("metrics-emitter", "monitoring", false, Some(150), unsteady),
        App {
            interpreter: None,
            script: "cloudflared".into(),
            args: vec!["tunnel".into(), "run".into()],
            ..app("cloudflared", "monitoring", false, None, down)
        },
        app("gateway-3333", "gateways", true, Some(200), instance(7, long, 2.6, 57, Some(7777), 0)),
        app("gateway-4444", "gateways", true, Some(200), instance(8, long, 2.4, 58, Some(8888), 0)),
    ]
}

fn component(app: &App) -> Component {
    let one = &app.instances[0];
    let live = app.is_live();
    Component {
        status: if live { ComponentStatus::Live } else { ComponentStatus::Down },
        pid: one.pid,
        port: one.port,
        layer: app.layer.clone(),
        critical: app.critical,
        last_check: NOW,
        pm2_id: Some(one.pm_id),
        cpu_percent: live.then_some(one.cpu_percent),
        memory_rss_mb: live.then_some((one.memory_bytes >> 20) as f32),
        memory_heap_mb: None,
        event_loop_lag_ms: None,
        metrics: BTreeMap::new(),
        uptime_seconds: one.started_at.map(|at| NOW.since(at) as f64 / 1000.0),
        restart_count: one.restarts,
        start_time: one.started_at,
        env_port: app.env_port,
        state: app.state,
        reason: app.reason.clone(),
        probe: None,
        findings: Vec::new(),
        instances_live: u32::from(live),
        instances_total: 1,
    }
}

fn health(apps: &[App]) -> HealthDocument {
    let live = apps.iter().filter(|app| app.is_live()).count() as u32;
    HealthDocument {
        status: HealthStatus::Degraded,
        components_live: live,
        components_total: apps.len() as u32,
        components: apps.iter().map(|app| (app.name.clone(), component(app))).collect(),
        cpu: CpuFigures { load_1: 0.42, load_5: 0.53, load_15: 0.57, cores: 2, usage_percent: 18.0 },
        memory: MemoryFigures { total_mb: 3868, used_mb: 1891, free_mb: 1977, usage_percent: 48.9 },
        disk: DiskFigures {
            total_mb: 40_000,
            free_mb: 15_600,
            usage_percent: 61.0,
            history_bytes: 38 << 20,
            logs_bytes: 214 << 20,
        },
        uptime: UptimeFigures { system_seconds: 1_047_600.0, process_seconds: 241_920.0 },
        trees: Default::default(),
        daemon: DaemonFigures {
            memory_rss_mb: 23.6,
            threads: 14,
            open_files: 61,
            open_files_limit: 524_288,
            engine_lag_ms: 1,
            ticker_lag_ms: 2,
            history_queue: 0,
            history_bytes: 38 << 20,
            state_bytes: 124 << 10,
        },
        platform: "linux".into(),
        hostname: "asterisk-translation-vm".into(),
        timestamp: NOW,
    }
}

/// Down twice this month.
pub(crate) fn availability(name: &str) -> Availability {
    let span = |hours: u32, down_ms: u64| {
        let wanted_ms = u64::from(hours) * 3_600_000;
        AvailabilitySpan { hours, wanted_ms, down_ms, percent: Some((wanted_ms - down_ms) as f64 * 100.0 / wanted_ms as f64) }
    };
    let outage = |ago: i64, lasted: i64, cause, message: &str| {
        let from = NOW - ago * 60_000;
        Outage { from, to: Some(from + lasted), cause, message: message.into() }
    };
    Availability {
        app: name.into(),
        since: Some(NOW - 100 * 86_400_000),
        spans: vec![span(24, 21_000), span(168, 21_000), span(720, 1_281_000)],
        budget: Some(ErrorBudget { target_percent: 99.9, allowed_ms: 2_592_000, left_ms: 1_311_000 }),
        outages: vec![
            outage(61, 21_000, Cause::Probe, "is not healthy: GET /api-health: no answer within 2.0 s (3 times)"),
            outage(18_000, 1_260_000, Cause::Crash, "crash, exit 1 after 3 s"),
        ],
    }
}

fn trend(index: usize, app: &App) -> Trend {
    let mut walk = Walk(index as u64 + 7);
    let one = &app.instances[0];
    let points = |values: Vec<f64>| values.into_iter().map(|value| app.is_live().then_some(value as f32)).collect();
    let mut day = vec![DayCell::Up; Overview::DAY_CELLS];
    match app.name.as_str() {
        "sttttserver" => (day[12], day[13]) = (DayCell::Restarted, DayCell::Down),
        "database-api-server" => (day[30], day[35]) = (DayCell::Restarted, DayCell::Restarted),
        "metrics-emitter" => day[44..].fill(DayCell::Restarted),
        "cloudflared" => (day[46], day[47]) = (DayCell::Restarted, DayCell::Down),
        _ => {}
    }
    Trend {
        cpu_percent: points(walk.around(f64::from(one.cpu_percent), f64::from(one.cpu_percent) * 0.6, Overview::TREND_POINTS)),
        memory_mb: points(walk.around((one.memory_bytes >> 20) as f64, 1.5, Overview::TREND_POINTS)),
        day,
    }
}

/// The overview.
pub(crate) fn overview() -> Overview {
    of(apps())
}

fn of(apps: Vec<App>) -> Overview {
    let mut walk = Walk(3);
    let points = |values: Vec<f64>| values.into_iter().map(|value| Some(value as f32)).collect();
    Overview {
        node: Node {
            hostname: "asterisk-translation-vm".into(),
            version: "0.1.0".into(),
            started_at: NOW - 2 * DAY,
            sample_every_ms: 2000,
        },
        health: health(&apps),
        trends: apps.iter().enumerate().map(|(index, app)| (app.name.clone(), trend(index, app))).collect(),
        apps,
        host: HostTrend {
            cpu_percent: points(walk.around(18.0, 9.0, 60)),
            memory_percent: points(walk.around(49.0, 1.0, 60)),
            disk_percent: points(walk.around(61.0, 0.2, 60)),
        },
        events: events(),
        last_event_id: 906,
    }
}

/// A node without apps.
pub(crate) fn nothing() -> Overview {
    Overview { events: Vec::new(), ..of(Vec::new()) }
}

/// A node with many apps.
pub(crate) fn many(count: usize) -> Overview {
    let layers = ["core", "workers", "gateways", "tools"];
    let one = |index: usize| {
        let instance =
            instance(index as u32, 3 * DAY + index as i64 * MINUTE, (index % 70) as f32 / 10.0, 30 + index as u64 % 90, None, 0);
        app(&format!("service-{index:03}"), layers[index * 4 / count], index.is_multiple_of(3), Some(200), instance)
    };
    of((0..count).map(one).collect())
}

/// What happened, newest first.
pub(crate) fn events() -> Vec<Event> {
    let event = |id: u64, ms: i64, kind, cause, name: &str, message: &str| Event {
        id,
        app: Some(name.into()),
        index: Some(0),
        ..Event::new(Time(ms), kind, cause, message)
    };
    let exit = |event: Event, ran_ms: u64, peak: u64, code: i32| Event {
        ran_ms: Some(ran_ms),
        peak_memory_bytes: Some(peak << 20),
        exit_code: Some(code),
        ..event
    };
    let at = |clock: i64| NOW.0 - NOW.0.rem_euclid(DAY) + clock;
    let clock = |h: i64, m: i64, s: i64| at((h * 3600 + m * 60 + s) * 1000);
    vec![
        exit(
            event(
                906,
                clock(20, 41, 7),
                EventKind::Exit,
                Cause::Crash,
                "cloudflared",
                "went down: exit 1 after 0.4 s, 4th time; starts again in 24 s",
            ),
            400,
            12,
            1,
        ),
        exit(
            event(905, clock(20, 40, 58), EventKind::Exit, Cause::Crash, "metrics-emitter", "restarted: crash, exit 1 after 3 s"),
            3000,
            41,
            1,
        ),
        Event {
            last_lines: vec![
                "TypeError: Cannot read properties of undefined (reading 'id')".into(),
                "    at emit (metrics-emitter.js:41:13)".into(),
            ],
            ..exit(
                event(
                    904,
                    clock(20, 38, 12),
                    EventKind::Exit,
                    Cause::Crash,
                    "metrics-emitter",
                    "restarted: crash, exit 1 after 9 min",
                ),
                540_000,
                44,
                1,
            )
        },
        Event {
            actor: Some("ana".into()),
            ..exit(
                event(
                    903,
                    clock(14, 28, 40),
                    EventKind::Exit,
                    Cause::Request,
                    "database-api-server",
                    "restarted by ana: deploy 4f2c1e",
                ),
                8_780_000,
                131,
                0,
            )
        },
        exit(
            event(
                902,
                HEALED.0,
                EventKind::Exit,
                Cause::Probe,
                "database-api-server",
                "healed: /api-health slow 3 times (2.1 s), back in 0.8 s",
            ),
            219_600_000,
            142,
            0,
        ),
        exit(
            event(
                901,
                clock(6, 30, 0),
                EventKind::Exit,
                Cause::MemoryLimit,
                "sttttserver",
                "restarted: memory 301 MB over its limit of 300 MB",
            ),
            86_000_000,
            301,
            0,
        ),
        Event::new(NOW - 2 * DAY, EventKind::Node, Cause::Restart, "qd 0.1.0 started and took 9 apps back"),
    ]
}

/// A day of samples.
pub(crate) fn metrics(name: &str) -> AppMetrics {
    let (from, step) = (NOW - DAY, DAY / 240);
    let mut walk = Walk(21);
    let cpu = walk.around(6.0, 7.0, 240);
    let mut memory = 62.0;
    let mut point = |(index, cpu): (usize, f64)| {
        let time = from + index as i64 * step;
        let restarted = [HEALED, Time(HEALED.0 + 8_781_000)].into_iter().any(|mark| mark >= time && mark < time + step);
        memory = if restarted { 48.0 } else { memory + walk.next() * 0.5 };
        let exact = |value: f64| Range { min: value, mean: value, max: value };
        MetricPoint { time, cpu_percent: exact(cpu), memory_bytes: exact(memory * 1_048_576.0) }
    };
    AppMetrics {
        app: name.into(),
        from,
        to: NOW,
        step_ms: step as u64,
        points: cpu.into_iter().enumerate().map(&mut point).collect(),
        figures: Vec::new(),
    }
}

/// A few lines.
pub(crate) fn logs() -> LogPage {
    let line = |ms: i64, stream, text: &str| LogLine { time: HEALED + ms, stream, index: None, line: text.into() };
    let (out, err) = (LogStream::Stdout, LogStream::Stderr);
    LogPage {
        lines: vec![
            line(-803, out, "GET /api/snapshots 200 14ms"),
            line(-364, err, "Error: SQLITE_BUSY: database is locked"),
            line(-364, err, "    at Database.prepare (database-api-server.js:214:19)"),
            line(-102, err, "health probe timed out after 2000 ms (3 of 3)"),
            line(799, out, "Listening on 8083"),
            line(1110, out, "GET /api/health/system 200 6ms"),
        ],
        before: None,
        after: Some("end".into()),
    }
}
