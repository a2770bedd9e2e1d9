//! ES modules: local files, and what the prelude has of Node.

use std::path::Path;

use rquickjs::{
    Ctx, Error, Module, Result,
    loader::{ImportAttributes, Loader, Resolver},
    module::Declared,
};

use super::engine::lacking;
use crate::config::paths;

/// Finds and reads modules in the file system.
pub(super) struct Files;

impl Resolver for Files {
    fn resolve<'js>(&mut self, ctx: &Ctx<'js>, base: &str, name: &str, _: Option<ImportAttributes<'js>>) -> Result<String> {
        let bare = name.strip_prefix("node:").unwrap_or(name);
        if is_built_in(ctx, bare)? {
            return Ok(format!("node:{bare}"));
        }
        let file = name.strip_prefix("file://").unwrap_or(name);
        if !file.starts_with('.') && !file.starts_with('/') {
            return Err(lacking(ctx, &format!("it imports the module {name:?}")));
        }
        let folder = Path::new(base).parent().unwrap_or(Path::new("/"));
        Ok(paths::text(&paths::normal(&folder.join(file))))
    }
}

impl Loader for Files {
    fn load<'js>(&mut self, ctx: &Ctx<'js>, name: &str, _: Option<ImportAttributes<'js>>) -> Result<Module<'js, Declared>> {
        if let Some(bare) = name.strip_prefix("node:") {
            return Module::declare(ctx.clone(), name, built_in(ctx, bare)?);
        }
        if name.ends_with(".cjs") {
            let quoted = serde_json::Value::from(name);
            return Module::declare(ctx.clone(), name, format!("export default __qd.require({quoted});"));
        }
        let text = std::fs::read_to_string(name)
            .map_err(|error| lacking(ctx, &format!("it imports {name}, which cannot be read: {error}")))?;
        match name.ends_with(".json") {
            true => Module::declare(ctx.clone(), name, format!("export default {text}\n;")),
            false => declare(ctx, name, &text),
        }
    }
}

/// Makes a module of the text of a file, with `import.meta`.
pub(super) fn declare<'js>(ctx: &Ctx<'js>, file: &str, text: &str) -> Result<Module<'js, Declared>> {
    let module = Module::declare(ctx.clone(), file, text)?;
    let meta = module.meta()?;
    meta.set("url", format!("file://{file}"))?;
    meta.set("filename", file)?;
    meta.set("dirname", Path::new(file).parent().map(paths::text))?;
    Ok(module)
}

fn is_built_in(ctx: &Ctx<'_>, name: &str) -> Result<bool> {
    let quoted = serde_json::Value::from(name);
    ctx.eval(format!("Object.hasOwn(__qd.builtins, {quoted})"))
}

/// A module that exports each part of a built-in one by its name.
fn built_in(ctx: &Ctx<'_>, name: &str) -> Result<String> {
    let quoted = serde_json::Value::from(name);
    let keys: Vec<String> = ctx.eval(format!("Object.keys(__qd.builtins[{quoted}])"))?;
    if keys.is_empty() {
        return Err(Error::new_loading(name));
    }
    Ok(format!("const it = __qd.builtins[{quoted}]; export default it; export const {{ {} }} = it;", keys.join(", ")))
}
