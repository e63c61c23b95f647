//! The replay guard: each packet counts once.
//!
//! A sender numbers its packets within (its boot, receiver, lane). For each of these the guard
//! remembers which of the last [`REPLAY_WINDOW_BITS`] numbers it has seen.

use std::collections::{HashMap, VecDeque};

use skep_packet::{BootId, KeyId, Lane, Refusal, limits::REPLAY_WINDOW_BITS};

/// Most boots of one signer that are remembered; at the bound the oldest is forgotten, and batches
/// of unknown boots not signed after its last one are refused as `reseal` from then on.
pub const BOOTS_PER_SIGNER_MAX: usize = 4;

/// Most boots of all signers together; at the bound the one used longest ago is forgotten so.
pub const BOOTS_MAX: usize = 4096;

/// Which packets were here before.
#[derive(Debug, Default)]
pub struct ReplayGuard {
    signers: HashMap<KeyId, Signer>,
    n_boots: usize,
    n_uses: u64,
}

#[derive(Debug, Default)]
struct Signer {
    boots: Vec<Boot>,
    /// Batches of unknown boots must be signed later than this, in unix milliseconds.
    forgotten_ms: Option<u64>,
}

#[derive(Debug)]
struct Boot {
    id: BootId,
    lanes: [Window; 3],
    signed_ms: u64,
    used: u64,
}

/// One sender's boot, ready to judge the packets of one of its batches.
#[derive(Debug)]
pub struct BootWindows<'a> {
    lanes: &'a mut [Window; 3],
}

impl ReplayGuard {
    /// Finds or makes the windows of a signer's boot, for a batch whose signature was found good.
    ///
    /// # Errors
    /// [`Refusal::Reseal`] for a boot that is unknown, but may be one that was forgotten.
    pub fn boot(
        &mut self,
        signer: KeyId,
        boot: BootId,
        signed_ms: u64,
    ) -> Result<BootWindows<'_>, Refusal> {
        self.n_uses += 1;
        let known = self.signers.get(&signer);
        let is_known = known.is_some_and(|known| known.boots.iter().any(|b| b.id == boot));
        if !is_known {
            let floor = known.and_then(|known| known.forgotten_ms);
            if floor.is_some_and(|floor| signed_ms <= floor) {
                return Err(Refusal::Reseal);
            }
            self.make_room(signer);
            self.n_boots += 1;
        }
        let used = self.n_uses;
        let boots = &mut self.signers.entry(signer).or_default().boots;
        if !is_known {
            boots.push(Boot {
                id: boot,
                lanes: Default::default(),
                signed_ms,
                used,
            });
        }
        let found = boots.iter_mut().find(|known| known.id == boot);
        let found = found.expect("it was there or was just put there");
        found.signed_ms = found.signed_ms.max(signed_ms);
        found.used = used;
        Ok(BootWindows {
            lanes: &mut found.lanes,
        })
    }

    fn make_room(&mut self, signer: KeyId) {
        let crowded = self
            .signers
            .get(&signer)
            .is_some_and(|known| known.boots.len() >= BOOTS_PER_SIGNER_MAX);
        if crowded {
            self.forget_oldest_of(signer);
        } else if self.n_boots >= BOOTS_MAX {
            let oldest = self
                .signers
                .iter()
                .flat_map(|(key, known)| known.boots.iter().map(move |boot| (boot.used, *key)))
                .min();
            if let Some((_, key)) = oldest {
                self.forget_oldest_of(key);
            }
        }
    }

    fn forget_oldest_of(&mut self, signer: KeyId) {
        let Some(known) = self.signers.get_mut(&signer) else {
            return;
        };
        let oldest = (0..known.boots.len()).min_by_key(|idx| known.boots[*idx].used);
        if let Some(idx) = oldest {
            let gone = known.boots.swap_remove(idx);
            known.forgotten_ms = known.forgotten_ms.max(Some(gone.signed_ms));
            self.n_boots -= 1;
        }
    }
}

impl BootWindows<'_> {
    /// Marks `seq` as seen.
    ///
    /// # Errors
    /// [`Refusal::Replayed`] when it was; [`Refusal::Reseal`] when it is older than the window;
    /// [`Refusal::Malformed`] for 0, which no sender uses.
    pub fn mark(&mut self, lane: Lane, seq: u64) -> Result<(), Refusal> {
        self.lanes[lane.index()].mark(seq)
    }
}

/// Seen numbers: all up to `floor`, and the bits above it.
///
/// Words full of ones are dropped at the low end, so a lane without gaps takes a few bytes, and
/// one with the worst gaps `REPLAY_WINDOW_BITS` / 8 = 8 KiB.
#[derive(Debug, Default)]
struct Window {
    /// A multiple of 64; bit `i` of `words` stands for `floor + 1 + i`.
    floor: u64,
    words: VecDeque<u64>,
    top: u64,
}

impl Window {
    fn mark(&mut self, seq: u64) -> Result<(), Refusal> {
        if seq == 0 {
            return Err(Refusal::Malformed);
        }
        if seq <= self.top.saturating_sub(REPLAY_WINDOW_BITS) {
            return Err(Refusal::Reseal);
        }
        if seq <= self.floor {
            return Err(Refusal::Replayed);
        }
        self.raise(seq);
        let offset = seq - self.floor - 1;
        let idx = usize::try_from(offset / 64).unwrap_or(usize::MAX);
        if idx >= self.words.len() {
            self.words.resize(idx + 1, 0);
        }
        let bit = 1_u64 << (offset % 64);
        if self.words[idx] & bit != 0 {
            return Err(Refusal::Replayed);
        }
        self.words[idx] |= bit;
        while self.words.front() == Some(&u64::MAX) {
            self.words.pop_front();
            self.floor += 64;
        }
        Ok(())
    }

    /// Moves the top to `seq`, and the floor so far that the window keeps its size.
    fn raise(&mut self, seq: u64) {
        self.top = self.top.max(seq);
        let low = self.top.saturating_sub(REPLAY_WINDOW_BITS) / 64 * 64;
        while self.floor < low && !self.words.is_empty() {
            self.words.pop_front();
            self.floor += 64;
        }
        self.floor = self.floor.max(low);
    }
}

#[cfg(test)]
mod tests;
