use std::fs;

use serde_json::json;

use super::*;

/// A folder with files, the last of which is evaluated. Without a PATH there is no Node.
fn evaluate(files: &[(&str, &str)], environment: &[(&str, &str)]) -> (tempfile::TempDir, Result<Evaluated, Fault>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let (name, text) = files.last().unwrap();
    let path = folder.path().join(name);
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let evaluated = match name.ends_with(".mjs") {
        true => module(&path, text, &environment),
        false => common_js(&path, text, &environment),
    };
    (folder, evaluated)
}

fn value(files: &[(&str, &str)]) -> Value {
    evaluate(files, &[("HOME", "/home/me"), ("CITY", "Bergen")]).1.unwrap().value
}

fn one(text: &str) -> Value {
    value(&[("a.config.js", text)])
}

fn fault(files: &[(&str, &str)]) -> Fault {
    evaluate(files, &[]).1.unwrap_err()
}

#[test]
fn exports() {
    assert_eq!(one("module.exports = { apps: [{ name: 'a' }] }"), json!({"apps": [{"name": "a"}]}));
    assert_eq!(one("exports.apps = [1, undefined, () => 1]"), json!({"apps": [1, null, null]}));
    assert_eq!(one("#!/usr/bin/env node\n'use strict'; module.exports = [this === exports]"), json!([true]));
    assert_eq!(one("module.exports = `${1 + 1}` // the end"), json!("2"));
}

#[test]
fn what_a_file_finds() {
    let (folder, evaluated) = evaluate(
        &[(
            "a.config.js",
            "module.exports = { d: __dirname, f: __filename, city: process.env.CITY, none: process.env.NONE ?? 'none', cwd: process.cwd(),
               platform: process.platform, argv: process.argv.length, host: require('os').hostname().length > 0,
               cpus: require('node:os').cpus().length > 0, mem: require('os').totalmem() > 1e6, eol: require('os').EOL, home: require('os').homedir(),
               tmp: require('os').tmpdir(), parallel: os => os }; console.log('hello')",
        )],
        &[("CITY", "Bergen"), ("HOME", "/home/me")],
    );
    let (here, file) = (folder.path().to_str().unwrap(), folder.path().join("a.config.js"));
    let wanted = json!({"d": here, "f": file, "city": "Bergen", "none": "none", "cwd": here, "platform": "linux", "argv": 2, "host": true,
        "cpus": true, "mem": true, "eol": "\n", "home": "/home/me", "tmp": "/tmp"});
    assert_eq!(evaluated.unwrap().value, wanted);
}

#[test]
fn local_modules() {
    let files = [
        ("parts/names.js", "exports.name = 'part'; exports.here = __dirname.endsWith('parts'); exports.up = require('../top')"),
        ("top.cjs", "module.exports = 'top'"),
        ("more.json", "{\"colour\": \"blue\"}"),
        ("lib/index.js", "module.exports = { self: module.exports === exports }"),
        (
            "a.config.js",
            "const p = require('./parts/names'); module.exports = [p, require('./parts/names.js') === p, require('./more.json').colour, require('./lib').self]",
        ),
    ];
    assert_eq!(value(&files), json!([{"name": "part", "here": true, "up": "top"}, true, "blue", true]));
}

#[test]
fn modules_that_require_each_other() {
    let files = [
        ("b.js", "exports.early = Object.keys(require('./a.config.js'))"),
        ("a.config.js", "exports.one = 1; exports.b = require('./b')"),
    ];
    assert_eq!(value(&files), json!({"one": 1, "b": {"early": ["one"]}}));
}

