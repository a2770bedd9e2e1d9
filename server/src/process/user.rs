//! Users and groups by name or number.

use std::ffi::CString;

use thiserror::Error;

/// Whom a process runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Home folder, where the user has one.
    pub home: Option<String>,
    /// Name of the user, where it has one.
    pub name: Option<String>,
}

/// Why nobody could be found.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UserError {
    /// No such user.
    #[error("there is no user {0} on this host; mend `uid`, or add the user")]
    NoUser(String),
    /// No such group.
    #[error("there is no group {0} on this host; mend `gid`, or add the group")]
    NoGroup(String),
}

impl Identity {
    /// Looks up a user and, where told, another group than its own (getpwnam(3), getgrouplist(3)).
    ///
    /// # Errors
    /// One of them does not exist.
    pub fn find(user: Option<&str>, group: Option<&str>) -> Result<Option<Self>, UserError> {
        let mut identity = match user {
            Some(user) => passwd(user).ok_or_else(|| UserError::NoUser(user.into()))?,
            None if group.is_none() => return Ok(None),
            None => Self {
                uid: rustix::process::getuid().as_raw(),
                gid: rustix::process::getgid().as_raw(),
                groups: Vec::new(),
                home: None,
                name: None,
            },
        };
        if let Some(group) = group {
            identity.gid = gid(group).ok_or_else(|| UserError::NoGroup(group.into()))?;
        }
        if let Some(name) = &identity.name {
            identity.groups = groups(name, identity.gid);
        }
        Ok(Some(identity))
    }
}

fn passwd(user: &str) -> Option<Identity> {
    let name = CString::new(user).ok()?;
    let mut buffer = vec![0_u8; 16 * 1024];
    #[expect(unsafe_code, reason = "the user database is read through the C library, so that NSS and LDAP work")]
    // SAFETY: every pointer is valid for the call, and the strings of the entry are copied before `buffer` goes.
    let found = unsafe {
        let mut entry: libc::passwd = std::mem::zeroed();
        let mut result = std::ptr::null_mut();
        let (start, size) = (buffer.as_mut_ptr().cast(), buffer.len());
        match user.parse::<u32>() {
            Ok(uid) => libc::getpwuid_r(uid, &raw mut entry, start, size, &raw mut result),
            Err(_) => libc::getpwnam_r(name.as_ptr(), &raw mut entry, start, size, &raw mut result),
        };
        (!result.is_null()).then(|| {
            let text = |at: *const libc::c_char| std::ffi::CStr::from_ptr(at).to_string_lossy().into_owned();
            (entry.pw_uid, entry.pw_gid, text(entry.pw_dir), text(entry.pw_name))
        })
    };
    match (found, user.parse::<u32>()) {
        (Some((uid, gid, home, name)), _) => Some(Identity { uid, gid, groups: Vec::new(), home: Some(home), name: Some(name) }),
        (None, Ok(uid)) => Some(Identity { uid, gid: uid, groups: Vec::new(), home: None, name: None }),
        (None, Err(_)) => None,
    }
}

fn gid(group: &str) -> Option<u32> {
    if let Ok(gid) = group.parse() {
        return Some(gid);
    }
    let name = CString::new(group).ok()?;
    let mut buffer = vec![0_u8; 16 * 1024];
    #[expect(unsafe_code, reason = "the group database is read through the C library, so that NSS and LDAP work")]
    // SAFETY: every pointer is valid for the call; only a number is taken from the entry.
    unsafe {
        let mut entry: libc::group = std::mem::zeroed();
        let mut result = std::ptr::null_mut();
        libc::getgrnam_r(name.as_ptr(), &raw mut entry, buffer.as_mut_ptr().cast(), buffer.len(), &raw mut result);
        (!result.is_null()).then_some(entry.gr_gid)
    }
}

fn groups(user: &str, gid: u32) -> Vec<u32> {
    let Ok(name) = CString::new(user) else { return Vec::new() };
    let mut found = vec![0_u32; 256];
    let mut count = 256;
    #[expect(unsafe_code, reason = "the group database is read through the C library, so that NSS and LDAP work")]
    // SAFETY: `found` has room for `count` ids, and the library writes at most so many.
    let done = unsafe { libc::getgrouplist(name.as_ptr(), gid, found.as_mut_ptr(), &raw mut count) };
    found.truncate(if done < 0 { 0 } else { usize::try_from(count).unwrap_or(0) });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_nobody_at_all() {
        let root = Identity::find(Some("root"), None).unwrap().unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert!(root.groups.contains(&0));
        assert_eq!(Identity::find(None, None), Ok(None));
        assert_eq!(Identity::find(Some("no-such-user"), None), Err(UserError::NoUser("no-such-user".into())));
        assert_eq!(Identity::find(Some("0"), Some("no-such-group")), Err(UserError::NoGroup("no-such-group".into())));
        assert_eq!(Identity::find(Some("4242424"), Some("7")).unwrap().unwrap().gid, 7);
    }
}
