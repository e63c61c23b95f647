//! What of the present files is new, given what was seen before.

use std::io;

use super::checkpoint::DONE;
use super::checkpoint::Likeness;
use super::checkpoint::Seen;
use super::identity::PRINT_BYTES_MAX;
use super::identity::Print;
use super::open::Opened;

/// What to do with one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Read what follows this offset.
    From(u64),
    /// Nothing in it is wanted, now or later.
    Done,
    /// A copy of the live file that is being made: say nothing about it until the live file is
    /// truncated.
    Hold,
}

/// The files of one path, oldest first.
pub(super) struct Present {
    pub(super) files: Vec<Opened>,
    /// Whether the last of them is the path itself.
    pub(super) has_live: bool,
}

impl Present {
    pub(super) fn live(&self) -> Option<usize> {
        self.has_live.then(|| self.files.len() - 1)
    }
}

/// The steps, one for each file; and whether what was being read is found nowhere.
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) lost: Option<Seen>,
}

/// The first read: the live file and its `depth` newest siblings, none older than `not_before`.
pub(super) fn first(present: &mut Present, depth: usize, not_before: Option<i64>) -> Plan {
    let rotated = present.files.len() - usize::from(present.has_live);
    let live = present.live();
    let mut steps = Vec::new();
    for i in 0..present.files.len() {
        let too_old = not_before.is_some_and(|before| present.files[i].modified_unix_s < before);
        steps.push(if Some(i) == live {
            Step::From(0)
        } else if is_copy_of_live(present, i) {
            Step::Hold
        } else if i + depth < rotated || too_old {
            Step::Done
        } else {
            Step::From(0)
        });
    }
    Plan { steps, lost: None }
}

/// The next read: exactly what was not read before, whatever the files are called now.
pub(super) fn next(present: &mut Present, known: &[Seen]) -> Plan {
    let mut planner = Planner {
        known,
        used: vec![false; known.len()],
    };
    let mut steps: Vec<Option<Step>> = present
        .files
        .iter_mut()
        .map(|file| planner.by_identity(file))
        .collect();
    let live = present.live();
    // Files come in time order: what is older than a file we were reading holds nothing new.
    let mut older = false;
    for i in (0..present.files.len()).rev() {
        if steps[i].is_some() {
            older = true;
        } else if let Some(step) = planner.by_content(&mut present.files[i], live == Some(i), older)
        {
            steps[i] = Some(step);
            older = true;
        } else if is_copy_of_live(present, i) {
            steps[i] = Some(Step::Hold);
        } else if older {
            steps[i] = Some(Step::Done);
        }
    }
    let steps = steps
        .into_iter()
        .map(|step| step.unwrap_or(Step::From(0)))
        .collect();
    let lost = known
        .iter()
        .zip(&planner.used)
        .find(|(seen, used)| seen.current && seen.is_evidence() && !**used)
        .map(|(seen, _)| seen.clone());
    Plan { steps, lost }
}

struct Planner<'a> {
    known: &'a [Seen],
    used: Vec<bool>,
}

impl Planner<'_> {
    /// The same file under any name, if its content agrees: inodes are given out again.
    fn by_identity(&mut self, file: &mut Opened) -> Option<Step> {
        let at = self
            .known
            .iter()
            .position(|seen| seen.id == file.id && seen.is_evidence())?;
        let seen = &self.known[at];
        let step = if seen.packed {
            (file.packed && seen.size == file.size).then(|| step_at(seen.offset))
        } else {
            match likeness(seen, file) {
                Likeness::Same(offset) => Some(Step::From(offset)),
                Likeness::Prefix | Likeness::Other => None,
            }
        }?;
        self.used[at] = true;
        Some(step)
    }

    /// A copy or a packed form of a file that is no longer there itself.
    ///
    /// Among `older` files only a packed one is worth the look: before it was packed, its writer
    /// may have added lines after the rotation.
    fn by_content(&mut self, file: &mut Opened, live: bool, older: bool) -> Option<Step> {
        if older && !file.packed {
            return None;
        }
        for (at, seen) in self.known.iter().enumerate() {
            if self.used[at] || !seen.is_evidence() || (older && seen.packed) {
                continue;
            }
            let step = match likeness(seen, file) {
                // The live file only grows: a shorter one is new, even if it begins alike.
                Likeness::Prefix if live => continue,
                Likeness::Prefix => Step::Done,
                Likeness::Same(offset) => step_at(offset),
                Likeness::Other => continue,
            };
            self.used[at] = true;
            return Some(step);
        }
        None
    }
}

fn step_at(offset: u64) -> Step {
    if offset == DONE {
        Step::Done
    } else {
        Step::From(offset)
    }
}

/// A file that can not be compared is another one; its trouble is told when it is read.
fn likeness(seen: &Seen, file: &mut Opened) -> Likeness {
    seen.likeness(file).unwrap_or(Likeness::Other)
}

/// Whether file `i` is a rotated copy whose original has not been truncated (yet).
fn is_copy_of_live(present: &mut Present, i: usize) -> bool {
    let Some(live) = present.live().filter(|live| *live != i) else {
        return false;
    };
    let (rotated, rest) = present.files.split_at_mut(live);
    compare(&rotated[i], &mut rest[0]).unwrap_or(false)
}

fn compare(copy: &Opened, live: &mut Opened) -> io::Result<bool> {
    if copy.packed || live.packed || copy.size > live.size || copy.id == live.id {
        return Ok(false);
    }
    if copy.size == 0 {
        return Ok(true);
    }
    let len = copy.size.min(PRINT_BYTES_MAX);
    let tail = Print {
        len,
        ..copy.print_before(copy.size)?
    };
    Ok(live.starts_with(copy.head) && live.print_before(copy.size)? == tail)
}
