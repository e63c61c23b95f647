//! What the rules look at: the files git would commit, and the workspace's packages.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::run::{command, output, workspace};

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
    pub(super) fn read() -> Result<Self> {
        Ok(Self {
            files: files()?,
            packages: packages()?,
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

fn files() -> Result<BTreeMap<String, String>> {
    let args = [
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ];
    let listing = output(command("git").args(args))?.stdout;
    let mut files = BTreeMap::new();
    for path in String::from_utf8(listing)?.split_terminator('\0') {
        let full = workspace().join(path);
        // A file that git knows may be deleted, or be a link to a folder.
        let Ok(meta) = fs::metadata(&full) else {
            continue;
        };
        if meta.is_file() && meta.len() <= FILE_BYTES_MAX {
            let text = String::from_utf8_lossy(&fs::read(&full)?).into_owned();
            files.insert(path.to_owned(), text);
        }
    }
    Ok(files)
}

fn packages() -> Result<Vec<Package>> {
    let args = ["metadata", "--no-deps", "--format-version", "1"];
    let metadata: Value = serde_json::from_slice(&output(command("cargo").args(args))?.stdout)?;
    let packages = metadata["packages"]
        .as_array()
        .context("metadata without packages")?;
    Ok(packages.iter().map(package).collect())
}

fn package(package: &Value) -> Package {
    let manifest = package["manifest_path"].as_str().unwrap_or_default();
    let folder = Path::new(manifest).parent().unwrap_or(Path::new(""));
    let imports = package["dependencies"].as_array().into_iter().flatten();
    Package {
        room: room(folder),
        imports: imports.map(import).collect(),
    }
}

fn import(import: &Value) -> Import {
    Import {
        name: import["name"].as_str().unwrap_or_default().to_owned(),
        room: import["path"].as_str().map(|path| room(Path::new(path))),
        dev: import["kind"] == "dev",
    }
}

fn room(folder: &Path) -> String {
    let folder = folder.strip_prefix(workspace()).unwrap_or(folder);
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
