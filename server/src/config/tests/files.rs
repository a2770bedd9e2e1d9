//! What a file may look like, and what is said where it is wrong.

use super::*;

#[test]
fn every_format_says_the_same() {
    let folder = Folder::new();
    let json = r#"{ "apps": [
        { "name": "alpha", "script": "a.js", "args": "--port 1 --title 'two words'", "env": { "COLOUR": "red", "COUNT": 7 } },
        { "name": "beta", "script": "b.js", "cwd": "sub", "max_memory_restart": "300M" }
    ] }"#;
    let files = [
        ("a.json", format!("// two apps\n{}", json.replace("] }", "], /* end */ }"))),
        ("a.config.js", format!("module.exports = {json};")),
        ("a.config.cjs", format!("module.exports = {json};")),
        ("a.config.mjs", format!("export default {json};")),
        ("plain.js", format!("exports.apps = ({json}).apps")),
        (
            "a.yaml",
            "apps:\n  - name: alpha\n    script: a.js\n    args: --port 1 --title 'two words'\n    env: {COLOUR: red, COUNT: 7}\n  \
             - {name: beta, script: b.js, cwd: sub, max_memory_restart: 300M}\n"
                .to_owned(),
        ),
        (
            "a.toml",
            "[[apps]]\nname = 'alpha'\nscript = 'a.js'\nargs = \"--port 1 --title 'two words'\"\nenv = { COLOUR = 'red', COUNT = 7 }\n\
             [[apps]]\nname = 'beta'\nscript = 'b.js'\ncwd = 'sub'\nmax_memory_restart = '300M'\n"
                .to_owned(),
        ),
    ];
    let wanted = load(&folder.write("wanted.json", json), &LoadOptions::default()).unwrap().specs;
    assert_eq!(wanted[0].args, ["--port", "1", "--title", "two words"]);
    assert_eq!(wanted[0].env, block(&[("COLOUR", "red"), ("COUNT", "7")]));
    assert_eq!(
        (wanted[0].cwd.as_str(), wanted[1].cwd.as_str()),
        (folder.path("").trim_end_matches('/'), folder.path("sub").as_str())
    );
    for (name, text) in files {
        assert_eq!(load(&folder.write(name, &text), &LoadOptions::default()).unwrap().specs, wanted, "{name}");
    }
}

#[test]
fn every_shape_of_a_document() {
    let app = json!({"name": "a", "script": "a.js"});
    for document in [
        json!({"apps": [app]}),
        json!({"apps": app}),
        json!({"pm2": [app], "deploy": {}}),
        json!([app]),
        app.clone(),
        json!({"apps": [app], "x-base": {}}),
    ] {
        let loaded = load_with(&document, &LoadOptions::default()).unwrap();
        assert_eq!(loaded.specs.len(), 1, "{document}");
        assert!(loaded.warnings.iter().all(|warning| warning.key.as_deref() == Some("script")), "{:?}", loaded.warnings);
    }
    for document in [
        json!({}),
        json!({"name_of_app": 1}),
        json!(3),
        json!("x"),
        json!([1]),
        json!({"apps": "a.js"}),
        json!(null),
        json!([[app]]),
    ] {
        assert!(load_with(&document, &LoadOptions::default()).is_err(), "{document}");
    }
    let loaded = load_with(&json!({"apps": [app], "deploi": {}, "static": [{"path": "x"}]}), &LoadOptions::default()).unwrap();
    let told: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|line| line.contains("deploi") && line.contains("is deploy meant?")), "{told:?}");
    assert!(told.iter().any(|line| line.contains("static")), "{told:?}");
}

#[test]
fn three_mistakes_are_three_messages() {
    let told = errors(json!([
        {"name": "first", "script": "a.js", "max_memory_restart": "lots"},
        {"name": "second", "script": "a.js", "instances": "many"},
        {"name": "third", "script": "a.js", "kill_timeout": "soon"},
        {"name": "fine", "script": "a.js"},
    ]));
    assert_eq!(told.len(), 3, "{told:?}");
    for (line, (app, key)) in
        told.iter().zip([("first", "max_memory_restart"), ("second", "instances"), ("third", "kill_timeout")])
    {
        assert!(line.contains("ecosystem.config.json: ") && line.contains(app) && line.contains(key), "{line}");
    }
}

#[test]
fn several_mistakes_in_one_app() {
    let told = errors(json!([{
        "script": "", "cwd": [], "instances": [], "stop_signal": "SIGFOO", "cron_restart": "never", "env": {"A": "\u{0}"}, "watch": 3,
        "interpreter": "", "layer": "x".repeat(201), "health": 3, "uid": [], "stop_exit_codes": 1000, "max_size": 0, "depends_on": {"b": 1},
    }]));
    assert_eq!(told.len(), 14, "{told:#?}");
}

