//! What apps inherited from the shells that handed them in: the largest part of most definitions, and mostly the same.

use std::sync::{Mutex, PoisonError, Weak};

use app::model::{AppSpec, EnvBlock};

/// The environments that are in use, each of them once.
#[derive(Debug, Default)]
pub(super) struct Environments(Mutex<Vec<Weak<EnvBlock>>>);

impl Environments {
    /// Has a definition share its environment with one that inherited the same.
    pub(super) fn share(&self, spec: &mut AppSpec) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|one| one.strong_count() > 0);
        match known.iter().filter_map(Weak::upgrade).find(|one| *one == spec.inherited_env) {
            Some(one) => spec.inherited_env = one,
            None => known.push(std::sync::Arc::downgrade(&spec.inherited_env)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_same_is_kept_once_and_what_nobody_has_is_forgotten() {
        let environments = Environments::default();
        let spec = |home: &str| {
            let inherited_env = EnvBlock::from([("HOME".to_owned(), home.to_owned())]).into();
            let mut spec = AppSpec { inherited_env, ..AppSpec::default() };
            environments.share(&mut spec);
            spec
        };
        let (first, same, other) = (spec("/a"), spec("/a"), spec("/b"));
        assert!(Arc::ptr_eq(&first.inherited_env, &same.inherited_env));
        assert_eq!(other.inherited_env["HOME"], "/b");
        drop((first, same));
        let again = spec("/a");
        assert_eq!(Arc::strong_count(&again.inherited_env), 1);
        assert_eq!(environments.0.lock().unwrap().len(), 2);
    }
}
