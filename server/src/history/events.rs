//! Events in the database: a few columns to choose by, and the whole as JSON.

use std::sync::Arc;

use app::model::{Event, Time};
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::{Error, int};
use crate::control::EventQuery;

/// Keeps an event. One that is there already stays as it is.
pub(super) fn write(connection: &Connection, event: &Arc<Event>) -> rusqlite::Result<()> {
    let body = serde_json::to_string(&**event).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let mut statement = connection
        .prepare_cached("INSERT OR IGNORE INTO events (id, time, kind, app, instance, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    let values = params![int(event.id), event.time.ms(), event.kind.word(), event.app, event.index, body];
    statement.execute(values).map(drop)
}

/// Does the event fit the query, its limit aside?
pub(super) fn fits(query: &EventQuery, event: &Event) -> bool {
    query.after.is_none_or(|after| event.id > after)
        && query.before.is_none_or(|before| event.id < before)
        && query.app.as_ref().is_none_or(|app| event.app.as_ref() == Some(app))
        && query.kind.is_none_or(|kind| event.kind == kind)
        && query.from.is_none_or(|from| event.time >= from)
        && query.to.is_none_or(|to| event.time < to)
}

/// Events that fit, newest first.
pub(super) fn read(connection: &Connection, query: &EventQuery) -> Result<Vec<Event>, Error> {
    let conditions = [
        ("id > ?", query.after.map(|id| int(id).into())),
        ("id < ?", query.before.map(|id| int(id).into())),
        ("app = ?", query.app.clone().map(Value::from)),
        ("kind = ?", query.kind.map(|kind| kind.word().to_owned().into())),
        ("time >= ?", query.from.map(|time| time.ms().into())),
        ("time < ?", query.to.map(|time| time.ms().into())),
    ];
    let (mut sql, mut values) = (String::from("SELECT id, body FROM events WHERE TRUE"), Vec::new());
    for (condition, value) in conditions {
        if let Some(value) = value {
            sql.push_str(" AND ");
            sql.push_str(condition);
            values.push(value);
        }
    }
    sql.push_str(" ORDER BY id DESC LIMIT ?");
    values.push(int(query.limit as u64).into());
    select(connection, &sql, values)
}

/// What the last day of each app is made from, oldest first: its events since `from`, and before them the last that told how
/// each instance was.
pub(super) fn of_a_day(connection: &Connection, from: Time) -> Result<Vec<Event>, Error> {
    let sql = "
        SELECT id, body FROM events WHERE app IS NOT NULL AND time >= ?1
        UNION SELECT id, body FROM events WHERE id IN (
            SELECT max(id) FROM events
            WHERE time < ?1 AND kind IN ('online', 'adopted', 'stopped', 'errored', 'deleted') GROUP BY app, instance)
        ORDER BY id";
    select(connection, sql, vec![from.ms().into()])
}

/// Number of the latest event.
pub(super) fn last_id(connection: &Connection) -> rusqlite::Result<Option<u64>> {
    let id: Option<i64> = connection.query_row("SELECT max(id) FROM events", [], |row| row.get(0))?;
    Ok(id.and_then(|id| u64::try_from(id).ok()))
}

fn select(connection: &Connection, sql: &str, values: Vec<Value>) -> Result<Vec<Event>, Error> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let body = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        events.push(serde_json::from_str(body).map_err(|source| Error::Content { what: format!("event {id}"), source })?);
    }
    Ok(events)
}
