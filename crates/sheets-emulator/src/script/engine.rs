//! One execution in `QuickJS`: fresh globals, a limit on time and memory, and no way out but the host.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rquickjs::context::EvalOptions;
use rquickjs::{CatchResultExt as _, CaughtError, Context, Ctx, Function, Object, Runtime};

use tokio::sync::watch;

use super::host::Host;
use super::scene::Scene;
use super::{Code, Finished, LIMIT, LIMIT_SIMPLE, Script};

const HOST: &str = include_str!("host.js");
const MEMORY_BYTES_MAX: usize = 64 << 20;
const STACK_BYTES_MAX: usize = 1 << 20;

impl Script {
    /// Does this on a thread with room for a script; the emulator's end waits for it.
    pub(crate) fn on_a_thread(&self, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let busy = Busy::new(&self.ground.busy);
        let builder = thread::Builder::new().name("script".to_owned());
        let work = move || {
            work();
            drop(busy);
        };
        builder.stack_size(4 * STACK_BYTES_MAX).spawn(work).map(|_| ())
    }
}

/// Counts one thread more for as long as it is there.
struct Busy(watch::Sender<usize>);

impl Busy {
    fn new(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// Loads the text and calls `function`, if one is named; its time runs since `began`. Returns what was seen, and the functions of the script.
pub(super) fn run(
    script: &Arc<Script>,
    code: &Code,
    scene: &Scene,
    (function, began): (Option<&str>, Duration),
) -> (Finished, Vec<String>) {
    let clock = Arc::clone(&script.ground.clock);
    let end = began + if scene.simple { LIMIT_SIMPLE } else { LIMIT };
    let stopped = script.ground.stopped.subscribe();
    let over = {
        let clock = Arc::clone(&clock);
        move || clock.now() >= end || *stopped.borrow()
    };
    let host = Rc::new(Host::new(Arc::clone(script), end));
    let outcome = execute(code, scene, function, (&host, over.clone()));
    let (outcome, functions) = match outcome {
        Ok(functions) => (Ok(()), functions),
        Err(_) if over() => (Err("Exceeded maximum execution time".to_owned()), Vec::new()),
        Err(error) => (Err(error), Vec::new()),
    };
    (host.finish(outcome), functions)
}

fn execute(
    code: &Code,
    scene: &Scene,
    function: Option<&str>,
    (host, over): (&Rc<Host>, impl FnMut() -> bool + 'static),
) -> Result<Vec<String>, String> {
    let own = |error: rquickjs::Error| format!("the engine failed: {error}");
    let runtime = Runtime::new().map_err(own)?;
    runtime.set_memory_limit(MEMORY_BYTES_MAX);
    runtime.set_max_stack_size(STACK_BYTES_MAX);
    runtime.set_interrupt_handler(Some(Box::new(over)));
    let context = Context::full(&runtime).map_err(own)?;
    context.with(|ctx| {
        let done = inside(&ctx, code, scene, (function, host));
        done.catch(&ctx).map_err(|error| sentence(&error))
    })
}

fn inside<'js>(
    ctx: &Ctx<'js>,
    code: &Code,
    scene: &Scene,
    (function, host): (Option<&str>, &Rc<Host>),
) -> rquickjs::Result<Vec<String>> {
    let host = Rc::clone(host);
    let native =
        Function::new(ctx.clone(), move |name: String, args: String| host.answer(&name, &args))?;
    let enter: Function<'js> = ctx.eval_with_options(HOST, named("host.js"))?;
    let room: Object<'js> = enter.call((native, scene.json.to_string()))?;
    ctx.eval_with_options::<(), _>(code.text.as_bytes(), named("Code.gs"))?;
    let functions: String = room.get::<_, Function<'js>>("functions")?.call(())?;
    if let Some(function) = function {
        room.get::<_, Function<'js>>("run")?.call::<_, ()>((function,))?;
    }
    Ok(serde_json::from_str(&functions).unwrap_or_default())
}

fn named(file: &str) -> EvalOptions {
    let mut options = EvalOptions::default();
    // As Apps Script reads a file: sloppy unless it says otherwise.
    options.strict = false;
    options.filename = Some(file.to_owned());
    options
}

/// `message (place)`, as a person reads it in the log.
fn sentence(error: &CaughtError<'_>) -> String {
    match error {
        CaughtError::Exception(exception) => {
            let message = exception.message().unwrap_or_default();
            let stack = exception.stack().unwrap_or_default();
            let line = stack.lines().map(str::trim).find(|line| line.contains("Code.gs"));
            line.map_or(message.clone(), |line| format!("{message} ({line})"))
        }
        CaughtError::Value(value) => {
            let text = value.as_string().and_then(|text| text.to_string().ok());
            text.unwrap_or_else(|| "something that is no Error was thrown".to_owned())
        }
        CaughtError::Error(error) => error.to_string(),
    }
}
