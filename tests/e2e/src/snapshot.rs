//! What a tree of files looked like, to show later that nothing touched it.

use std::{
    collections::BTreeMap,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use anyhow::Result;

/// Every path of some trees, with a hash of its kind, owner, mode and, where asked for, content.
#[derive(Debug, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<PathBuf, u64>);

impl Snapshot {
    /// The host's `/etc` with contents, and the names in `/var/log`, which the host's own daemons
    /// go on writing to.
    ///
    /// # Errors
    /// When a folder cannot be listed.
    pub fn of_host() -> Result<Self> {
        let mut paths = BTreeMap::new();
        walk(Path::new("/etc"), true, &mut paths)?;
        walk(Path::new("/var/log"), false, &mut paths)?;
        Ok(Self(paths))
    }

    /// How many paths it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The paths that are new, gone or different in `later`.
    #[must_use]
    pub fn changed(&self, later: &Self) -> Vec<PathBuf> {
        let paths = self.0.keys().chain(later.0.keys());
        let mut changed: Vec<_> = paths
            .filter(|path| self.0.get(*path) != later.0.get(*path))
            .cloned()
            .collect();
        changed.sort();
        changed.dedup();
        changed
    }
}

fn walk(folder: &Path, contents: bool, paths: &mut BTreeMap<PathBuf, u64>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let meta = fs::symlink_metadata(&path)?;
        let mut hasher = DefaultHasher::new();
        (meta.mode(), meta.uid(), meta.gid()).hash(&mut hasher);
        if meta.is_symlink() {
            fs::read_link(&path)?.hash(&mut hasher);
        } else if meta.is_file() && contents {
            fs::read(&path)?.hash(&mut hasher);
        }
        paths.insert(path.clone(), hasher.finish());
        if meta.is_dir() {
            walk(&path, contents, paths)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(folder: &Path) -> Snapshot {
        let mut paths = BTreeMap::new();
        walk(folder, true, &mut paths).unwrap();
        Snapshot(paths)
    }

    #[test]
    fn new_gone_and_different_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        fs::write(file("gone"), "a").unwrap();
        fs::write(file("other"), "a").unwrap();
        fs::write(file("same"), "a").unwrap();
        let before = snapshot(folder.path());
        assert_eq!(
            before.changed(&snapshot(folder.path())),
            Vec::<PathBuf>::new()
        );
        fs::remove_file(file("gone")).unwrap();
        fs::write(file("other"), "b").unwrap();
        fs::write(file("new"), "a").unwrap();
        let changed = before.changed(&snapshot(folder.path()));
        assert_eq!(changed, ["gone", "new", "other"].map(file));
    }
}
