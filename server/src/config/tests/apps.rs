//! What the keys of an app mean together.

use super::*;

#[test]
fn every_option_of_pm2_is_accepted_without_a_word() {
    let keys: Value = serde_json::from_str(
        r#"{
        "name": "a", "name_prefix": "x", "node_args": ["--max-old-space-size=64"], "exec_mode": "fork", "instances": 1, "increment_var": "P",
        "instance_var": "I", "filter_env": ["AWS"], "watch": false, "ignore_watch": ["x"], "watch_delay": 100, "watch_options": {},
        "autorestart": true, "autostart": true, "stop_exit_codes": [0], "min_uptime": "1s", "max_restarts": 5, "restart_delay": 10,
        "exp_backoff_restart_delay": 0, "max_memory_restart": "1G", "kill_timeout": 1000, "kill_retry_time": 100, "wait_ready": false,
        "listen_timeout": 1000, "shutdown_with_message": false, "treekill": true, "cron_restart": "0", "log_type": "raw",
        "log_date_format": "YYYY", "time": false, "merge_logs": true, "disable_logs": false, "source_map_support": false,
        "disable_source_map_support": false, "post_update": ["true"], "vizion": false, "pmx": false, "automation": false, "trace": false,
        "disable_trace": true, "v8": true, "event_loop_inspector": true, "deep_monitoring": true, "io": {}, "windowsHide": true, "force": false,
        "write": true, "install_url": "x", "execute_command": false, "namespace": "n", "append_env_to_name": false, "username": "me",
        "pid_file": "a.pid", "out_file": "o", "error_file": "e", "log_file": "l", "uid": 0, "gid": 0, "port": 80, "interpreter": "node",
        "env": {}, "env_production": {}, "cwd": ".", "args": []}"#,
    )
    .unwrap();
    let folder = Folder::new();
    folder.write("a.js", "");
    let mut camel = serde_json::Map::from_iter([("cmd".to_owned(), json!("a.js")), ("name".into(), json!("b"))]);
    for (key, value) in keys.as_object().unwrap().iter().filter(|(key, _)| !["name", "env_production"].contains(&key.as_str())) {
        let mut parts = key.split('_');
        let first = parts.next().unwrap().to_owned();
        camel.insert(parts.fold(first, |all, part| all + &part[..1].to_uppercase() + &part[1..]), value.clone());
    }
    let mut snake = keys.as_object().unwrap().clone();
    snake.insert("script".into(), json!("a.js"));
    let path = folder.write("a.json", &json!([snake, camel]).to_string());
    let loaded = load(&path, &LoadOptions::default()).unwrap();
    assert_eq!(loaded.warnings, []);
    let [snake, camel] = loaded.specs.as_slice() else { panic!("not two apps") };
    assert_eq!((snake.name.as_str(), camel.name.as_str()), ("x:a", "x:b"));
    assert_eq!(AppSpec { name: String::new(), ..snake.clone() }, AppSpec { name: String::new(), ..camel.clone() });
    assert_eq!(snake.other["kill_retry_time"], json!(100));
    assert_eq!(snake.env, block(&[("PORT", "80")]));
}

#[test]
fn environments() {
    let apps = json!({"apps": [{"script": "a.js", "env": {"MODE": "plain", "KEPT": 1}, "env_production": {"MODE": "production"}}],
        "deploy": {"production": {"env": {"MODE": "deploy", "KEY": "x"}}}});
    let env = |name: Option<&str>| {
        let options = LoadOptions { env_name: name.map(str::to_owned), ..LoadOptions::default() };
        load_with(&apps, &options).unwrap()
    };
    assert_eq!(env(None).specs[0].env, block(&[("KEPT", "1"), ("MODE", "plain")]));
    assert_eq!(env(Some("production")).specs[0].env, block(&[("KEPT", "1"), ("KEY", "x"), ("MODE", "production")]));
    let absent = env(Some("staging"));
    assert_eq!(absent.specs[0].env, block(&[("KEPT", "1"), ("MODE", "plain")]));
    assert!(absent.warnings.iter().any(|warning| warning.message.contains("env_staging")), "{:?}", absent.warnings);
    assert!(
        errors(json!([{"script": "a.js", "env_staging": 3}]))[0].contains("env_staging"),
        "a block that is not used is looked at too"
    );
}

#[test]
fn what_is_inherited() {
    let options = LoadOptions { environment: block(&[("AWS_KEY", "1"), ("HOME", "/home/me")]), ..LoadOptions::default() };
    let specs = load_with(&json!([{"script": "a.js", "filter_env": ["AWS"]}, {"script": "b.js"}]), &options).unwrap().specs;
    assert_eq!(*specs[0].inherited_env, block(&[("HOME", "/home/me")]));
    assert_eq!(*specs[1].inherited_env, options.environment);
    let folder = Folder::new();
    let path = folder.write("a.config.js", "process.env.FROM_FILE = 'yes'; module.exports = [{ script: 'a.js', cwd: '~/x' }]");
    let spec = load(&path, &options).unwrap().specs.remove(0);
    assert_eq!(spec.inherited_env.get("FROM_FILE").map(String::as_str), Some("yes"));
    assert_eq!(spec.cwd, "/home/me/x");
}

