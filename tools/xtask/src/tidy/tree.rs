//! What the rules look at: the files git would commit, and the workspace's packages.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::run::{command, output};

/// Larger files are data: they are not read.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The checkout.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Path from the top, and text, of every file git knows or would add.
    pub(super) files: BTreeMap<String, String>,
    pub(super) packages: Vec<Package>,
}

/// A package of the workspace.
#[derive(Debug, Default)]
pub(super) struct Package {
    /// Its folder from the top, as `runtime/packet`.
    pub(super) room: String,
    pub(super) imports: Vec<Import>,
}

/// A line in a package's dependencies.
#[derive(Debug, Default)]
pub(super) struct Import {
    pub(super) name: String,
    /// The folder, for one of the workspace's own.
    pub(super) room: Option<String>,
    /// For tests only.
    pub(super) dev: bool,
}

impl Tree {
    pub(super) fn read(top: &Path) -> Result<Self> {
        Ok(Self {
            files: texts(top)?,
            packages: packages(top)?,
        })
    }

    /// The Rust files.
    pub(super) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .filter(|(path, _)| path.ends_with(".rs"))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }
}

/// Every file in `top` that git knows or would add, from the top.
pub(crate) fn files(top: &Path) -> Result<Vec<String>> {
    let args = [
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ];
    let listing = output(command("git").args(args).current_dir(top))?.stdout;
    let listing = String::from_utf8(listing)?;
    let paths = listing.split_terminator('\0').map(ToOwned::to_owned);
    // A file that git knows may be deleted, or be a link to a folder.
    Ok(paths.filter(|path| top.join(path).is_file()).collect())
}

fn texts(top: &Path) -> Result<BTreeMap<String, String>> {
    let mut texts = BTreeMap::new();
    for path in files(top)? {
        let full = top.join(&path);
        if fs::metadata(&full)?.len() <= FILE_BYTES_MAX {
            let text = String::from_utf8_lossy(&fs::read(&full)?).into_owned();
            texts.insert(path, text);
        }
    }
    Ok(texts)
}

fn packages(top: &Path) -> Result<Vec<Package>> {
    let args = ["metadata", "--no-deps", "--format-version", "1"];
    let metadata = output(command("cargo").args(args).current_dir(top))?.stdout;
    let metadata: Value = serde_json::from_slice(&metadata)?;
    let packages = metadata["packages"]
        .as_array()
        .context("metadata without packages")?;
    Ok(packages.iter().map(|found| package(top, found)).collect())
}

fn package(top: &Path, package: &Value) -> Package {
    let manifest = package["manifest_path"].as_str().unwrap_or_default();
    let folder = Path::new(manifest).parent().unwrap_or(Path::new(""));
    let imports = package["dependencies"].as_array().into_iter().flatten();
    Package {
        room: room(top, folder),
        imports: imports.map(|found| import(top, found)).collect(),
    }
}

fn import(top: &Path, import: &Value) -> Import {
    Import {
        name: import["name"].as_str().unwrap_or_default().to_owned(),
        room: import["path"]
            .as_str()
            .map(|path| room(top, Path::new(path))),
        dev: import["kind"] == "dev",
    }
}

fn room(top: &Path, folder: &Path) -> String {
    let folder = folder.strip_prefix(top).unwrap_or(folder);
    folder.to_string_lossy().into_owned()
}

/// A tree for the rules' own tests.
#[cfg(test)]
impl Tree {
    pub(super) fn with_file(path: &str, text: &str) -> Self {
        Self {
            files: BTreeMap::from([(path.to_owned(), text.to_owned())]),
            packages: Vec::new(),
        }
    }

    /// One package; an import with a `/` is a room, one with a leading `dev:` is for tests.
    pub(super) fn with_package(from: &str, imports: &[&str]) -> Self {
        let import = |text: &str| {
            let (dev, name) = text
                .strip_prefix("dev:")
                .map_or((false, text), |name| (true, name));
            Import {
                name: name.to_owned(),
                room: name.contains('/').then(|| name.to_owned()),
                dev,
            }
        };
        Self {
            files: BTreeMap::new(),
            packages: vec![Package {
                room: from.to_owned(),
                imports: imports.iter().map(|text| import(text)).collect(),
            }],
        }
    }
}
