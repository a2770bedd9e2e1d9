//! Profiles: what was taken, and taking one.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::api::{get, post};
use crate::model::{ProfileFile, ProfileKind, ProfileList, ProfileOrder};
use crate::page::ProfileView;
use crate::route::encode;

/// Asks for those of an app, once the page is there.
pub(crate) fn list_profiles(name: String, state: RwSignal<ProfileView>) {
    Effect::new(move || {
        let path = ["/api/profiles?app=", &encode(&name)].concat();
        spawn_local(async move {
            if let Ok(ProfileList { profiles }) = get(&path).await {
                state.try_update(|state| state.files = profiles);
            }
        });
    });
}

/// Takes one. The page may be left meanwhile; the file is there all the same.
pub(crate) fn take_profile(name: String, kind: ProfileKind, state: RwSignal<ProfileView>) {
    state.update(|state| (state.taking, state.error) = (Some(kind), None));
    spawn_local(async move {
        let order = ProfileOrder { kind, index: None, seconds: ProfileOrder::usual_seconds() };
        let path = ["/api/apps/", &encode(&name), "/profile"].concat();
        let taken: Result<ProfileFile, String> = post(&path, &order).await;
        state.try_update(|state| {
            state.taking = None;
            match taken {
                Ok(file) => state.files.insert(0, file),
                Err(error) => state.error = Some(error),
            }
        });
    });
}
