//! Who may come in: tokens, sessions and login links. Secrets are kept as their SHA-256 alone.

use app::model::Time;
use rusqlite::{OptionalExtension, Row, params};

use super::{Error, State};

/// The SHA-256 of a secret.
pub type SecretHash = [u8; 32];

/// A token for programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// The part of the token that is no secret.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What it may do: the word of a role.
    pub role: String,
    /// SHA-256 of its secret.
    pub secret_hash: SecretHash,
    /// When it was made.
    pub created_at: Time,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Time>,
}

/// A browser that has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// SHA-256 of the cookie.
    pub secret_hash: SecretHash,
    /// Who it is.
    pub name: String,
    /// What it may do: the word of a role.
    pub role: String,
    /// The token that it logged in with, if it was one. The session ends with it.
    pub token_id: Option<String>,
    /// When it began.
    pub created_at: Time,
    /// When it was last seen, to the minute.
    pub last_seen_at: Time,
    /// When it ends at the latest.
    pub expires_at: Time,
}

impl State {
    /// Every token.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn tokens(&self) -> Result<Vec<TokenRecord>, Error> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached("SELECT * FROM tokens ORDER BY created_at, id")?;
        Ok(statement.query_map([], token)?.collect::<Result<_, _>>()?)
    }

    /// The token with this id.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn token(&self, id: &str) -> Result<Option<TokenRecord>, Error> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached("SELECT * FROM tokens WHERE id = ?1")?;
        Ok(statement.query_row([id], token).optional()?)
    }

    /// Keeps a new token.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn add_token(&self, token: &TokenRecord) -> Result<(), Error> {
        let TokenRecord { id, name, role, secret_hash, created_at, last_used_at } = token;
        let values = params![id, name, role, secret_hash, created_at.ms(), last_used_at.map(Time::ms)];
        self.lock().execute("INSERT INTO tokens VALUES (?1, ?2, ?3, ?4, ?5, ?6)", values)?;
        Ok(())
    }

    /// Notes that a token was used. Answers whether there still is one.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn touch_token(&self, id: &str, now: Time) -> Result<bool, Error> {
        Ok(self.lock().execute("UPDATE tokens SET last_used_at = ?2 WHERE id = ?1", params![id, now.ms()])? > 0)
    }

    /// Removes a token and the sessions that began with it. Answers whether there was one.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn remove_token(&self, id: &str) -> Result<bool, Error> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        transaction.execute("DELETE FROM sessions WHERE token_id = ?1", [id])?;
        let removed = transaction.execute("DELETE FROM tokens WHERE id = ?1", [id])?;
        transaction.commit()?;
        Ok(removed > 0)
    }

    /// Every session.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn sessions(&self) -> Result<Vec<SessionRecord>, Error> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached("SELECT * FROM sessions")?;
        Ok(statement.query_map([], session)?.collect::<Result<_, _>>()?)
    }

    /// Keeps a new session, and removes those whose time is over.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn add_session(&self, session: &SessionRecord) -> Result<(), Error> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        insert_session(&transaction, session)?;
        Ok(transaction.commit()?)
    }

    /// Notes that a session was seen. Answers whether there still is one.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn touch_session(&self, secret_hash: &SecretHash, now: Time) -> Result<bool, Error> {
        let update = "UPDATE sessions SET last_seen_at = ?2 WHERE secret_hash = ?1";
        Ok(self.lock().execute(update, params![secret_hash, now.ms()])? > 0)
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn remove_session(&self, secret_hash: &SecretHash) -> Result<(), Error> {
        self.lock().execute("DELETE FROM sessions WHERE secret_hash = ?1", [secret_hash])?;
        Ok(())
    }

    /// Ends every session.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn remove_sessions(&self) -> Result<(), Error> {
        self.lock().execute("DELETE FROM sessions", [])?;
        Ok(())
    }

    /// Keeps a new login link.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn add_login_link(&self, secret_hash: &SecretHash, now: Time, expires_at: Time) -> Result<(), Error> {
        let connection = self.lock();
        connection.execute("DELETE FROM login_links WHERE expires_at <= ?1", [now.ms()])?;
        connection.execute("INSERT INTO login_links VALUES (?1, ?2, NULL)", params![secret_hash, expires_at.ms()])?;
        Ok(())
    }

    /// Turns a login link into a session, once. Answers whether the link was good.
    ///
    /// # Errors
    /// The database cannot be written; the link is then as good as before.
    pub fn use_login_link(&self, secret_hash: &SecretHash, session: &SessionRecord) -> Result<bool, Error> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let take = "UPDATE login_links SET used_at = ?2 WHERE secret_hash = ?1 AND used_at IS NULL AND expires_at > ?2";
        let is_good = transaction.execute(take, params![secret_hash, session.created_at.ms()])? == 1;
        if is_good {
            insert_session(&transaction, session)?;
        }
        transaction.commit()?;
        Ok(is_good)
    }
}

fn insert_session(connection: &rusqlite::Connection, session: &SessionRecord) -> rusqlite::Result<()> {
    let SessionRecord { secret_hash, name, role, token_id, created_at, last_seen_at, expires_at } = session;
    connection.execute("DELETE FROM sessions WHERE expires_at <= ?1", [created_at.ms()])?;
    let values = params![secret_hash, name, role, token_id, created_at.ms(), last_seen_at.ms(), expires_at.ms()];
    connection.execute("INSERT INTO sessions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", values)?;
    Ok(())
}

fn token(row: &Row<'_>) -> rusqlite::Result<TokenRecord> {
    Ok(TokenRecord {
        id: row.get("id")?,
        name: row.get("name")?,
        role: row.get("role")?,
        secret_hash: row.get("secret_hash")?,
        created_at: Time(row.get("created_at")?),
        last_used_at: row.get::<_, Option<i64>>("last_used_at")?.map(Time),
    })
}

fn session(row: &Row<'_>) -> rusqlite::Result<SessionRecord> {
    Ok(SessionRecord {
        secret_hash: row.get("secret_hash")?,
        name: row.get("name")?,
        role: row.get("role")?,
        token_id: row.get("token_id")?,
        created_at: Time(row.get("created_at")?),
        last_seen_at: Time(row.get("last_seen_at")?),
        expires_at: Time(row.get("expires_at")?),
    })
}