#[test]
fn es_modules() {
    let files = [
        ("part.mjs", "export const name = 'part'; export default 7"),
        ("old.cjs", "module.exports = { old: true }"),
        ("data.json", "{\"a\": 1}"),
        (
            "a.config.mjs",
            "import path, { basename } from 'node:path'; import os from 'os'; import seven, { name } from './part.mjs'; import old from './old.cjs';
             import data from './data.json' with { type: 'json' }; import { fileURLToPath } from 'url';
             const later = await Promise.resolve('later');
             export default { name, seven, old, data, later, base: basename(import.meta.url), same: fileURLToPath(import.meta.url) === import.meta.filename,
               dir: path.basename(import.meta.dirname).length > 0, eol: os.EOL }",
        ),
    ];
    let wanted = json!({"name": "part", "seven": 7, "old": {"old": true}, "data": {"a": 1}, "later": "later", "base": "a.config.mjs",
        "same": true, "dir": true, "eol": "\n"});
    assert_eq!(value(&files), wanted);
    assert_eq!(value(&[("a.config.mjs", "export const apps = [1]")]), json!({"apps": [1]}));
    assert_eq!(one("// by its look\nexport default { apps: [] }"), json!({"apps": []}));
}

#[test]
fn paths_as_in_node() {
    let text = "const p = require('path'); module.exports = [p.join('/a', '..', 'b', './c/'), p.join('a', '', '../..'), p.join(), p.resolve('/a', 'b', '/c', 'd/../e'),
        p.dirname('/a/b/'), p.dirname('a'), p.dirname('/a'), p.dirname('/'), p.basename('/a/b.js'), p.basename('/a/b.js', '.js'), p.basename('/'),
        p.extname('a.b.js'), p.extname('.bashrc'), p.extname('a/b'), p.extname('a.'), p.relative('/a/b/c', '/a/d'), p.relative('/a', '/a'), p.normalize('/a//b/../../..'),
        p.normalize('./a/'), p.isAbsolute('a'), p.parse('/x/y.tar.gz'), p.parse('y'), p.format({ dir: '/x', base: 'y' }), p.format({ root: '/', name: 'y', ext: '.z' }), p.sep, p.posix.sep]";
    let wanted = json!(["/b/c/", "..", ".", "/c/e", "/a", ".", "/", "/", "b.js", "b", "", ".js", "", "", ".", "../../d", "", "/", "a/", false,
        {"root": "/", "dir": "/x", "base": "y.tar.gz", "ext": ".gz", "name": "y.tar"}, {"root": "", "dir": "", "base": "y", "ext": "", "name": "y"},
        "/x/y", "/y.z", "/", "/"]);
    assert_eq!(one(text), wanted);
}

#[test]
fn the_environment_as_the_file_left_it() {
    let (_folder, evaluated) = evaluate(
        &[("a.config.js", "process.env.ADDED = 1; delete process.env.GONE; module.exports = []")],
        &[("GONE", "1"), ("KEPT", "2")],
    );
    let environment: Vec<(String, String)> = evaluated.unwrap().environment.into_iter().collect();
    assert_eq!(environment, [("ADDED".to_owned(), "1".to_owned()), ("KEPT".into(), "2".into())]);
}

