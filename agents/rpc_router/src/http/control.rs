//! The control socket: for whoever may open its file.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt, chown},
        net::UnixStream,
    },
    path::Path,
    sync::Arc,
};

use skep_agent::AgentError;
use tokio::{net::UnixListener, sync::Semaphore};

use super::{
    App, Way, router,
    serve::{CONNECTIONS_MAX, serve},
};

/// The group that may use the socket, where the host has it.
const GROUP: &str = "skep";

/// Longest path of a socket on Linux, in bytes (`sun_path` without its final zero).
const PATH_BYTES_MAX: usize = 107;

/// Opens the socket and serves it beside the agent.
pub(super) fn open(app: &App) -> Result<(), AgentError> {
    let path = app.door.control_socket();
    if is_served(&path) {
        tracing::info!(path = %path.display(), "another agent of this node has the control socket");
        return Ok(());
    }
    let listener = bind(&path).map_err(|error| {
        let step = format!(
            "open the control socket {} ({})",
            path.display(),
            cure(&path, &error)
        );
        AgentError::outside(step, error)
    })?;
    app.ctx.spawn(accept(listener, app.clone()));
    Ok(())
}

fn cure(path: &Path, error: &io::Error) -> String {
    if path.as_os_str().len() > PATH_BYTES_MAX {
        return format!("its path is longer than {PATH_BYTES_MAX} bytes: choose a shorter --home");
    }
    match error.kind() {
        io::ErrorKind::PermissionDenied => "run as the owner of the home".to_owned(),
        io::ErrorKind::NotFound => "its folder is missing: choose another --home".to_owned(),
        _ => "is the disk full or read-only?".to_owned(),
    }
}

fn is_served(path: &Path) -> bool {
    UnixStream::connect(path).is_ok()
}

/// Binds beside the final name and moves it there when its mode is right: nobody else gets in
/// between, and a socket that an earlier life left behind is replaced.
fn bind(path: &Path) -> io::Result<UnixListener> {
    let is_other = |meta: fs::Metadata| !meta.file_type().is_socket();
    if fs::symlink_metadata(path).is_ok_and(is_other) {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "a file that is no socket",
        ));
    }
    if path.as_os_str().len() > PATH_BYTES_MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the path is too long",
        ));
    }
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&beside)?;
    let is_shared = group_id().is_some_and(|id| chown(&beside, None, Some(id)).is_ok());
    let mode = if is_shared { 0o660 } else { 0o600 };
    fs::set_permissions(&beside, Permissions::from_mode(mode))?;
    fs::rename(&beside, path)?;
    Ok(listener)
}

fn group_id() -> Option<u32> {
    parse_group(&fs::read_to_string("/etc/group").ok()?)
}

fn parse_group(groups: &str) -> Option<u32> {
    let mut rows = groups
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let row = rows.find(|fields| fields.first() == Some(&GROUP))?;
    row.get(2)?.parse().ok()
}

async fn accept(listener: UnixListener, app: App) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let router = router(app.clone());
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => app
                .ctx
                .spawn(serve(stream, router.clone(), Way::Control, permit)),
            Err(error) => {
                tracing::warn!(%error, "the control socket accepts nothing now");
                tokio::time::sleep(super::people::RETRY_INTERVAL).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_found_by_its_whole_name() {
        let groups = "root:x:0:\nskeptics:x:7:\nskep:x:991:ann\n";
        assert_eq!(parse_group(groups), Some(991));
        assert_eq!(parse_group("root:x:0:\n"), None);
        assert_eq!(parse_group("skep:x\n"), None);
    }

    #[tokio::test]
    async fn a_socket_left_behind_is_replaced_and_another_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        drop(bind(&path).unwrap());
        assert!(!is_served(&path));
        let listener = bind(&path).unwrap();
        assert!(is_served(&path));
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert!([0o600, 0o660].contains(&mode), "{mode:o}");
        drop(listener);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "mine").unwrap();
        assert!(bind(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }

    #[test]
    fn a_path_too_long_for_a_socket_says_its_cure() {
        let path = Path::new("/").join("x".repeat(120));
        let error = bind(&path).unwrap_err();
        assert!(cure(&path, &error).contains("shorter --home"));
    }
}
