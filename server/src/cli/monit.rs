//! `qd monit`: the table of `qd ls` and what happened lately, drawn anew with every sample until Ctrl+C.

use std::io;
use std::time::Duration;

use app::model::{Event, EventList, Time};

use super::context::Context;
use super::{Failure, format, ls};

/// The health document is made as often.
const EVERY: Duration = Duration::from_secs(2);
const EVENTS: usize = 12;
/// What is taken where the terminal does not tell.
const USUAL_HEIGHT: usize = 24;

/// A screen of its own, without a cursor (ECMA-48 and xterm's private mode 1049); and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// Draws until it is ended; without a terminal, once.
pub(super) async fn monit(context: &Context) -> Result<(), Failure> {
    if !context.screen.terminal {
        return context.screen.print(&picture(context).await?);
    }
    context.screen.print(ENTER)?;
    let done = tokio::select! {
        done = draw(context) => done,
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    context.screen.print(LEAVE)?;
    done
}

async fn draw(context: &Context) -> Result<(), Failure> {
    loop {
        let picture = picture(context).await?;
        // Each line is cleared as it is written, and what is left below: nothing flickers.
        let lines: Vec<&str> = picture.lines().take(height()).collect();
        context.screen.print(&format!("\x1b[H{}\x1b[K\x1b[J", lines.join("\x1b[K\r\n")))?;
        tokio::time::sleep(EVERY).await;
    }
}

async fn picture(context: &Context) -> Result<String, Failure> {
    let apps = context.apps().await?;
    let list: EventList = context.client.get(&format!("/api/events?limit={EVENTS}")).await?;
    let events: String = list.events.iter().map(|event| line(event, context.now())).collect();
    Ok(format!("{}\nWhat happened\n{events}", ls::overview(&apps, context.now(), &context.screen)))
}

/// ` 5m ago  web  restarted: crash, exit 1 after 3 s`
fn line(event: &Event, now: Time) -> String {
    let name = event.app.as_deref().map(|name| format!("{}  ", format::plain(name))).unwrap_or_default();
    format!("{:>4} ago  {name}{}\n", format::short_span(now.since(event.time)), format::plain(&event.message))
}

fn height() -> usize {
    let told = rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_row));
    told.filter(|rows| *rows > 0).unwrap_or(USUAL_HEIGHT)
}