#[test]
fn modes() {
    for (keys, mode, merged) in [
        (json!({}), ExecMode::Fork, true),
        (json!({"instances": 1}), ExecMode::Cluster, false),
        (json!({"instances": 2, "exec_mode": "fork"}), ExecMode::Fork, false),
        (json!({"exec_mode": "cluster"}), ExecMode::Cluster, false),
        (json!({"exec_mode": "cluster", "merge_logs": true}), ExecMode::Cluster, true),
        (json!({"instances": 2, "interpreter": "python3"}), ExecMode::Fork, false),
        (json!({"exec_mode": "cluster", "interpreter": "none"}), ExecMode::Fork, false),
        (json!({"instances": 2, "execute_command": true}), ExecMode::Fork, false),
    ] {
        let spec = one(keys.clone());
        assert_eq!((spec.exec_mode, spec.merge_logs), (mode, merged), "{keys}");
    }
}

#[test]
fn the_defaults_are_those_of_pm2() {
    let spec = one(json!({}));
    let same = AppSpec { name: "a".into(), script: "a.js".into(), cwd: spec.cwd.clone(), merge_logs: true, ..AppSpec::default() };
    assert_eq!(spec, same);
}

#[test]
fn logs_and_rotation() {
    let options = LoadOptions {
        rotation: Rotation { max_bytes: 5, keep: 4, compress: false, every_ms: Some(5000) },
        log_policy: LogPolicy::Drop,
        ..LoadOptions::default()
    };
    let apps = json!([
        {"script": "a.js", "cwd": "/srv", "out_file": "o.log", "error": "/dev/null", "log": "all.log", "time": true, "retain": 1000},
        {"script": "b.js", "disable_logs": true, "out_file": "o.log", "max_size": "1M", "compress": true, "rotate_every": 0, "log_policy": "newest", "log_date_format": "YYYY"},
    ]);
    let specs = load_with(&apps, &options).unwrap().specs;
    assert_eq!((&specs[0].out_file, &specs[0].error_file), (&LogFile::Path("/srv/o.log".into()), &LogFile::Discard));
    assert_eq!(
        (specs[0].log_file.as_deref(), specs[0].log_date_format.as_deref()),
        (Some("/srv/all.log"), Some("YYYY-MM-DDTHH:mm:ss"))
    );
    assert_eq!(specs[0].rotation, Rotation { max_bytes: 5, keep: 1000, compress: false, every_ms: Some(5000) });
    assert_eq!([specs[0].log_policy, specs[1].log_policy], [LogPolicy::Drop, LogPolicy::Newest]);
    assert_eq!((&specs[1].out_file, &specs[1].error_file), (&LogFile::Discard, &LogFile::Discard));
    assert_eq!(specs[1].rotation, Rotation { max_bytes: 1 << 20, keep: 4, compress: true, every_ms: None });
}

#[test]
fn our_own_keys() {
    let spec = one(
        json!({"layer": "CORE", "critical": true, "depends_on": "db", "stop_signal": "TERM", "health": {"http": "/"}, "port": "8083"}),
    );
    assert_eq!((spec.layer(), spec.critical, spec.port, spec.stop_signal.as_str()), ("CORE", true, Some(8083), "SIGTERM"));
    assert_eq!(spec.depends_on, ["db".into()]);
    let Health::Probed(policy) = spec.health else { panic!("{:?}", spec.health) };
    assert!(matches!(policy.probe, Probe::Http(http) if http.url == "/"));
}

#[test]
fn command_lines() {
    let spec = one(json!({"script": "note-tool --flag 'two words'", "args": ["more"]}));
    assert_eq!(
        (spec.script.as_str(), spec.args.as_slice(), spec.shell),
        ("note-tool", &["--flag".to_owned(), "two words".into(), "more".into()][..], false)
    );
    let spec = one(json!({"script": "PORT=1 node x.js | tee log"}));
    assert_eq!((spec.script.as_str(), spec.args.len(), spec.shell), ("PORT=1 node x.js | tee log", 0, true));
}

#[test]
fn what_an_app_may_use() {
    let spec = one(json!({
        "nice": 5, "umask": "0027", "noNewPrivs": true, "limits": {"memory": "300M", "cpu": "150%", "pids": 64, "nofile": "1024"},
    }));
    assert_eq!((spec.nice, spec.umask, spec.no_new_privs), (Some(5), Some(0o027), true));
    let limits = TreeLimits { memory_bytes: Some(300 << 20), cpu_percent: Some(150), pids: Some(64), nofile: Some(1024) };
    assert_eq!(spec.limits, limits);
    assert_eq!(one(json!({"limits": {"memory": 0, "cpu": null}})).limits, TreeLimits::default());
    let told = errors(json!([{
        "script": "a.js", "nice": 20, "umask": "0800", "no_new_privs": "yes", "limits": {"memory": "lots", "cpu": 0, "pids": 0, "nofile": -1},
    }]));
    for key in ["nice", "umask", "no_new_privs", "limits.memory", "limits.cpu", "limits.pids", "limits.nofile"] {
        let named = told.iter().filter(|line| line.contains("json: app") && line.contains(&format!(": {key}: "))).count();
        assert_eq!(named, 1, "{key} in {told:#?}");
    }
    assert_eq!(told.len(), 7);
    assert_eq!(errors(json!([{"script": "a.js", "limits": "300M"}])).len(), 1);
    let odd = load_with(&json!([{"script": "a.js", "limits": {"memroy": "1G"}}]), &LoadOptions::default()).unwrap();
    assert!(
        odd.warnings.iter().any(|one| one.to_string().contains("limits.memroy: unknown key, it is ignored; is memory meant?"))
    );
}
