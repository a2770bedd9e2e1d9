//! The apps that are known, and the list that was saved on request.

use app::model::{AppRecord, Time};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::{Error, State};
use crate::history::now;

impl State {
    /// Every app in the order in which it was added.
    ///
    /// # Errors
    /// The database cannot be read, or a definition in it is not what was written.
    pub fn apps(&self) -> Result<Vec<AppRecord>, Error> {
        let connection = self.lock();
        let mut statement = connection.prepare("SELECT name, spec, wanted, created_at, instances FROM apps ORDER BY id")?;
        let rows = statement.query_map([], columns)?.collect::<Result<Vec<_>, _>>()?;
        rows.into_iter().map(record).collect()
    }

    /// Keeps an app: a new one at the end, one that is known in its place.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn put_app(&self, app: &AppRecord) -> Result<(), Error> {
        self.put_apps(std::slice::from_ref(app))
    }

    /// Keeps apps, all of them or none.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn put_apps(&self, apps: &[AppRecord]) -> Result<(), Error> {
        put_all(&mut self.lock(), apps)
    }

    /// The same, but it outlives the host only after [`State::settle`], and this process at once. It does not wait for the disk.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn note_apps(&self, apps: &[AppRecord]) -> Result<(), Error> {
        let mut connection = self.lock();
        // A checkpoint may not be made of what is not on the disk (https://sqlite.org/pragma.html#pragma_synchronous).
        connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 0")?;
        let noted = put_all(&mut connection, apps);
        connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000")?;
        noted
    }

    /// Forgets an app. One that is not known is no error.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn remove_app(&self, name: &str) -> Result<(), Error> {
        self.lock().execute("DELETE FROM apps WHERE name = ?1", [name])?;
        Ok(())
    }

    /// The list that was saved last.
    ///
    /// # Errors
    /// The database cannot be read, or the list in it is not what was written.
    pub fn saved(&self) -> Result<Option<Vec<AppRecord>>, Error> {
        let query = "SELECT value FROM meta WHERE key = 'saved'";
        let text: Option<String> = self.lock().query_row(query, [], |row| row.get(0)).optional()?;
        text.map(|text| parse(|| "the saved list".into(), &text)).transpose()
    }

    /// Saves a list. An empty one never replaces one that has apps: it would be the work of a mistake.
    ///
    /// # Errors
    /// The list is empty and the saved one is not, or the database cannot be written.
    pub fn save(&self, apps: &[AppRecord]) -> Result<(), Error> {
        if apps.is_empty() && self.saved()?.is_some_and(|saved| !saved.is_empty()) {
            return Err(Error::EmptyList);
        }
        self.set_meta("saved", &json(|| "the saved list".into(), &apps)?)?;
        self.set_meta("saved_at", &now().to_string())
    }
}

fn put_all(connection: &mut Connection, apps: &[AppRecord]) -> Result<(), Error> {
    let transaction = connection.transaction()?;
    for app in apps {
        put(&transaction, app)?;
    }
    Ok(transaction.commit()?)
}

fn put(connection: &Connection, app: &AppRecord) -> Result<(), Error> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO apps (name, spec, wanted, created_at, instances) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (name) DO UPDATE SET
             spec = excluded.spec, wanted = excluded.wanted, created_at = excluded.created_at, instances = excluded.instances",
    )?;
    let what = || format!("the app {}", app.name);
    let (spec, instances) = (json(what, &app.spec)?, json(what, &app.instances)?);
    statement.execute(params![app.name, spec, app.wanted, app.created_at.ms(), instances])?;
    Ok(())
}

type Columns = (String, String, bool, i64, String);

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
}

fn record((name, spec, wanted, created_at, instances): Columns) -> Result<AppRecord, Error> {
    let what = || format!("the app {name}");
    let (spec, instances) = (parse(what, &spec)?, parse(what, &instances)?);
    Ok(AppRecord { name, spec, wanted, created_at: Time(created_at), instances })
}

fn json(what: impl FnOnce() -> String, value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|source| Error::Content { what: what(), source })
}

fn parse<T: for<'de> Deserialize<'de>>(what: impl FnOnce() -> String, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|source| Error::Content { what: what(), source })
}
