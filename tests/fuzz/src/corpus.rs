//! The committed inputs of a target.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::Target;

/// Most files that a corpus keeps; beyond it what a hunt found interesting is not kept, what broke
/// something is.
const FILES_MAX: usize = 40;

/// Longest input that is kept for being interesting, in bytes.
const KEPT_BYTES_MAX: usize = 4 * 1024;

/// What the name of an input begins with that a hunt found interesting.
const GROWN: &str = "grown-";

/// A folder of inputs.
#[derive(Debug, Clone)]
pub struct Corpus {
    folder: PathBuf,
}

impl Corpus {
    /// The corpus of `target` in this checkout.
    #[must_use]
    pub fn of(target: &Target) -> Self {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        Self {
            folder: top.join(target.room).join("corpus").join(target.name),
        }
    }

    /// Every input by its file's name, in order.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn inputs(&self) -> io::Result<Vec<(String, Vec<u8>)>> {
        let mut inputs = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            inputs.push((name.into_owned(), fs::read(&path)?));
        }
        inputs.sort();
        Ok(inputs)
    }

    /// Writes an input under a name of its own.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, name: &str, input: &[u8]) -> io::Result<PathBuf> {
        fs::create_dir_all(&self.folder)?;
        let path = self.folder.join(name);
        fs::write(&path, input)?;
        Ok(path)
    }

    /// Writes the inputs to begin with; where they change, what grew from the old ones goes.
    fn plant(&self, planted: Vec<(String, Vec<u8>)>) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let stand = self.inputs()?;
        if !planted.iter().all(|input| stand.contains(input)) {
            let grown = stand.iter().filter(|(name, _)| name.starts_with(GROWN));
            for (name, _) in grown {
                fs::remove_file(self.folder.join(name))?;
            }
        }
        for (name, input) in planted {
            self.write(&name, &input)?;
        }
        Ok(())
    }

    /// Keeps what broke something.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn keep_finding(&self, input: &[u8]) -> io::Result<PathBuf> {
        self.write(&format!("found-{:016x}", fnv(input)), input)
    }

    /// Keeps inputs that led somewhere new, the short ones first, as far as there is room.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub fn keep_interesting(&self, inputs: &[Vec<u8>]) -> io::Result<usize> {
        let room = FILES_MAX.saturating_sub(self.inputs()?.len());
        let mut short: Vec<_> = inputs
            .iter()
            .filter(|input| input.len() <= KEPT_BYTES_MAX)
            .collect();
        short.sort_by_key(|input| input.len());
        short.truncate(room);
        for input in &short {
            self.write(&format!("{GROWN}{:016x}", fnv(input)), input)?;
        }
        Ok(short.len())
    }
}

/// FNV-1a, 64 bits: the same input has the same name.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Writes the inputs to begin with of every target anew.
///
/// Where they are others than before, what grew from those goes: the keys of that world are gone, and
/// a change that is taken back would make something genuine of it which this world does not know.
/// Findings stay.
///
/// # Errors
/// A folder cannot be read or written.
pub fn plant_all() -> io::Result<()> {
    for target in crate::TARGETS {
        Corpus::of(target).plant((target.plant)())?;
    }
    crate::targets::write_world()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may unwrap")]
mod tests {
    use super::*;

    #[test]
    fn what_grew_goes_with_the_inputs_it_grew_from() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus {
            folder: folder.path().to_owned(),
        };
        let names = || {
            let inputs = corpus.inputs().unwrap();
            inputs.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        let planted = |input: &[u8]| vec![("genuine".to_owned(), input.to_vec())];
        corpus.plant(planted(b"old")).unwrap();
        corpus.keep_interesting(&[b"older".to_vec()]).unwrap();
        corpus.keep_finding(b"oldest").unwrap();
        let all = names();
        corpus.plant(planted(b"old")).unwrap();
        assert_eq!((all.len(), names()), (3, all));
        corpus.plant(planted(b"new")).unwrap();
        assert_eq!(names().len(), 2);
        assert!(names().iter().all(|name| !name.starts_with(GROWN)));
    }
}
