//! Who did what. Rows are only added; a trigger in the schema sees to it.

use app::model::Time;
use rusqlite::{Row, params};

use super::{Error, State};

/// One thing that somebody did, or was not allowed to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub time: Time,
    /// Who: name of a token or session.
    pub actor: String,
    /// What: `restart`, `token create`.
    pub action: String,
    /// To what: the name of an app, of a token.
    pub object: String,
    /// What became of it: `done`, `refused: …`.
    pub result: String,
}

impl State {
    /// Adds an entry. Control characters are taken out, since people read this in a terminal.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn audit(&self, entry: &AuditEntry) -> Result<(), Error> {
        let AuditEntry { time, actor, action, object, result } = entry;
        let clean = |text: &String| text.replace(char::is_control, " ");
        let values = params![time.ms(), clean(actor), clean(action), clean(object), clean(result)];
        self.lock().execute("INSERT INTO audit (time, actor, action, object, result) VALUES (?1, ?2, ?3, ?4, ?5)", values)?;
        Ok(())
    }

    /// The latest entries, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn audit_log(&self, limit: usize) -> Result<Vec<AuditEntry>, Error> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached("SELECT * FROM audit ORDER BY id DESC LIMIT ?1")?;
        let rows = statement.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], entry)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn entry(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        time: Time(row.get("time")?),
        actor: row.get("actor")?,
        action: row.get("action")?,
        object: row.get("object")?,
        result: row.get("result")?,
    })
}
