//! Taking stock of a path: the file itself and its rotated past, all open at one moment.

use std::path::Path;
use std::path::PathBuf;

use super::checkpoint::Seen;
use super::identity::FileId;
use super::open::Opened;
use super::open::REPACK_CURE;
use super::plan::Present;
use super::siblings;
use super::siblings::Packing;
use super::siblings::Sibling;
use crate::problem::Problem;
use crate::problem::ProblemKind;

/// How often the list of files is taken again when a rotation runs into it.
const LISTINGS_MAX: usize = 4;

/// The files of a path, and what kept others from being opened.
pub(super) struct Found {
    pub(super) present: Present,
    /// The path itself is there and can not be opened.
    pub(super) is_barred: bool,
    pub(super) problems: Vec<Problem>,
}

/// Opens the files as they stand at one moment: again, if a rotation came between.
pub(super) fn gather(path: &Path, known: &[Seen], rotate_depth: u32) -> Found {
    let depth = rotate_depth.max(1);
    let mut found = open_all(path, known, depth);
    for _ in 1..LISTINGS_MAX {
        let again = open_all(path, known, depth);
        let settled = again.ids() == found.ids();
        found = again;
        if settled {
            break;
        }
    }
    // Without rotated files, an absent live one is the trouble; with them, it is a moment.
    if !found.present.files.is_empty() {
        found
            .problems
            .retain(|problem| problem.kind != ProblemKind::Absent);
    }
    found
}

impl Found {
    fn ids(&self) -> Vec<(PathBuf, FileId)> {
        self.present
            .files
            .iter()
            .map(|file| (file.path.clone(), file.id))
            .collect()
    }
}

fn open_all(path: &Path, known: &[Seen], depth: u32) -> Found {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    let siblings = siblings::siblings(path);
    // Trouble with a file that would not be read anyway is none.
    let wanted_from = siblings
        .len()
        .saturating_sub(usize::try_from(depth).unwrap_or(usize::MAX));
    for (i, sibling) in siblings.iter().enumerate() {
        match open_sibling(sibling) {
            Ok(file) => files.push(file),
            // One that vanished since it was listed was rotated away.
            Err(problem) if problem.kind == ProblemKind::Absent => {}
            Err(problem) if i >= wanted_from => problems.push(problem),
            Err(_) => {}
        }
    }
    // A link that names a new file for each day leaves the last one where it was.
    let current = known.iter().find(|seen| seen.current);
    let left = current.and_then(|seen| left(path, seen));
    if let Some(left) = left.filter(|left| files.iter().all(|file| file.id != left.id)) {
        files.push(left);
    }
    let live = Opened::open(path);
    let has_live = live.is_ok();
    let is_barred = live
        .as_ref()
        .is_err_and(|problem| problem.kind != ProblemKind::Absent);
    match live {
        Ok(file) => {
            files.retain(|other| other.id != file.id);
            files.push(file);
        }
        Err(problem) => problems.push(problem),
    }
    Found {
        present: Present { files, has_live },
        is_barred,
        problems,
    }
}

fn open_sibling(sibling: &Sibling) -> Result<Opened, Problem> {
    if sibling.packing == Packing::Unsupported {
        let subject = sibling.path.display().to_string();
        let packing = sibling.path.extension().unwrap_or_default();
        let detail = format!("is packed by {}, which is not read", packing.display());
        return Err(Problem::new(subject, ProblemKind::Unsupported, detail).with_cure(REPACK_CURE));
    }
    Opened::open(&sibling.path)
}

/// The file that was being read, if it stands at its own place and is not `path` itself.
fn left(path: &Path, seen: &Seen) -> Option<Opened> {
    let own = Path::new(seen.path.as_deref()?);
    let file = (own != path).then(|| Opened::open(own).ok())??;
    (file.id == seen.id).then_some(file)
}
