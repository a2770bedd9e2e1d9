//! Tokens, login links and sessions. What is known is in memory too, so that a request costs no look at the disk.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use app::model::Time;

use super::limit::Limiter;
use super::throttle::Throttle;
use super::{Error, LINK_KEPT, Principal, Role, SESSION_IDLE, SESSION_KEPT, Settings, Via, secret};
use crate::history::{AuditEntry, SecretHash, SessionRecord, State, TokenRecord, now};

/// How often it is written down that a token or session is in use. What another process revoked is noticed by then.
const TOUCH: Duration = Duration::from_secs(60);

/// Who may come in. Cheap to clone. What has to wait for the disk does so on a thread for that.
#[derive(Clone, Debug)]
pub struct Auth(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: State,
    settings: Settings,
    known: RwLock<Known>,
    limiter: Limiter,
    throttle: Throttle,
    /// Held by the one who looks for an unknown token on the disk, so that a flood of them takes one thread.
    looking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    tokens: HashMap<String, TokenRecord>,
    sessions: HashMap<SecretHash, SessionRecord>,
}

impl Known {
    fn forget_token(&mut self, id: &String) {
        self.tokens.remove(id);
        self.sessions.retain(|_, session| session.token_id.as_ref() != Some(id));
    }
}

impl Auth {
    /// Reads who is known. May wait for the disk.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn new(state: State, settings: Settings) -> Result<Self, Error> {
        let tokens = state.tokens()?.into_iter().map(|token| (token.id.clone(), token)).collect();
        let sessions = state.sessions()?.into_iter().map(|session| (session.secret_hash, session)).collect();
        let known = RwLock::new(Known { tokens, sessions });
        let (limiter, throttle) = (Limiter::new(settings.control_rate), Throttle::new(Instant::now()));
        Ok(Self(Arc::new(Inner { state, settings, known, limiter, throttle, looking: tokio::sync::Mutex::default() })))
    }

    /// What was set.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Makes a token. It is told here and never again.
    ///
    /// # Errors
    /// The state cannot be written.
    pub async fn create_token(&self, name: &str, role: Role) -> Result<String, Error> {
        let (id, token) = secret::new_token()?;
        let (secret_hash, role) = (secret::hash(&token), role.word().to_owned());
        let record = TokenRecord { id, name: name.to_owned(), role, secret_hash, created_at: now(), last_used_at: None };
        let kept = record.clone();
        self.disk(move |state| state.add_token(&kept)).await?;
        self.write().tokens.insert(record.id.clone(), record);
        Ok(token)
    }

    /// Whose token this is; none if it is nobody's.
    pub async fn token(&self, token: &str) -> Option<Principal> {
        let id = secret::id_of(token)?;
        let known = self.read().tokens.get(id).cloned();
        let record = match known {
            Some(record) => record,
            // The command line may have made it while this runs.
            None => self.find_token(id).await?,
        };
        if !secret::same(&record.secret_hash, &secret::hash(token)) {
            return None;
        }
        let at = now();
        if record.last_used_at.is_none_or(|last| is_past(last, TOUCH, at)) {
            self.touch_token(record.id.clone(), at);
        }
        Some(Principal { role: Role::from_word(&record.role)?, name: record.name.into(), via: Via::Token(record.id.into()) })
    }

    async fn find_token(&self, id: &str) -> Option<TokenRecord> {
        let wanted = id.to_owned();
        let _alone = self.0.looking.lock().await;
        let found = self.disk(move |state| state.token(&wanted)).await;
        let record = found.inspect_err(|error| tracing::error!("failed to {error}")).ok()??;
        self.write().tokens.insert(record.id.clone(), record.clone());
        Some(record)
    }

    fn touch_token(&self, id: String, at: Time) {
        if let Some(record) = self.write().tokens.get_mut(&id) {
            record.last_used_at = Some(at);
        }
        self.note(move |auth| {
            if !auth.0.state.touch_token(&id, at)? {
                auth.write().forget_token(&id);
            }
            Ok(())
        });
    }

    /// Every token, with the hash of its secret.
    ///
    /// # Errors
    /// The state cannot be read.
    pub async fn tokens(&self) -> Result<Vec<TokenRecord>, Error> {
        self.disk(State::tokens).await
    }

    /// Takes back every token with this id or name, and ends the sessions that began with it. Answers how many there were.
    ///
    /// # Errors
    /// The state cannot be read or written.
    pub async fn revoke_token(&self, id_or_name: &str) -> Result<usize, Error> {
        let ids: Vec<_> = self.tokens().await?.into_iter().filter(|one| one.id == id_or_name || one.name == id_or_name).collect();
        for TokenRecord { id, .. } in &ids {
            let gone = id.clone();
            self.disk(move |state| state.remove_token(&gone)).await?;
            self.write().forget_token(id);
        }
        Ok(ids.len())
    }

    /// Makes the secret of a login link: an admin's, good once, for 15 minutes.
    ///
    /// # Errors
    /// The state cannot be written.
    pub async fn create_login_link(&self) -> Result<String, Error> {
        let link = secret::new_secret()?;
        let (hash, at) = (secret::hash(&link), now());
        self.disk(move |state| state.add_login_link(&hash, at, later(at, LINK_KEPT))).await?;
        Ok(link)
    }

    /// Turns a login link into a session, and answers its secret for the cookie; none if the link is not good any more.
    ///
    /// # Errors
    /// The state cannot be written; the link is then as good as before.
    pub async fn use_login_link(&self, link: &str) -> Result<Option<String>, Error> {
        tokio::time::sleep(self.0.throttle.wait(Instant::now())).await;
        let (hash, cookie) = (secret::hash(link), secret::new_secret()?);
        let session = new_session(&cookie, "admin", Role::Admin, None);
        let kept = session.clone();
        let is_good = self.disk(move |state| state.use_login_link(&hash, &kept)).await?;
        Ok(self.admit(is_good.then_some(session), cookie))
    }

    /// Logs in with a token, as a person does who was given one; none if it is nobody's.
    ///
    /// # Errors
    /// The state cannot be written.
    pub async fn log_in(&self, token: &str) -> Result<Option<String>, Error> {
        tokio::time::sleep(self.0.throttle.wait(Instant::now())).await;
        let cookie = secret::new_secret()?;
        let Some(Principal { name, role, via: Via::Token(id) }) = self.token(token.trim()).await else {
            return Ok(self.admit(None, cookie));
        };
        let session = new_session(&cookie, &name, role, Some(id.to_string()));
        let kept = session.clone();
        self.disk(move |state| state.add_session(&kept)).await?;
        Ok(self.admit(Some(session), cookie))
    }

    fn admit(&self, session: Option<SessionRecord>, cookie: String) -> Option<String> {
        let Some(session) = session else {
            self.0.throttle.failed(Instant::now());
            return None;
        };
        let at = session.created_at;
        let mut known = self.write();
        known.sessions.retain(|_, session| is_good(session, at));
        known.sessions.insert(session.secret_hash, session);
        Some(cookie)
    }

    /// Whose session this is, by the secret in its cookie; none if it is nobody's or over.
    #[must_use]
    pub fn session(&self, cookie: &str) -> Option<Principal> {
        self.session_at(&secret::hash(cookie), now())
    }

    fn session_at(&self, hash: &SecretHash, at: Time) -> Option<Principal> {
        let session = self.read().sessions.get(hash).filter(|session| is_good(session, at)).cloned()?;
        if is_past(session.last_seen_at, TOUCH, at) {
            if let Some(session) = self.write().sessions.get_mut(hash) {
                session.last_seen_at = at;
            }
            let hash = *hash;
            self.note(move |auth| {
                if !auth.0.state.touch_session(&hash, at)? {
                    auth.write().sessions.remove(&hash);
                }
                Ok(())
            });
        }
        Some(Principal { role: Role::from_word(&session.role)?, name: session.name.into(), via: Via::Session(*hash) })
    }

    /// May this one still come in? To be asked now and then by what lasts, such as a stream.
    #[must_use]
    pub fn is_current(&self, principal: &Principal) -> bool {
        match &principal.via {
            Via::Token(id) => self.read().tokens.get(&**id).is_some_and(|token| token.role == principal.role.word()),
            Via::Session(hash) => self.session_at(hash, now()).is_some_and(|found| found.role == principal.role),
            Via::Socket => true,
        }
    }

    /// Ends a session, by the secret in its cookie.
    ///
    /// # Errors
    /// The state cannot be written; the session is over until the next start at least.
    pub async fn end_session(&self, cookie: &str) -> Result<(), Error> {
        let hash = secret::hash(cookie);
        self.write().sessions.remove(&hash);
        self.disk(move |state| state.remove_session(&hash)).await
    }

    /// Ends every session.
    ///
    /// # Errors
    /// The state cannot be written; the sessions are over until the next start at least.
    pub async fn end_all(&self) -> Result<(), Error> {
        self.write().sessions.clear();
        self.disk(State::remove_sessions).await
    }

    /// May this one control this component now, or was it too often? `Err` is how many seconds to wait, at least 1.
    ///
    /// # Errors
    /// It was too often.
    pub fn limit(&self, principal: &Principal, component: &str) -> Result<(), u64> {
        let wait = self.0.limiter.take(&principal.name, component, Instant::now());
        wait.map_err(|wait| wait.as_secs_f64().ceil().max(1.0) as u64)
    }

    /// Writes down who did what, and what became of it. A failure is logged: what was done is done.
    pub async fn audit(&self, actor: &str, action: &str, object: &str, result: &str) {
        let entry =
            AuditEntry { time: now(), actor: actor.into(), action: action.into(), object: object.into(), result: result.into() };
        if let Err(error) = self.disk(move |state| state.audit(&entry)).await {
            tracing::error!(actor, action, object, "the audit log has a gap: failed to {error}");
        }
    }

    /// Does something with the state on a thread that may wait.
    async fn disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&State) -> Result<T, crate::history::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let state = self.0.state.clone();
        Ok(tokio::task::spawn_blocking(move || work(&state)).await.map_err(|_| Error::Ending)??)
    }

    /// Does something with the state soon. It is no loss if it fails.
    fn note(&self, work: impl FnOnce(&Self) -> Result<(), crate::history::Error> + Send + 'static) {
        let auth = self.clone();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn_blocking(move || work(&auth).inspect_err(|error| tracing::warn!("failed to {error}")));
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn new_session(cookie: &str, name: &str, role: Role, token_id: Option<String>) -> SessionRecord {
    let at = now();
    SessionRecord {
        secret_hash: secret::hash(cookie),
        name: name.to_owned(),
        role: role.word().to_owned(),
        token_id,
        created_at: at,
        last_seen_at: at,
        expires_at: later(at, SESSION_KEPT),
    }
}

fn is_good(session: &SessionRecord, at: Time) -> bool {
    at < session.expires_at && !is_past(session.last_seen_at, SESSION_IDLE, at)
}

/// Is it at least so long ago?
fn is_past(time: Time, age: Duration, at: Time) -> bool {
    Duration::from_millis(at.since(time)) >= age
}

fn later(time: Time, by: Duration) -> Time {
    time + i64::try_from(by.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
