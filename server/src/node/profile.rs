//! Profiles of Node apps: which process is meant, and where they go.

use std::fs::File;
use std::io::{self, Read};

use app::model::{ProfileFile, ProfileOrder, State};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, try_unfold};

use super::{LocalNode, blocking, failed};
use crate::control::Refusal;
use crate::process;

/// So much of a file is read at once.
const PIECE: usize = 256 << 10;

impl LocalNode {
    /// Takes a profile of an instance of an app; of the first that runs, if none is named.
    pub(super) async fn take_profile(&self, name: &str, order: ProfileOrder) -> Result<ProfileFile, Refusal> {
        let found = self.board.look(name, |app| {
            let runs = |one: &&app::model::Instance| one.state == State::Online && one.pid.is_some();
            app.instances.iter().filter(runs).find(|one| order.index.is_none_or(|index| one.index == index)).cloned()
        });
        let running = found.ok_or_else(|| Refusal::NotFound(name.into()))?;
        let meant = order.index.map_or_else(|| name.to_owned(), |index| format!("{name}:{index}"));
        let Some((index, pid)) = running.and_then(|one| Some((one.index, one.pid?))) else {
            return Err(Refusal::Conflict(format!(
                "No profile can be taken of {meant}, because it does not run; start it first"
            )));
        };
        // It answers nobody meanwhile and needs more memory, which is no reason to restart it.
        let _spared = self.healer.spare(name);
        let (profiles, owned) = (self.profiles.clone(), name.to_owned());
        let no_file = |error: io::Error| failed("The profile could not be written", &error);
        let (unfinished, file) =
            blocking(move || profiles.begin(&owned, index, order.kind, process::wall_clock()).map_err(no_file)).await?;
        let taken = self.inside.profile(pid, order.kind, order.seconds, file, unfinished.most).await;
        taken.map_err(|why| Refusal::Failed(format!("No profile was taken of {meant}: {why}")))?;
        blocking(move || unfinished.finish().map_err(no_file)).await
    }
}

/// A file in pieces, so that one of gigabytes takes little memory.
pub(super) fn pieces(file: File) -> BoxStream<'static, io::Result<Bytes>> {
    let read = |mut file: File| async move {
        let piece = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; PIECE];
            let count = file.read(&mut bytes)?;
            bytes.truncate(count);
            Ok::<_, io::Error>((count > 0).then(|| (Bytes::from(bytes), file)))
        });
        piece.await.map_err(io::Error::other)?
    };
    try_unfold(file, read).boxed()
}
