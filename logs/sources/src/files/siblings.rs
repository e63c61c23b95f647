//! Which files beside a log are its rotated past, and in what order they were written.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::path::PathBuf;

/// At most this many rotated files of a path are looked at; older ones are left out.
pub const SIBLINGS_MAX: usize = 64;

/// At most this many names of a directory are read; a log lost among more is not found.
const DIRECTORY_NAMES_MAX: usize = 65_536;

/// How a file is packed, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// Plain or gzip: its first bytes say which.
    Readable,
    /// xz, bzip2, zstd, lz4: named, not read.
    Unsupported,
}

/// The place of a rotated file in time.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Age {
    /// `.1` is the newest.
    Number(u32),
    /// The digits of its date: the greatest is the newest.
    Date(Vec<u8>),
}

/// A rotated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sibling {
    pub(super) path: PathBuf,
    pub(super) packing: Packing,
    age: Age,
}

/// The rotated files of `path`, oldest first.
pub(super) fn siblings(path: &Path) -> Vec<Sibling> {
    let (Some(directory), Some(base)) = (path.parent(), path.file_name()) else {
        return Vec::new();
    };
    let directory = if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    };
    let Ok(names) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut found: Vec<Sibling> = names
        .take(DIRECTORY_NAMES_MAX)
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name();
            let (age, packing) = parse(base, &name)?;
            Some(Sibling {
                path: directory.join(name),
                packing,
                age,
            })
        })
        .collect();
    sort(&mut found);
    drop_packed_twins(&mut found);
    let surplus = found.len().saturating_sub(SIBLINGS_MAX);
    found.drain(..surplus);
    found
}

/// While gzip runs, `X` and a half-written `X.gz` stand side by side: the plain one is whole.
fn drop_packed_twins(found: &mut Vec<Sibling>) {
    let paths: Vec<PathBuf> = found.iter().map(|sibling| sibling.path.clone()).collect();
    found.retain(|sibling| {
        let packed = sibling
            .path
            .extension()
            .is_some_and(|e| e == "gz" || is_unsupported(e));
        !packed || !paths.contains(&sibling.path.with_extension(""))
    });
}

/// Numbered and dated ones may stand side by side after a change of scheme: the scheme that was
/// written last is the newer one.
fn sort(found: &mut [Sibling]) {
    let newest = |numbered: bool| {
        found
            .iter()
            .filter(|sibling| matches!(sibling.age, Age::Number(_)) == numbered)
            .filter_map(|sibling| sibling.path.metadata().ok()?.modified().ok())
            .max()
    };
    let numbered_last = newest(true) >= newest(false);
    found.sort_by(|a, b| match (&a.age, &b.age) {
        (Age::Number(a), Age::Number(b)) => b.cmp(a),
        (Age::Date(a), Age::Date(b)) => a.cmp(b),
        (Age::Number(_), Age::Date(_)) => numbered_last.cmp(&true).then(Ordering::Greater),
        (Age::Date(_), Age::Number(_)) => true.cmp(&numbered_last).then(Ordering::Less),
    });
}

/// Reads `base.1`, `base-20260101`, `base.2.gz`, and with an extension `stem-20260101.ext`.
fn parse(base: &OsStr, name: &OsStr) -> Option<(Age, Packing)> {
    let (name, packing) = unpacked(name.as_bytes());
    let base = base.as_bytes();
    let age = match name.strip_prefix(base) {
        Some(suffix) => age(suffix)?,
        None => {
            let dot = base.iter().rposition(|byte| *byte == b'.')?;
            let (stem, extension) = base.split_at(dot);
            age(name.strip_prefix(stem)?.strip_suffix(extension)?)?
        }
    };
    Some((age, packing))
}

fn unpacked(name: &[u8]) -> (&[u8], Packing) {
    if let Some(rest) = name.strip_suffix(b".gz") {
        return (rest, Packing::Readable);
    }
    let Some(dot) = name.iter().rposition(|byte| *byte == b'.') else {
        return (name, Packing::Readable);
    };
    let (rest, extension) = name.split_at(dot);
    if is_unsupported(OsStr::from_bytes(&extension[1..])) {
        (rest, Packing::Unsupported)
    } else {
        (name, Packing::Readable)
    }
}

fn is_unsupported(extension: &OsStr) -> bool {
    ["xz", "bz2", "zst", "lz4", "Z"]
        .iter()
        .any(|packed| extension == *packed)
}

/// Reads `.7`, `-20260101`, `-20260101-120000`, `-2026-01-01`, `.20260101`.
fn age(suffix: &[u8]) -> Option<Age> {
    let (mark, rest) = suffix.split_first()?;
    if !matches!(mark, b'.' | b'-') || !rest.iter().all(|b| b.is_ascii_digit() || *b == b'-') {
        return None;
    }
    let digits: Vec<u8> = rest.iter().copied().filter(u8::is_ascii_digit).collect();
    match digits.len() {
        1..=4 if *mark == b'.' && digits.len() == rest.len() => {
            let number = digits
                .iter()
                .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
            Some(Age::Number(number))
        }
        8..=20 => Some(Age::Date(digits)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(base: &str, names: &[&str], expected: &[&str]) {
        let directory = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        let found: Vec<String> = siblings(&directory.path().join(base))
            .iter()
            .map(|sibling| {
                sibling
                    .path
                    .file_name()
                    .unwrap()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        assert_eq!(found, expected, "siblings of {base} among {names:?}");
    }

    #[test]
    fn rotated_files_come_oldest_first() {
        check(
            "auth.log",
            &[
                "auth.log",
                "auth.log.1",
                "auth.log.10.gz",
                "auth.log.2.gz",
                "auth.log.x",
                "auth",
            ],
            &["auth.log.10.gz", "auth.log.2.gz", "auth.log.1"],
        );
        check(
            "secure",
            &[
                "secure",
                "secure-20260103",
                "secure-20251231.gz",
                "secure-old",
                "secure2",
            ],
            &["secure-20251231.gz", "secure-20260103"],
        );
        check(
            "app.log",
            &[
                "app-20260101.log",
                "app-20260102.log.gz",
                "app.log",
                "app-ssl.log",
                "app.1.log",
            ],
            &["app-20260101.log", "app-20260102.log.gz", "app.1.log"],
        );
    }

    #[test]
    fn a_half_written_gz_beside_its_plain_file_is_left_out() {
        check(
            "m",
            &["m", "m.1", "m.2", "m.2.gz", "m.3.gz"],
            &["m.3.gz", "m.2", "m.1"],
        );
    }

    #[test]
    fn other_packings_are_seen_and_marked() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("m.1.xz"), "").unwrap();
        let found = siblings(&directory.path().join("m"));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].packing, Packing::Unsupported);
    }

    #[test]
    fn only_the_newest_are_looked_at() {
        let directory = tempfile::tempdir().unwrap();
        for n in 1..=100 {
            std::fs::write(directory.path().join(format!("m.{n}")), "").unwrap();
        }
        let found = siblings(&directory.path().join("m"));
        assert_eq!(found.len(), SIBLINGS_MAX);
        assert_eq!(found[0].path, directory.path().join("m.64"));
        assert_eq!(found[SIBLINGS_MAX - 1].path, directory.path().join("m.1"));
    }
}
