//! From a path to a store that can be believed: made whole or not at all, looked through before it
//! is used, never replaced.

use std::{
    any::Any,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::OpenOptionsExt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use redb::{
    Builder, Database, ReadableDatabase, StorageBackend, TableError, backends::FileBackend,
};

use super::{OpenError, Table};

/// Bytes of the file that are kept in memory.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

/// How this program lays out its tables. A later layout that this one would misread has a higher
/// number.
const FORMAT: u32 = 1;

/// Where the number stands, in `Meta`.
const FORMAT_KEY: &[u8] = b"store_format";

pub(super) fn open(path: &Path) -> Result<Database, OpenError> {
    let io = |source| OpenError::Io {
        path: path.to_owned(),
        source,
    };
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => make(path)?,
        Err(error) => return Err(io(error)),
        // A new one is never seen before it is whole: this was one, and was cut off.
        Ok(file) if file.len() == 0 => return Err(damaged(path, "the file is empty")),
        Ok(_) => {}
    }
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).open(path).map_err(io)?;
    existing(path, backend(path, file)?)
}

/// Opens what is there, whatever it stands on.
pub(super) fn existing(path: &Path, disk: impl StorageBackend) -> Result<Database, OpenError> {
    let (database, found) = look(path, || {
        let database = builder().create_with_backend(disk)?;
        let found = find(&database)?;
        Ok((database, found))
    })?;
    match found {
        Found::Whole => Ok(database),
        Found::Newer(format) => Err(OpenError::Newer {
            path: path.to_owned(),
            format,
            known: FORMAT,
        }),
        Found::Older => look(path, || {
            set_up(&database)?;
            Ok(database)
        }),
    }
}

/// Makes an empty store on an empty disk.
pub(super) fn fresh(path: &Path, disk: impl StorageBackend) -> Result<Database, OpenError> {
    look(path, || {
        let database = builder().create_with_backend(disk)?;
        set_up(&database)?;
        Ok(database)
    })
}

/// Makes it beside its place and moves it there when it is on disk: whoever is killed meanwhile
/// leaves nothing that could be taken for a store.
fn make(path: &Path) -> Result<(), OpenError> {
    let io = |source| OpenError::Io {
        path: path.to_owned(),
        source,
    };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let beside = path.with_file_name(name);
    let gone = || match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    // Of a start that was killed, under the same number.
    gone().map_err(io)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    let file = options.open(&beside);
    let made = backend(path, file.map_err(io)?).and_then(|disk| fresh(path, disk).map(drop));
    let placed = made.and_then(|()| place(&beside, path).map_err(io));
    if let Err(error) = gone() {
        tracing::warn!(path = %beside.display(), %error, "could not be removed");
    }
    placed
}

/// Puts it in its place, unless another node was faster: that one's store stays.
fn place(beside: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(beside, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        // Not every file system knows links.
        Err(_) => fs::rename(beside, path),
        Ok(()) => Ok(()),
    }?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Moves the file out of the way, beside it and under `stamp`; the next start makes an empty store.
/// Returns where it is.
///
/// # Errors
/// A node runs on it, or the disk refuses. Nothing was changed then.
pub fn set_aside(path: &Path, stamp: &str) -> Result<PathBuf, OpenError> {
    let io = |source| OpenError::Io {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let path = path.to_owned();
            return Err(OpenError::InUse { path });
        }
        Err(fs::TryLockError::Error(error)) => return Err(io(error)),
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".aside-{stamp}"));
    let aside = path.with_file_name(name);
    // A link does not overwrite what was set aside before.
    fs::hard_link(path, &aside)
        .and_then(|()| fs::remove_file(path))
        .map_err(io)?;
    Ok(aside)
}

fn backend(path: &Path, file: File) -> Result<FileBackend, OpenError> {
    FileBackend::new(file).map_err(|error| open_error(path, error.into()))
}

fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    // Every page is read and its checksum compared, also after an orderly end: an agent must not
    // find out later what the disk did meanwhile.
    builder.set_check_integrity_on_open(true);
    builder
}

/// What a file that is not damaged can be.
enum Found {
    Whole,
    /// Written before its format had a number, or before this version had all of its tables.
    Older,
    Newer(u32),
}

fn find(database: &Database) -> Result<Found, redb::Error> {
    let transaction = database.begin_read()?;
    let mut format = None;
    for table in Table::ALL {
        let opened = match transaction.open_table(table.definition()) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(Found::Older),
            opened => opened?,
        };
        if table == Table::Meta {
            let value = opened.get(FORMAT_KEY)?;
            let read = |bytes: &[u8]| bytes.try_into().map_or(u32::MAX, u32::from_be_bytes);
            format = value.map(|value| read(value.value()));
        }
    }
    Ok(match format {
        None => Found::Older,
        Some(FORMAT) => Found::Whole,
        Some(format) => Found::Newer(format),
    })
}

fn set_up(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    for table in Table::ALL {
        transaction.open_table(table.definition())?;
    }
    let format = FORMAT.to_be_bytes();
    let mut meta = transaction.open_table(Table::Meta.definition())?;
    meta.insert(FORMAT_KEY, format.as_slice())?;
    drop(meta);
    transaction.commit()?;
    Ok(())
}

/// Some damage makes the engine panic before it can tell; to a person that is the same.
fn look<T>(path: &Path, work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, OpenError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| open_error(path, error)),
        Err(panic) => Err(damaged(path, &said(panic.as_ref()))),
    }
}

/// What a panic said.
pub(super) fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("the engine panicked").to_owned()
}

fn damaged(path: &Path, found: &str) -> OpenError {
    OpenError::Damaged {
        path: path.to_owned(),
        source: found.into(),
    }
}

fn open_error(path: &Path, error: redb::Error) -> OpenError {
    let path = path.to_owned();
    match error {
        redb::Error::DatabaseAlreadyOpen => OpenError::InUse { path },
        redb::Error::Io(source)
            if !matches!(
                source.kind(),
                ErrorKind::InvalidData | ErrorKind::UnexpectedEof
            ) =>
        {
            OpenError::Io { path, source }
        }
        source => OpenError::Damaged {
            path,
            source: Box::new(source),
        },
    }
}
