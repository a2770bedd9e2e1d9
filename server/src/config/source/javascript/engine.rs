//! The embedded engine, QuickJS: bounded in time, memory and depth, with no way out but reading modules.

use std::{
    cell::Cell,
    path::Path,
    rc::Rc,
    time::{Duration, Instant},
};

use app::model::EnvBlock;
use rquickjs::{
    CatchResultExt, CaughtError, Context, Ctx, Exception, Function, Module, Object, Runtime, Value, context::EvalOptions,
    function::This,
};

use super::{Answer, Evaluated, Fault, Kind, Trouble, line_in, modules};
use crate::config::value::instances;

const TIME_LIMIT: Duration = Duration::from_secs(5);
const MEMORY_LIMIT: usize = 128 << 20;
/// Well below the 2 MiB of a thread, of which the caller has used some.
const STACK_LIMIT: usize = 512 << 10;

/// What a file finds in place of Node: `process`, `require`, `path`, `os`.
const PRELUDE: &str = include_str!("prelude.js");

/// Marks errors that say that the engine lacks something.
pub(super) const LACKING: &str = "QD_LACKING";

/// Evaluates `text`, the content of the file at `path`.
pub(super) fn run(path: &Path, text: &str, kind: Kind, environment: &EnvBlock) -> Result<Evaluated, Trouble> {
    let deadline = Instant::now() + TIME_LIMIT;
    let late = Rc::new(Cell::new(false));
    let outcome = start(deadline, &late)
        .map(|(_runtime, context)| context.with(|ctx| in_context(&ctx, path, text, kind, environment, deadline)));
    if late.get() || Instant::now() > deadline {
        return Err(Trouble::Wrong(Fault::new(format!("takes longer than {} s to evaluate", TIME_LIMIT.as_secs()))));
    }
    outcome.map_err(|error| Trouble::Unclear(Fault::new(error.to_string())))?
}

fn start(deadline: Instant, late: &Rc<Cell<bool>>) -> rquickjs::Result<(Runtime, Context)> {
    let runtime = Runtime::new()?;
    runtime.set_memory_limit(MEMORY_LIMIT);
    runtime.set_max_stack_size(STACK_LIMIT);
    runtime.set_loader(modules::Files, modules::Files);
    let late = Rc::clone(late);
    runtime.set_interrupt_handler(Some(Box::new(move || {
        late.set(late.get() || Instant::now() > deadline);
        late.get()
    })));
    let context = Context::full(&runtime)?;
    Ok((runtime, context))
}

fn in_context(
    ctx: &Ctx<'_>,
    path: &Path,
    text: &str,
    kind: Kind,
    environment: &EnvBlock,
    deadline: Instant,
) -> Result<Evaluated, Trouble> {
    let json = evaluate(ctx, path, text, kind, environment, deadline).catch(ctx).map_err(|error| trouble(error, path, text))?;
    Answer::parse(&json).map_err(Trouble::Wrong)
}

fn evaluate<'js>(
    ctx: &Ctx<'js>,
    path: &Path,
    text: &str,
    kind: Kind,
    environment: &EnvBlock,
    deadline: Instant,
) -> rquickjs::Result<String> {
    let prelude: Function = ctx.eval_with_options(PRELUDE, options("qd"))?;
    let facts = ctx.json_parse(facts(path, environment).to_string())?;
    let host = Object::new(ctx.clone())?;
    host.set("compile", Function::new(ctx.clone(), |ctx: Ctx<'js>, file: String, text: String| compile(&ctx, &file, &text))?)?;
    host.set("read", Function::new(ctx.clone(), |file: String| std::fs::read_to_string(file).ok())?)?;
    host.set("isFile", Function::new(ctx.clone(), |file: String| Path::new(&file).is_file())?)?;
    let qd: Object = prelude.call((host, facts))?;
    let file = path.to_string_lossy().into_owned();
    let value: Value = match kind {
        Kind::Expression => ctx.eval_with_options(format!("({text}\n)"), options(&file))?,
        Kind::CommonJs => qd.get::<_, Function>("run")?.call((This(qd.clone()), file, text))?,
        Kind::Module => module(ctx, &file, text, deadline)?,
    };
    qd.get::<_, Function>("answer")?.call((value,))
}

/// The function that a CommonJS module is. What is put around it stands on its first line, so that lines keep their numbers.
fn compile<'js>(ctx: &Ctx<'js>, file: &str, text: &str) -> rquickjs::Result<Function<'js>> {
    let text = if text.starts_with("#!") { format!("//{text}") } else { text.to_owned() };
    ctx.eval_with_options(format!("(function (exports, require, module, __filename, __dirname) {{{text}\n}})"), options(file))
}

