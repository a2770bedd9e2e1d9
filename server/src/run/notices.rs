//! What happens before there is an engine to tell it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::Engine;
use crate::history::Notify;

/// Sentences about databases and logs, kept until the engine can tell them as events.
#[derive(Clone, Default)]
pub(super) struct Notices(Arc<Mutex<(Vec<String>, Option<Engine>)>>);

impl Notices {
    pub(super) fn notify(&self) -> Notify {
        let this = self.clone();
        Arc::new(move |notice| {
            let mut inner = this.0.lock().unwrap_or_else(PoisonError::into_inner);
            match inner.1.clone() {
                Some(engine) => {
                    drop(inner);
                    engine.node_event(&notice);
                }
                None => inner.0.push(notice),
            }
        })
    }

    pub(super) fn deliver_to(&self, engine: Engine) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for notice in inner.0.drain(..) {
            engine.node_event(&notice);
        }
        inner.1 = Some(engine);
    }
}
