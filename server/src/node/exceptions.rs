//! Exceptions that apps lived through, as events.

use std::sync::Arc;

use app::model::{Cause, Event, EventKind};

use crate::engine::Board;
use crate::inside::Caught;
use crate::process;

/// Tells each exception that comes with a process id, as long as some may come. Processes that are of no app are passed over.
pub async fn tell_exceptions(board: Arc<Board>, mut caught: Caught) {
    while let Some((pid, exception)) = caught.recv().await {
        let apps = board.apps();
        let instances = apps.iter().flat_map(|app| app.instances.iter().map(move |one| (app, one)));
        for (app, one) in instances.filter(|(_, one)| one.pid == Some(pid)) {
            let message = format!("went on after an exception that nobody caught: {}", exception.brief());
            let mut event = Event::new(process::wall_clock(), EventKind::Exception, Cause::Unknown, message);
            (event.app, event.index, event.pid) = (Some(app.name.clone()), Some(one.index), Some(pid));
            event.last_lines = exception.text.lines().map(str::to_owned).collect();
            board.tell(event);
        }
    }
}
