//! The site: `app` as WebAssembly with its JavaScript, the styles, the icons; each with a compressed copy beside it.
//! Without cargo-leptos, which downloads tools that many machines cannot reach.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow};
use lightningcss::bundler::{Bundler, FileProvider};
use lightningcss::stylesheet::{MinifyOptions, ParserOptions, PrinterOptions};
use lightningcss::targets::{Browsers, Targets};
use wasm_bindgen_cli_support::Bindgen;

use crate::tools::{cargo, need_wasm_target, root, run, say, target};

/// Browsers of the last years: nesting and light-dark() are taken apart for those that lack them.
const BROWSERS: Browsers = Browsers {
    android: None,
    chrome: Some(112 << 16),
    edge: Some(112 << 16),
    firefox: Some(113 << 16),
    ie: None,
    ios_saf: Some((16 << 16) | (4 << 8)),
    opera: None,
    safari: Some((16 << 16) | (4 << 8)),
    samsung: None,
};

/// Builds `target/site`.
pub(crate) fn build() -> Result<()> {
    need_wasm_target()?;
    // The server embeds this folder by its place in the repository.
    let site = root().join("target/site");
    let wasm = compile()?;
    let mut files = bind(&wasm)?;
    files.push(("pkg/main.css".into(), styles()?));
    files.extend(public()?);
    say("compressing");
    let mut kept = Vec::new();
    let mut are_others = false;
    for (name, bytes) in &files {
        let path = site.join(name);
        let packed = site.join(format!("{}.br", name.display()));
        are_others |= !packed.exists();
        // A file that is as it should be is left alone, so that cargo does not build the server again for it.
        if !packed.exists() || !fs::read(&path).is_ok_and(|old| old == *bytes) {
            // In this order: where the second is not reached, both are written the next time.
            write(&packed, &compress(bytes)?)?;
            write(&path, bytes)?;
        }
        let size = fs::metadata(&packed)?.len();
        eprintln!("    {:<28} {:>8.1} kB  {:>7.1} kB compressed", name.display(), bytes.len() as f64 / 1e3, size as f64 / 1e3);
        kept.extend([path, packed]);
    }
    are_others |= remove_others(&site, &kept)?;
    if are_others { embed_anew() } else { Ok(()) }
}

/// Cargo sees when an embedded file changes, but not that there are others than before, as after the first build of the site.
fn embed_anew() -> Result<()> {
    let path = root().join("server/src/web/assets.rs");
    let file = fs::File::options().append(true).open(&path).with_context(|| format!("failed to open {}", path.display()))?;
    Ok(file.set_modified(SystemTime::now())?)
}

fn compile() -> Result<PathBuf> {
    say("compiling the dashboard to WebAssembly");
    let args = ["rustc", "--package", "app", "--lib", "--crate-type", "cdylib", "--profile", "wasm-release"];
    let more = ["--target", "wasm32-unknown-unknown", "--no-default-features", "--features", "hydrate"];
    run(cargo().args(args).args(more))?;
    Ok(target().join("wasm32-unknown-unknown/wasm-release/app.wasm"))
}

/// The WebAssembly and its JavaScript, by the library behind the tool wasm-bindgen, in the version of `Cargo.lock`.
fn bind(wasm: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    say("binding it to JavaScript");
    let folder = target().join("xtask/bindgen");
    fs::create_dir_all(&folder)?;
    let mut bindgen = Bindgen::new();
    bindgen.input_path(wasm).out_name("app").typescript(false).remove_name_section(true).remove_producers_section(true);
    bindgen.web(true)?.generate(&folder).context("failed to make the JavaScript of the dashboard")?;
    let read = |name: &str| -> Result<_> { Ok((Path::new("pkg").join(name), fs::read(folder.join(name))?)) };
    Ok(vec![read("app.js")?, read("app_bg.wasm")?])
}

fn styles() -> Result<Vec<u8>> {
    say("bundling the styles");
    let files = FileProvider::new();
    let mut bundler = Bundler::new(&files, None, ParserOptions::default());
    let entry = root().join("style/main.css");
    let mut sheet = bundler.bundle(&entry).map_err(|error| anyhow!("style/main.css: {error}"))?;
    let targets = Targets { browsers: Some(BROWSERS), ..Targets::default() };
    sheet.minify(MinifyOptions { targets, ..MinifyOptions::default() }).map_err(|error| anyhow!("style/main.css: {error}"))?;
    let printed = sheet.to_css(PrinterOptions { minify: true, targets, ..PrinterOptions::default() });
    Ok(printed.map_err(|error| anyhow!("style/main.css: {error}"))?.code.into_bytes())
}

fn public() -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root().join("public"))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push((entry.file_name().into(), fs::read(entry.path())?));
        }
    }
    files.sort();
    Ok(files)
}

fn compress(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut packed = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut packed, 1 << 16, 11, 22);
    writer.write_all(bytes)?;
    drop(writer);
    Ok(packed)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes).with_context(|| format!("failed to write {}", path.display()))
}

/// Removes what is not in `kept`; tells whether there was any.
fn remove_others(folder: &Path, kept: &[PathBuf]) -> Result<bool> {
    let mut any = false;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            any |= remove_others(&path, kept)?;
        } else if !kept.contains(&path) {
            fs::remove_file(&path)?;
            any = true;
        }
    }
    Ok(any)
}