#[test]
fn names_of_apps() {
    for (bad, why) in [
        (json!([{"script": "a.js", "name": "../../x"}]), "128"),
        (json!([{"script": "a.js", "name": "all"}]), "all"),
        (json!([{"script": "a.js", "name": ""}]), "name"),
        (json!([{"script": "a.js", "name": ["a"]}]), "name"),
        (json!([{"script": "a.js"}, {"script": "lib/a.js"}]), "same name"),
        (json!([{"script": "all.js"}]), "all"),
        (json!([{"name": "x"}]), "script: it is missing"),
        (json!([{"script": "a.js", "depends_on": "a"}]), "wait for itself"),
        (json!([{"script": "a.js", "wait_ready": "port"}]), "set `port`"),
        (json!([{"script": "a.js", "listen": 0}]), "port 0"),
        (json!([{"script": "a.js", "listen": 80, "exec_mode": "cluster"}]), "share what they listen on"),
        (json!([{"script": "a.js", "depends_on": "b"}, {"script": "b.js", "depends_on": ["a"]}]), "wait for itself"),
    ] {
        let told = errors(bad.clone());
        assert!(told.iter().any(|line| line.contains(why)), "{bad} gave {told:?}");
    }
    assert_eq!(specs(json!([{"script": "./gateway-3333.js"}]))[0].name, "gateway-3333");
    assert_eq!(specs(json!([{"script": "npm run dev"}]))[0].name, "npm run dev");
    assert_eq!(specs(json!([{"script": "cd /x && ./run.sh"}]))[0].name, "cd");
    assert_eq!(specs(json!([{"script": "npm", "args": "run dev"}]))[0].name, "npm");
}

#[test]
fn names_with_the_environment() {
    let apps = json!([{"script": "a.js", "append_env_to_name": true, "depends_on": ["b"]}, {"script": "b.js", "append_env_to_name": true, "env_production": {}}]);
    let options = LoadOptions { env_name: Some("production".into()), only: Some(vec!["a".into()]), ..LoadOptions::default() };
    let specs = load_with(&apps, &options).unwrap().specs;
    assert_eq!(
        (specs.len(), specs[0].name.as_str(), specs[0].depends_on.as_slice()),
        (1, "a-production", &["b-production".into()][..])
    );
}

#[test]
fn only_these() {
    let apps = json!([{"script": "a.js"}, {"script": "b.js"}, {"script": "c.js"}]);
    let only = |names: &[&str]| LoadOptions {
        only: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        ..LoadOptions::default()
    };
    let names: Vec<String> = load_with(&apps, &only(&["c", "a"])).unwrap().specs.into_iter().map(|spec| spec.name).collect();
    assert_eq!(names, ["a", "c"]);
    let refused = load_with(&apps, &only(&["a", "d"])).unwrap_err().to_string();
    assert!(refused.contains("\"d\"") && refused.contains("a, b, c"), "{refused}");
}

#[test]
fn what_is_not_there_is_a_warning() {
    let folder = Folder::new();
    folder.write("here.js", "");
    let apps = json!([
        {"script": "here.js"}, {"script": "./gone.js"}, {"script": "no-such-program-anywhere"}, {"name": "d", "script": "here.js", "cwd": "/no/such/folder"},
        {"name": "e", "script": "here.js", "max_memory_restrat": "1G"},
    ]);
    let loaded = load(&folder.write("a.json", &apps.to_string()), &LoadOptions::default()).unwrap();
    let told: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 4, "{told:#?}");
    for (line, word) in told.iter().zip(["gone.js", "PATH", "/no/such/folder", "is max_memory_restart meant?"]) {
        assert!(line.contains(word), "{line}");
    }
}

/// The file of a stack of nine services as a user has it.
#[test]
fn a_real_file() {
    let folder = Folder::new();
    let path = folder.write(
        "ecosystem.config.js",
        r#"module.exports = {
          apps: [
            // CORE SERVICES
            {
              name: "sttttserver", script: "./STTTTSserver.js", cwd: "/home/azureuser/translation-app/STTTTSserver", instances: 1,
              autorestart: true, max_memory_restart: "500M", watch: false, max_restarts: 10, min_uptime: "10s",
              env: { NODE_ENV: "production", PORT: 3020, SOCKET_PORT: 6211 },
              error_file: "/tmp/pm2-sttttserver-error.log", out_file: "/tmp/pm2-sttttserver-out.log",
              log_date_format: "YYYY-MM-DD HH:mm:ss Z", merge_logs: true
            },
            {
              name: "cloudflared", script: "/home/azureuser/cloudflared-linux-amd64", args: "tunnel --url http://localhost:8083",
              instances: 1, autorestart: true, watch: false, interpreter: "none", env: { TUNNEL_URL: "http://localhost:8083" }
            },
            {
              name: 'asset-backend', script: './backend/server.js', instances: 1, exec_mode: 'fork', max_memory_restart: '500M',
              restart_delay: 4000, max_restarts: 10, min_uptime: '10s', error_file: './logs/e.log', out_file: './logs/o.log', watch: ['backend'],
            }
          ]
        };"#,
    );
    let loaded = load(&path, &LoadOptions::default()).unwrap();
    let [server, tunnel, backend] = loaded.specs.as_slice() else { panic!("not three apps") };
    assert_eq!((server.max_memory_restart, server.min_uptime_ms, server.max_restarts), (Some(500 << 20), 10_000, 10));
    assert_eq!((server.env_port(), server.exec_mode, server.merge_logs), (Some(3020), ExecMode::Cluster, true));
    assert_eq!((&tunnel.interpreter, tunnel.args.join(" ").as_str()), (&Interpreter::None, "tunnel --url http://localhost:8083"));
    assert_eq!((backend.restart_delay_ms, backend.exec_mode), (4000, ExecMode::Fork));
    assert_eq!(backend.watch.as_ref().map(|watch| watch.paths.clone()), Some(vec![folder.path("backend")]));
    assert_eq!(backend.out_file, LogFile::Path(folder.path("logs/o.log")));
}
