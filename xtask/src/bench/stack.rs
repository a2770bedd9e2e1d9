//! The nine services of the example, as PM2's words for apps.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::sweep::MARK;
use crate::tools::{output, root};

/// Ports of another stack, of the demo for instance, stay free.
const PORT_SHIFT: &str = "20000";

/// The apps of `examples/translation-stack`, writing their logs to `logs`. For cloudflared, which few machines have, a program
/// stands in that only waits: each supervisor then has nine that run.
pub(super) fn nine_services(logs: &Path) -> Result<Vec<Value>> {
    let file = root().join("examples/translation-stack/ecosystem.config.js");
    let folder = file.parent().context("the example has no folder")?;
    let script = "process.env.STACK_PORT_SHIFT = process.argv[2]; console.log(JSON.stringify(require(process.argv[1]).apps))";
    let text =
        output("node", &["-e", script, &file.to_string_lossy(), PORT_SHIFT]).context("failed to read the example by Node.js")?;
    let mut apps: Vec<Value> = serde_json::from_str(&text)?;
    std::fs::create_dir_all(logs)?;
    for app in &mut apps {
        let name = app["name"].as_str().context("an app without a name")?.to_owned();
        app["out_file"] = json!(logs.join(format!("{name}-out.log")));
        app["error_file"] = json!(logs.join(format!("{name}-error.log")));
        app["merge_logs"] = json!(true);
        app["env"][MARK] = json!(std::process::id().to_string());
        if name == "cloudflared" {
            app["script"] = json!("/bin/sleep");
            app["args"] = json!(["infinity"]);
        } else {
            app["script"] = json!(folder.join(app["script"].as_str().unwrap_or_default()));
        }
        app["cwd"] = json!(folder);
    }
    Ok(apps)
}
