//! All ways in which Node runs apps: each of them speaks, and none of them notices.

use std::path::Path;

use serde_json::Value;

use super::{component, speaks};
use crate::common::{Daemon, Place};

/// Writes into `NAME.seen` what the app, its threads and its children find of us in their environment.
const SEE: &str = r#"
const { execFileSync } = require('child_process');
const look = 'JSON.stringify([process.env.NODE_OPTIONS || null, process.env.QD_PROBE || null])';
const child = JSON.parse(execFileSync(process.execPath, ['-p', look], { encoding: 'utf8' }));
const { Worker } = require('worker_threads');
const worker = new Worker(`require('worker_threads').parentPort.postMessage(${look})`, { eval: true });
worker.on('message', (text) => {
  const seen = { own: [process.env.NODE_OPTIONS || null, process.env.QD_PROBE || null], child, thread: JSON.parse(text) };
  require('fs').writeFileSync(`${process.env.name}.seen`, JSON.stringify(seen));
});
"#;
const STAY: &str = "setInterval(() => {}, 1000);";
const TYPESCRIPT: &str = "const port: number = 0; setInterval((): void => {}, 1000 + port); require('./see.js');";
/// As loaders of TypeScript do it: a hook for `.ts` that takes the types away.
const LOADER: &str = "const { readFileSync } = require('fs');
require.extensions['.ts'] = (module, file) =>
  module._compile(readFileSync(file, 'utf8').replace(/: number|: void/g, ''), file);";
const ASYNC_LOADER: &str = "export async function load(url, context, next) { return next(url, context); }";
const PRIMARY: &str = "const cluster = require('cluster');
if (cluster.isPrimary) { require('./see.js'); cluster.fork(); cluster.fork(); setInterval(() => {}, 1000); }
else { require('fs').writeFileSync('forked.' + cluster.worker.id, process.env.NODE_OPTIONS || ''); setInterval(() => {}, 1000); }";

fn seen(place: &Path, name: &str) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(place.join(format!("{name}.seen"))).ok()?).ok()
}

#[test]
fn every_way_of_running_node() {
    let place = Place::new();
    place.write("see.js", SEE);
    place.write("common.js", &format!("require('./see.js'); {STAY}"));
    place.write("module.mjs", &format!("import './see.js'; {STAY}"));
    place.write("typed.ts", TYPESCRIPT);
    place.write("loader.cjs", LOADER);
    place.write("loader.mjs", ASYNC_LOADER);
    place.write("primary.js", PRIMARY);
    let apps = r#"{"apps":[
        {"name":"common","script":"common.js"},
        {"name":"module","script":"module.mjs"},
        {"name":"typed","script":"typed.ts","interpreter":"node","node_args":"--require ./loader.cjs"},
        {"name":"loaded","script":"module.mjs","node_args":"--no-warnings --experimental-loader ./loader.mjs"},
        {"name":"workers","script":"common.js","exec_mode":"cluster","instances":2},
        {"name":"primary","script":"primary.js"},
        {"name":"options","script":"common.js","env":{"NODE_OPTIONS":"--max-old-space-size=200 --title=\"two words\""}},
        {"name":"off","script":"common.js","node_probe":false},
        {"name":"pmx","script":"common.js","pmx":false}
    ]}"#;
    let daemon = Daemon::serve_in(place, apps, 10);
    let folder = daemon.place.path().to_owned();
    for name in ["common", "module", "typed", "loaded", "workers", "primary", "options"] {
        daemon.until(&format!("{name} speaks"), || speaks(&daemon, name));
    }
    let nothing = serde_json::json!([null, null]);
    for name in ["common", "module", "typed", "loaded", "workers", "primary", "off", "pmx"] {
        daemon.until(&format!("{name} has looked"), || seen(&folder, name).is_some());
        let seen = seen(&folder, name).unwrap();
        assert_eq!((&seen["own"], &seen["child"], &seen["thread"]), (&nothing, &nothing, &nothing), "{name}");
    }
    daemon.until("options has looked", || seen(&folder, "options").is_some());
    let own = seen(&folder, "options").unwrap()["own"].clone();
    assert_eq!(own, serde_json::json!(["--max-old-space-size=200 --title=\"two words\"", null]), "it has what it was given");
    for forked in ["forked.1", "forked.2"] {
        daemon.until(forked, || std::fs::read_to_string(folder.join(forked)).is_ok_and(|options| options.is_empty()));
    }
    for name in ["off", "pmx"] {
        assert!(component(&daemon, name)["memory_heap_mb"].is_null(), "{name}");
    }
    assert!(daemon.list().iter().all(|one| one["pm2_env"]["restart_time"] == 0));
}

/// Nothing of ours keeps a process alive that is done, nor changes how it ends.
#[test]
fn one_that_is_done_ends() {
    let place = Place::new();
    place.write("done.js", "setTimeout(() => {}, 300);");
    place.write("code.js", "setTimeout(() => { process.exitCode = 7; }, 300);");
    place.write("stays.js", STAY);
    let apps = r#"{"apps":[
        {"name":"done","script":"done.js","autorestart":false},
        {"name":"code","script":"code.js","autorestart":false},
        {"name":"stays","script":"stays.js"}
    ]}"#;
    let daemon = Daemon::at_rest(place, apps);
    assert_eq!(daemon.place.qd("start ecosystem.config.json").code, Some(0));
    for (name, code) in [("done", 0), ("code", 7)] {
        let exit = || daemon.events(name).into_iter().find(|event| event["kind"] == "exit");
        daemon.until(&format!("{name} has ended"), || exit().is_some());
        assert_eq!(exit().unwrap()["exit_code"], code);
    }
}
