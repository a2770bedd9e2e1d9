//! The socket in the home folder.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

/// Listens at this path, in place of a socket that a former process left. The caller holds the lock of the home, so that
/// the former one is known to be gone. Who may use it is decided by the user id of the peer; the mode 0600 keeps others
/// from trying.
///
/// # Errors
/// Something else lies at the path, it is longer than the 107 bytes that the kernel takes, or the folder cannot be written.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    // Between the two lines the mode of the folder, 0700, is what keeps others out.
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_former_socket_is_replaced_and_nobody_else_may() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        drop(listen(&path).unwrap());
        let _again = listen(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_folder_in_the_way_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(listen(folder.path()).is_err());
    }
}
