//! How available an app was. Each event that is written moves the standing of its app in the same transaction, so a kill at any point counts
//! nothing twice and loses nothing; and as no event is read again, it stays exact when events are removed.

use app::model::{Availability, AvailabilitySpan, Cause, ErrorBudget, Event, EventKind, Outage, Time};
use rusqlite::{Connection, OptionalExtension, params};

use super::standing::{Open, Spell, Standing};
use super::{Error, int};

const HOUR_MS: i64 = 3_600_000;
/// How far back it is told, in hours.
const SPANS: [u32; 3] = [24, 7 * 24, MONTH];
/// What a budget is for.
const MONTH: u32 = 30 * 24;
/// How many outages are told.
const OUTAGES: usize = 20;

/// Schema, as a step of the database.
pub(super) const TABLES: &str = "
    CREATE TABLE standings (app TEXT PRIMARY KEY, event INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
    CREATE TABLE spells (
        app TEXT NOT NULL,
        began INTEGER NOT NULL,
        ended INTEGER NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (app, began)
    ) STRICT, WITHOUT ROWID;
";

/// What is known of an app.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Number of the latest event that was taken account of.
    event: u64,
    standing: Option<Standing>,
    spells: Vec<Spell>,
}

impl Known {
    /// Takes an event of the app, unless it was taken before.
    pub(super) fn apply(&mut self, event: &Event, last_seen: Time) {
        if event.id <= self.event {
            return;
        }
        self.event = event.id;
        if event.kind == EventKind::Deleted {
            self.standing = None;
            return;
        }
        let standing = self.standing.get_or_insert_with(|| Standing::new(event.time));
        self.spells.extend(standing.apply(event, last_seen));
    }

    /// Sums it up.
    pub(super) fn availability(mut self, app: &str, target: Option<f64>, now: Time) -> Availability {
        let since = self.standing.as_ref().map(|standing| standing.since);
        let open = self.standing.and_then(|standing| standing.open);
        let is_open = open.as_ref().is_some_and(|open| open.is_down);
        self.spells.extend(open.map(|open| Spell { open, to: now }));
        let spans: Vec<_> = SPANS.map(|hours| span(&self.spells, since, hours, now)).into();
        let budget = target.map(|target| budget(target, spans.last().map_or(0, |month| month.down_ms)));
        let outages = self.spells.into_iter().rev().filter(|spell| spell.open.is_down && Some(spell.to) > since);
        let mut outages: Vec<Outage> = outages
            .take(OUTAGES)
            .map(|Spell { open: Open { from, cause, message, .. }, to }| Outage { from, to: Some(to), cause, message })
            .collect();
        if let Some(last) = outages.first_mut().filter(|_| is_open) {
            last.to = None;
        }
        Availability { app: app.into(), since, spans, budget, outages }
    }
}

fn span(spells: &[Spell], since: Option<Time>, hours: u32, now: Time) -> AvailabilitySpan {
    let start = since.map_or(now, |since| since.max(now - i64::from(hours) * HOUR_MS));
    let sum = |is_down| {
        let within = |spell: &Spell| spell.to.min(now).ms().saturating_sub(spell.open.from.max(start).ms()).max(0);
        spells.iter().filter(|spell| spell.open.is_down == is_down).map(within).sum::<i64>().unsigned_abs()
    };
    let (whole, down_ms) = (now.since(start), sum(true));
    let wanted_ms = whole.saturating_sub(sum(false));
    let up = wanted_ms.saturating_sub(down_ms);
    let percent = (wanted_ms > 0).then(|| up as f64 * 100.0 / wanted_ms as f64);
    AvailabilitySpan { hours, wanted_ms, down_ms, percent }
}

fn budget(target_percent: f64, down_ms: u64) -> ErrorBudget {
    let month_ms = f64::from(MONTH) * HOUR_MS as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a month, from 0 on")]
    let allowed_ms = ((100.0 - target_percent).max(0.0) / 100.0 * month_ms).round() as u64;
    ErrorBudget { target_percent, allowed_ms, left_ms: allowed_ms.saturating_sub(down_ms) }
}

/// Takes account of an event that is written in the same transaction.
pub(super) fn write(connection: &Connection, event: &Event) -> Result<(), Error> {
    let Some(app) = event.app.as_deref() else { return Ok(()) };
    let mut known = standing(connection, app)?;
    if event.id <= known.event {
        return Ok(());
    }
    known.apply(event, last_seen(connection, event)?);
    for Spell { open, to } in &known.spells {
        let body = text(&(open.is_down, open.cause, &open.message))?;
        let mut insert =
            connection.prepare_cached("INSERT OR REPLACE INTO spells (app, began, ended, body) VALUES (?1, ?2, ?3, ?4)")?;
        insert.execute(params![app, open.from.ms(), to.ms(), body])?;
    }
    match known.standing {
        Some(standing) => {
            let mut put = connection.prepare_cached("INSERT OR REPLACE INTO standings (app, event, body) VALUES (?1, ?2, ?3)")?;
            put.execute(params![app, int(event.id), text(&standing)?])?;
        }
        None => drop(connection.execute("DELETE FROM standings WHERE app = ?1", [app])?),
    }
    Ok(())
}

/// When somebody last saw how things were, before an event that tells what happened while nobody was there.
fn last_seen(connection: &Connection, event: &Event) -> Result<Time, Error> {
    if event.cause != Cause::HostReboot {
        return Ok(event.time);
    }
    let sql = "SELECT max(time) FROM documents WHERE time < ?1";
    let time: Option<i64> = connection.query_row(sql, [event.time.ms()], |row| row.get(0))?;
    Ok(time.map_or(event.time, Time))
}

/// What is known of an app, with the times since the beginning of the longest span.
pub(super) fn read(connection: &Connection, app: &str, now: Time) -> Result<Known, Error> {
    let mut known = standing(connection, app)?;
    let mut statement =
        connection.prepare_cached("SELECT began, ended, body FROM spells WHERE app = ?1 AND ended > ?2 ORDER BY began")?;
    let mut rows = statement.query(params![app, now.ms() - i64::from(MONTH) * HOUR_MS])?;
    while let Some(row) = rows.next()? {
        let body: String = row.get(2)?;
        // One that a later version wrote is left out: what is told is never the whole history.
        let Ok((is_down, cause, message)) = serde_json::from_str(&body) else { continue };
        known.spells.push(Spell { open: Open { from: Time(row.get(0)?), is_down, cause, message }, to: Time(row.get(1)?) });
    }
    Ok(known)
}

fn standing(connection: &Connection, app: &str) -> Result<Known, Error> {
    let mut statement = connection.prepare_cached("SELECT event, body FROM standings WHERE app = ?1")?;
    let found = statement.query_row([app], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))).optional()?;
    let Some((event, body)) = found else { return Ok(Known::default()) };
    // One that cannot be read is none: it begins anew with the next event, and holds up nothing else that is written.
    Ok(Known { event: u64::try_from(event).unwrap_or(0), standing: serde_json::from_str(&body).ok(), spells: Vec::new() })
}

fn text(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|source| Error::Content { what: "when an app was down".into(), source })
}

#[cfg(test)]
mod tests;
