//! Opening log files safely, and reading them whether packed or not.

use std::fs::File;
use std::fs::Metadata;
use std::fs::OpenOptions;
use std::io;
use std::io::BufReader;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

use flate2::read::MultiGzDecoder;

use super::identity::FileId;
use super::identity::PRINT_BYTES_MAX;
use super::identity::Print;
use crate::host;
use crate::problem::Problem;
use crate::problem::ProblemKind;

/// A packed file is read up to this many unpacked bytes: a small file may unpack to a huge one.
pub const UNPACKED_BYTES_MAX: u64 = 64 * 1024 * 1024 * 1024;

/// `O_NONBLOCK` on Linux: opening a pipe that nobody writes to must not wait.
const O_NONBLOCK: i32 = 0o4000;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What to do about files packed in another way. Only gzip is read: it is what logrotate packs
/// with unless it is told otherwise, and needs no decoder written in C.
pub(super) const REPACK_CURE: &str =
    "unpack it, or set `compresscmd /usr/bin/gzip` in logrotate's configuration";

const REFORMAT_CURE: &str = "journals are read through journalctl: leave `paths` out";

/// The first bytes of files that hold no lines, what each is, and the cure.
const STRANGERS: &[(&[u8], &str, &str)] = &[
    (
        b"\xfd7zXZ\0",
        "is packed by xz, which is not read",
        REPACK_CURE,
    ),
    (
        b"\x28\xb5\x2f\xfd",
        "is packed by zstd, which is not read",
        REPACK_CURE,
    ),
    (b"BZh", "is packed by bzip2, which is not read", REPACK_CURE),
    (
        b"\x04\x22\x4d\x18",
        "is packed by lz4, which is not read",
        REPACK_CURE,
    ),
    (b"LPKSHHRH", "is a file of a systemd journal", REFORMAT_CURE),
];

/// The longest of their beginnings.
const MAGIC_BYTES_MAX: usize = 8;

/// An open file, as it was when it was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) path: PathBuf,
    pub(super) id: FileId,
    /// Its size on disk; what is appended later belongs to the next read.
    pub(super) size: u64,
    pub(super) modified_unix_s: i64,
    pub(super) packed: bool,
    pub(super) head: Print,
    /// The bytes of `head`: all of them, where there are fewer than `PRINT_BYTES_MAX`.
    pub(super) start: Vec<u8>,
    file: File,
}

impl Opened {
    /// Opens a regular file, or says why not.
    pub(super) fn open(path: &Path) -> Result<Self, Problem> {
        let failed = |error: io::Error| problem_of(path, &error);
        // Asked before opening too: opening a device can already have an effect.
        refuse_others(&std::fs::metadata(path).map_err(failed)?, path)?;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(O_NONBLOCK)
            .open(path)
            .map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        refuse_others(&metadata, path)?;
        let mut magic = [0; MAGIC_BYTES_MAX];
        let length = file.read_at(&mut magic, 0).map_err(failed)?;
        let magic = &magic[..length];
        refuse_strangers(magic, path)?;
        let packed = metadata.len() > 2 && magic.starts_with(&GZIP_MAGIC);
        let mut opened = Self {
            path: path.to_path_buf(),
            id: FileId::of(&metadata),
            size: metadata.len(),
            modified_unix_s: metadata.mtime(),
            packed,
            head: Print::default(),
            start: Vec::new(),
            file,
        };
        opened.start = opened.read_start().map_err(failed)?;
        opened.head = Print::of(&opened.start);
        Ok(opened)
    }

    /// A packed file that is damaged at its very start has none: it is told when it is read.
    fn read_start(&mut self) -> io::Result<Vec<u8>> {
        let packed = self.packed;
        let mut start = Vec::new();
        match self
            .from(0)
            .and_then(|reader| reader.take(PRINT_BYTES_MAX).read_to_end(&mut start))
        {
            Ok(_) => Ok(start),
            Err(_) if packed => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// The unpacked bytes from `offset` to the end it had when it was opened.
    pub(super) fn from(&mut self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        if self.packed {
            self.file.seek(SeekFrom::Start(0))?;
            let packed = BufReader::with_capacity(64 * 1024, (&self.file).take(self.size));
            let mut plain = MultiGzDecoder::new(packed).take(UNPACKED_BYTES_MAX);
            io::copy(&mut (&mut plain).take(offset), &mut io::sink())?;
            return Ok(Box::new(plain));
        }
        self.file.seek(SeekFrom::Start(offset))?;
        Ok(Box::new(
            (&self.file).take(self.size.saturating_sub(offset)),
        ))
    }

    /// The fingerprint of the bytes just before `offset`; empty for a packed file, which does not
    /// grow.
    pub(super) fn print_before(&self, offset: u64) -> io::Result<Print> {
        if self.packed {
            return Ok(Print::default());
        }
        let len = offset.min(PRINT_BYTES_MAX);
        Print::at(&self.file, offset - len, len)
    }

    /// Whether this file's first `print.len` bytes have that fingerprint.
    pub(super) fn starts_with(&self, print: Print) -> bool {
        let len = usize::try_from(print.len).unwrap_or(usize::MAX);
        self.start
            .get(..len)
            .is_some_and(|start| Print::of(start) == print)
    }
}

fn refuse_strangers(magic: &[u8], path: &Path) -> Result<(), Problem> {
    let stranger = STRANGERS
        .iter()
        .find(|(start, ..)| magic.starts_with(start));
    let Some((_, detail, cure)) = stranger else {
        return Ok(());
    };
    let subject = path.display().to_string();
    Err(Problem::new(subject, ProblemKind::Unsupported, (*detail).to_owned()).with_cure(*cure))
}

fn refuse_others(metadata: &Metadata, path: &Path) -> Result<(), Problem> {
    let kind = metadata.file_type();
    let (detail, cure) = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        ("is a directory", files_in(path))
    } else if kind.is_fifo() {
        ("is a pipe", String::new())
    } else if kind.is_socket() {
        ("is a socket", String::new())
    } else {
        ("is a device", String::new())
    };
    let cure = if cure.is_empty() {
        "name a regular file".to_owned()
    } else {
        cure
    };
    let subject = path.display().to_string();
    Err(Problem::new(subject, ProblemKind::NotAFile, detail.to_owned()).with_cure(cure))
}

/// Names a few of the files a directory holds, for whoever named the directory.
fn files_in(directory: &Path) -> String {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return String::new();
    };
    let mut names: Vec<String> = entries
        .take(1000)
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.path().display().to_string())
        .collect();
    names.sort();
    names.truncate(3);
    if names.is_empty() {
        String::new()
    } else {
        format!("name its files: {}", names.join(", "))
    }
}

fn problem_of(path: &Path, error: &io::Error) -> Problem {
    let subject = path.display().to_string();
    match error.kind() {
        io::ErrorKind::NotFound => {
            Problem::new(subject, ProblemKind::Absent, "no such file".to_owned())
        }
        io::ErrorKind::PermissionDenied => {
            let user = host::user_name();
            let detail = format!("user {user} may not read it");
            Problem::new(subject, ProblemKind::Unreadable, detail)
                .with_cure(host::cure_for_unreadable(path, &user))
        }
        _ => Problem::new(
            subject,
            ProblemKind::Failed,
            format!("can not be opened: {error}"),
        )
        .with_cure("`ls -l` and `dmesg` say more about it"),
    }
}
