//! `GET /metrics` in Prometheus' text format, version 0.0.4.

use std::fmt::{self, Display, Write};

use app::model::{App, HealthDocument, Node};
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use super::context::Context;
use super::read::now;

/// Figures of the host and of each app, for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "health",
    responses((status = 200, description = "Prometheus text", content_type = "text/plain", body = String)),
)]
pub(super) async fn metrics(State(context): State<Context>) -> impl IntoResponse {
    let control = &context.control;
    let text = write(&control.node(), &control.health().value, &control.apps(), now().ms());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

fn write(node: &Node, health: &HealthDocument, apps: &[App], now_ms: i64) -> String {
    let mut page = Page(String::new());
    page.family("quarterdeck_info", "gauge", "The node.", |family| {
        family.sample(&[("hostname", &node.hostname), ("version", &node.version)], 1);
    });
    let HealthDocument { cpu, memory, disk, uptime, .. } = health;
    page.gauge("quarterdeck_uptime_seconds", "Time since this process of qd started.", uptime.process_seconds);
    page.gauge("quarterdeck_host_uptime_seconds", "Time since the host started.", uptime.system_seconds);
    page.family("quarterdeck_host_load", "gauge", "Load average of the host.", |family| {
        for (minutes, load) in [("1", cpu.load_1), ("5", cpu.load_5), ("15", cpu.load_15)] {
            family.sample(&[("minutes", minutes)], load);
        }
    });
    page.gauge("quarterdeck_host_cpus", "Logical cores of the host.", cpu.cores);
    page.gauge("quarterdeck_host_cpu_percent", "Use of all cores together.", cpu.usage_percent);
    page.gauge("quarterdeck_host_memory_bytes", "Memory of the host.", memory.total_mb << 20);
    page.gauge("quarterdeck_host_memory_used_bytes", "Memory that is not available to a new program.", memory.used_mb << 20);
    page.gauge("quarterdeck_home_disk_bytes", "Size of the file system of the home folder.", disk.total_mb << 20);
    page.gauge("quarterdeck_home_disk_free_bytes", "What is free of it.", disk.free_mb << 20);
    page.gauge("quarterdeck_apps", "Apps.", health.components_total);
    page.gauge("quarterdeck_apps_live", "Apps that run.", health.components_live);

    page.each("quarterdeck_app_up", "gauge", "Does the app run?", apps, |app| Some(f64::from(u8::from(app.is_live()))));
    page.each("quarterdeck_app_wanted", "gauge", "Is it meant to?", apps, |app| Some(f64::from(u8::from(app.wanted))));
    page.each("quarterdeck_app_restarts_total", "counter", "Restarts of all instances, by whatever cause.", apps, |app| {
        Some(f64::from(app.restarts()))
    });
    page.each("quarterdeck_app_cpu_percent", "gauge", "CPU use of its trees in percent of one core.", apps, |app| {
        Some(f64::from(app.cpu_percent()))
    });
    page.each("quarterdeck_app_memory_bytes", "gauge", "Resident memory of its trees.", apps, |app| {
        Some(app.memory_bytes() as f64)
    });
    page.each("quarterdeck_app_memory_limit_bytes", "gauge", "max_memory_restart of one instance.", apps, |app| {
        app.limits.memory_bytes.map(|bytes| bytes as f64)
    });
    page.each("quarterdeck_app_instances", "gauge", "Its instances.", apps, |app| Some(app.instances.len() as f64));
    page.each("quarterdeck_app_uptime_seconds", "gauge", "Time since the process of its first instance started.", apps, |app| {
        let started = app.first()?.started_at?;
        Some((now_ms - started.ms()).max(0) as f64 / 1000.0)
    });
    page.0
}

struct Page(String);

impl Page {
    fn family(&mut self, name: &'static str, kind: &str, help: &str, write: impl FnOnce(&mut Family<'_>)) {
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
        write(&mut Family { page: self, name });
    }

    fn gauge(&mut self, name: &'static str, help: &str, value: impl Display) {
        self.family(name, "gauge", help, |family| family.sample(&[], value));
    }

    /// One sample for each app that has a value.
    fn each(&mut self, name: &'static str, kind: &str, help: &str, apps: &[App], value: impl Fn(&App) -> Option<f64>) {
        self.family(name, kind, help, |family| {
            for app in apps {
                if let Some(value) = value(app) {
                    family.sample(&[("app", &app.name), ("layer", &app.layer)], value);
                }
            }
        });
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing into a String cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

struct Family<'a> {
    page: &'a mut Page,
    name: &'static str,
}

impl Family<'_> {
    fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        let name = self.name;
        if labels.is_empty() {
            return self.page.line(format_args!("{name} {value}"));
        }
        let labels: Vec<_> = labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escape(text))).collect();
        self.page.line(format_args!("{name}{{{}}} {value}", labels.join(",")));
    }
}

/// The value of a label may be anything, but for three characters that are escaped.
fn escape(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        assert_eq!(escape("a\"b\\c\nd"), r#"a\"b\\c\nd"#);
    }
}