#[test]
fn mistakes_have_a_line_where_it_can_be_told() {
    for (files, line, message) in [
        (&[("a.config.js", "module.exports = {\n apps: [ {\n")][..], true, "SyntaxError"),
        (&[("a.config.js", "// x\nthrow new Error('no such city')\n")], true, "no such city"),
        (&[("a.config.js", "throw 'a text'")], false, "a text"),
        (&[("a.config.js", "\n\nmodule.exports = process.env.X.y")], true, "TypeError"),
        (&[("a.config.js", "\nmodule.exports = nowhere")], true, "nowhere"),
        (&[("a.config.js", "\nconst express = require('express')")], true, "\"express\""),
        (&[("a.config.js", "\nrequire('./absent')")], true, "./absent"),
        (&[("a.config.js", "process.getuid()")], true, "process.getuid"),
        (&[("a.config.js", "module.exports = () => ({})")], false, "function"),
        (&[("a.config.js", "process.exit(0)")], true, "process.exit"),
        (&[("a.config.js", "const a = {}; a.a = a; module.exports = a")], false, "circular"),
        (&[("a.config.js", "module.exports = 1n")], false, "BigInt"),
        (&[("b.js", "\n\nthrow new Error('inside')"), ("a.config.js", "\nrequire('./b')")], true, "b.js:3"),
        (&[("b.json", "{"), ("a.config.js", "require('./b.json')")], true, "b.json is not JSON"),
        (&[("a.config.mjs", "\nimport x from 'express'; export default x")], false, "\"express\""),
        (&[("a.config.mjs", "export default (")], true, "SyntaxError"),
        (&[("a.config.mjs", "await new Promise(() => {})")], false, "never comes"),
        (&[("a.config.js", "function deep() { deep() }; deep()")], true, "stack"),
        (&[("a.config.js", "const all = []; for (;;) all.push('x'.repeat(1 << 20) + all.length)")], true, "memory"),
        (&[("a.config.js", "\u{0}")], false, ""),
    ] {
        let fault = fault(files);
        assert_eq!(fault.line.is_some(), line, "{files:?} gave {fault:?}");
        assert!(fault.message.contains(message), "{files:?} gave {fault:?}");
    }
    let early = fault(&[("a.config.js", "module.exports = {\n apps: [ {\n")]);
    assert!(early.line == Some(2) && early.message.contains("too early"), "{early:?}");
    assert_eq!(fault(&[("a.config.js", "// 1\n// 2\nthrow new Error('x')")]).line, Some(3));
}

#[test]
fn without_node_the_message_asks_for_it() {
    assert!(fault(&[("a.config.js", "require('express')")]).message.contains("needs Node"));
}

#[test]
fn an_endless_loop_ends() {
    assert!(fault(&[("a.config.js", "while (true) { try { for (;;) {} } catch {} }")]).message.contains("longer than"));
}

#[test]
fn an_endless_chain_of_promises_ends() {
    assert!(fault(&[("a.config.mjs", "for (;;) await null")]).message.contains("longer than"));
}

/// These need the Node of the machine, and see nothing where there is none.
mod by_node {
    use super::*;

    fn with_node(text: &str, name: &str) -> Option<Result<Evaluated, Fault>> {
        let path = std::env::var("PATH").unwrap_or_default();
        script_exists(&path).then(|| {
            evaluate(
                &[("node_modules/made/index.js", "module.exports = 'made'"), (name, text)],
                &[("PATH", &path), ("CITY", "Bergen")],
            )
            .1
        })
    }

    fn script_exists(path: &str) -> bool {
        std::env::split_paths(path).any(|folder| folder.join("node").is_file())
    }

    #[test]
    fn what_the_engine_lacks() {
        for (text, name) in [
            (
                "console.log('noise'); module.exports = [require('made'), process.env.CITY, typeof process.version]; process.env.ADDED = 'yes'",
                "a.config.js",
            ),
            (
                "import made from 'made'; process.env.ADDED = 'yes'; export default [made, process.env.CITY, typeof process.version]",
                "a.config.mjs",
            ),
        ] {
            let Some(evaluated) = with_node(text, name) else { return };
            let evaluated = evaluated.unwrap();
            assert_eq!(evaluated.value, json!(["made", "Bergen", "string"]));
            assert_eq!(evaluated.environment.get("ADDED").map(String::as_str), Some("yes"));
        }
    }

    #[test]
    fn mistakes() {
        for (text, line, message) in [
            ("\nrequire('no-such-module')", Some(2), "no-such-module"),
            ("process.nextTick(() => {}); process.exit(3)", None, "process.exit"),
            ("\nmodule.exports = nowhere", Some(2), "nowhere"),
            ("module.exports = {\n apps: [", None, "SyntaxError"),
        ] {
            let Some(evaluated) = with_node(text, "a.config.js") else { return };
            let fault = evaluated.unwrap_err();
            assert!(fault.message.contains(message) && !fault.message.contains('\n'), "{text} gave {fault:?}");
            assert!(line.is_none() || fault.line == line, "{text} gave {fault:?}");
        }
    }
}