fn module<'js>(ctx: &Ctx<'js>, file: &str, text: &str, deadline: Instant) -> rquickjs::Result<Value<'js>> {
    let (module, promise) = modules::declare(ctx, file, text)?.eval()?;
    while promise.state() == rquickjs::promise::PromiseState::Pending && ctx.execute_pending_job() {
        if Instant::now() > deadline {
            return Err(Exception::throw_internal(ctx, "interrupted"));
        }
    }
    match promise.result::<Value>() {
        Some(result) => result?,
        None => return Err(lacking(ctx, "it waits for something that never comes")),
    };
    let namespace = Module::namespace(&module)?;
    if namespace.contains_key("default")? { namespace.get("default") } else { Ok(namespace.into_value()) }
}

fn options(file: &str) -> EvalOptions {
    let mut options = EvalOptions::default();
    options.strict = false;
    options.filename = Some(file.to_owned());
    options
}

/// What `process` and `os` tell.
fn facts(path: &Path, environment: &EnvBlock) -> serde_json::Value {
    let system = rustix::system::uname();
    let memory = rustix::system::sysinfo();
    let unit = u64::from(memory.mem_unit);
    serde_json::json!({
        "file": path.to_string_lossy(),
        "env": environment,
        "pid": std::process::id(),
        "platform": std::env::consts::OS,
        "arch": match std::env::consts::ARCH { "x86_64" => "x64", "aarch64" => "arm64", other => other },
        "hostname": system.nodename().to_string_lossy(),
        "type": system.sysname().to_string_lossy(),
        "release": system.release().to_string_lossy(),
        "processors": instances::processors(),
        "totalmem": memory.totalram.saturating_mul(unit),
        "freemem": memory.freeram.saturating_mul(unit),
    })
}

/// An error that says that the engine does not have something.
pub(super) fn lacking(ctx: &Ctx<'_>, what: &str) -> rquickjs::Error {
    let thrown = Exception::from_message(ctx.clone(), what).and_then(|exception| {
        exception.as_object().set("code", LACKING)?;
        Ok(exception.throw())
    });
    thrown.unwrap_or_else(|error| error)
}

fn trouble(error: CaughtError<'_>, path: &Path, text: &str) -> Trouble {
    let exception = match error {
        CaughtError::Exception(exception) => exception,
        CaughtError::Value(value) => return Trouble::Wrong(Fault::new(format!("threw {}", thrown(&value)))),
        CaughtError::Error(error) => return Trouble::Unclear(Fault::new(error.to_string())),
    };
    let of = |key: &str| exception.as_object().get::<_, Option<String>>(key).ok().flatten().unwrap_or_default();
    let (name, stack) = (of("name"), exception.stack().unwrap_or_default());
    let message = exception.message().unwrap_or_default();
    let mut fault = Fault { line: line_in(&stack, path), message: format!("{name}: {message}{}", elsewhere(&stack, path)) };
    // What is put around the text closes on a line of its own, below the last.
    let lines = u32::try_from(text.lines().count()).ok();
    if fault.line > lines {
        fault = Fault { line: lines, message: format!("{name}: the file ends too early; is a bracket or a quote not closed?") };
    }
    match name.as_str() {
        _ if of("code") == LACKING => Trouble::Lacking(Fault { message, ..fault }),
        "ReferenceError" | "TypeError" => Trouble::Lacking(fault),
        "SyntaxError" => Trouble::Unclear(fault),
        _ => Trouble::Wrong(fault),
    }
}

fn thrown(value: &Value<'_>) -> String {
    let text = value.ctx().json_stringify(value.clone()).ok().flatten().and_then(|text| text.to_string().ok());
    text.unwrap_or_else(|| value.type_name().to_owned())
}

/// Where it happened, if not in the file itself.
fn elsewhere(stack: &str, path: &Path) -> String {
    let first = stack.lines().next().unwrap_or_default().trim();
    let place = first.rsplit(['(', ' ']).next().unwrap_or_default().trim_end_matches(')');
    if place.starts_with('/') && !place.starts_with(&format!("{}:", path.display())) {
        format!(" (in {place})")
    } else {
        String::new()
    }
}
