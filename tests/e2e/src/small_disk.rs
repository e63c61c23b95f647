//! A disk so small that a test can fill it: a tmpfs in a mount namespace of its own.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, ErrorKind, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::groups::{Need, Skip};

const MOUNT: &str =
    "mount -t tmpfs -o mode=700,size=\"$2\" none \"$1\" && echo mounted && exec cat";
/// What fills the disk, in its top folder.
const FILLER: &str = "filler";

/// A mounted disk; dropping it takes everything on it along.
#[derive(Debug)]
pub struct SmallDisk {
    holder: Child,
    folder: PathBuf,
}

impl SmallDisk {
    /// A disk of `size` (`8m`) at `folder`, which only those see who run in its namespace.
    ///
    /// # Errors
    /// The reason to skip what needs it.
    pub fn get(folder: &Path, size: &str) -> Result<Self, Skip> {
        Need::Namespaces.check()?;
        Self::mount(folder, size).map_err(|error| Skip::new(format!("no small disk: {error:#}")))
    }

    fn mount(folder: &Path, size: &str) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let mut holder = Command::new("setpriv")
            .args([
                "--pdeathsig",
                "KILL",
                "unshare",
                "--mount",
                "sh",
                "-c",
                MOUNT,
                "mount",
            ])
            .arg(folder)
            .arg(size)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run unshare")?;
        let stdout = holder.stdout.take().context("the holder has no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let disk = Self {
            holder,
            folder: folder.to_owned(),
        };
        ensure!(line.trim() == "mounted", "the disk was not mounted");
        Ok(disk)
    }

    /// Lets a command see the disk: the words that go before it.
    #[must_use]
    pub fn prefix(&self) -> [String; 2] {
        let namespace = format!("--mount=/proc/{}/ns/mnt", self.holder.id());
        ["nsenter".to_owned(), namespace]
    }

    /// Writes until nothing more fits.
    ///
    /// # Errors
    /// When the disk refuses for another reason.
    pub fn fill(&self) -> Result<()> {
        let mut file = File::create(self.seen(FILLER))?;
        // Smaller and smaller pieces, so that not a page is left.
        for size in [1 << 20, 1 << 16, 1 << 12, 1] {
            let piece = vec![0x5a; size];
            let full = loop {
                if let Err(error) = file.write_all(&piece) {
                    break error;
                }
            };
            ensure!(full.kind() == ErrorKind::StorageFull, "{full}");
        }
        Ok(())
    }

    /// Makes room again.
    ///
    /// # Errors
    /// When nothing had filled it.
    pub fn clear(&self) -> Result<()> {
        fs::remove_file(self.seen(FILLER)).context("the disk was not filled")
    }

    /// A path on the disk, as this process sees it.
    fn seen(&self, name: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        let folder = self.folder.strip_prefix("/").unwrap_or(&self.folder);
        root.join(folder).join(name)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if let Err(error) = self.holder.kill().and_then(|()| self.holder.wait()) {
            eprintln!("a small disk may be left over: {error}");
        }
    }
}
