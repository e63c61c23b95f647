//! Another authority takes the place of this home's: made here, and kept wherever it is heard of.

use skep_identity::{
    Authority, Holder, Identity, IdentityError, Invites, Lineage, NODE_KEY_BITS, OVERLAP_MAX_MS,
    OperatorBundle, OperatorTerms, Paper, Passport, PrivateKey, Purpose, open_object,
};
use skep_packet::{KeyId, Signed, decode, encode};

use super::{
    Home, HomeError,
    files::{self, write_secret},
};

/// Shortest time in which two authorities count, in milliseconds: one hour.
pub const OVERLAP_MIN_MS: u64 = 3_600_000;

/// Largest file of successions, in bytes.
const SUCCESSIONS_BYTES_MAX: usize = 64 * 1024;

/// What a rotation does, or did.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The authority's key; of a rotation that is only planned, the one that would go.
    pub authority: KeyId,
    /// Until when the old authority counts, in milliseconds since the Unix epoch.
    pub until_ms: u64,
    /// Invitations that nobody used: they name the old authority, and are void.
    pub n_invites: usize,
    /// Papers of the old authority that still count: a node gets new ones by itself, a person needs
    /// a new bundle.
    pub papers: Vec<Paper>,
}

impl Home {
    /// Which authority followed which, as far as this home heard of it in time.
    ///
    /// # Errors
    /// A file is unreadable or damaged.
    pub fn successions(&self) -> Result<Vec<Signed>, HomeError> {
        let read = |bytes: &[u8]| {
            let what = "succession";
            let kept = decode::<Vec<Signed>>(bytes, SUCCESSIONS_BYTES_MAX);
            kept.map_err(|source| IdentityError::Decode { what, source })
        };
        let mut kept = self.keys("successions", read)?.unwrap_or_default();
        // Those of an authority's own lie in its file, written with its key.
        for own in self.authority()?.iter().flat_map(Authority::successions) {
            if kept.iter().all(|known| known.body != own.body) {
                kept.push(own.clone());
            }
        }
        Ok(kept)
    }

    /// The authorities that a node of this home believes, or believed.
    ///
    /// # Errors
    /// A file is unreadable or damaged.
    pub fn lineage(&self, identity: &Identity) -> Result<Lineage, HomeError> {
        let (swarm, authority) = (identity.swarm(), identity.authority.clone());
        Ok(Lineage::restore(swarm, authority, &self.successions()?))
    }

    /// Keeps which authority followed which, before anything is believed of it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep_lineage(&self, lineage: &Lineage) -> Result<(), HomeError> {
        let kept: Vec<&Signed> = lineage.successions().collect();
        write_secret(&self.path().join("successions"), &encode(&kept))
    }

    /// What [`Home::rotate`] would do; nothing is changed.
    ///
    /// # Errors
    /// As [`Home::rotate`].
    pub fn plan_rotation(&self, overlap_ms: u64, now_ms: u64) -> Result<Rotation, HomeError> {
        let authority = self.need_authority()?;
        if !(OVERLAP_MIN_MS..=OVERLAP_MAX_MS).contains(&overlap_ms) {
            return Err(HomeError::Overlap);
        }
        if let Some(until_ms) = authority.lineage().next_end_ms(now_ms) {
            return Err(HomeError::Overlaps { until_ms });
        }
        // Its own operator's are renewed with it.
        let own = self.operator()?.map(|bundle| bundle.key.id());
        let papers = self.papers()?.into_iter();
        let papers = papers.filter(|paper| Some(paper.key) != own);
        Ok(Rotation {
            authority: authority.key().id(),
            until_ms: now_ms.saturating_add(overlap_ms),
            n_invites: self.with_invites(|invites| invites.n_open())?,
            papers: papers.filter(|paper| paper.stands(now_ms)).collect(),
        })
    }

    /// Makes another authority, which takes the place of this home's at once; the old key is
    /// written over. Both count until `overlap_ms` after `now_ms`. The node of this home spreads
    /// it from its next start, or as soon as it is told to renew its papers.
    ///
    /// # Errors
    /// This home does not hold the authority, two count already, the overlap is too short or too
    /// long, or a file cannot be written.
    pub fn rotate(&self, overlap_ms: u64, now_ms: u64) -> Result<Rotation, HomeError> {
        let _lock = files::lock(&self.path().join("authority.lock"))?;
        let planned = self.plan_rotation(overlap_ms, now_ms)?;
        let key = PrivateKey::generate(NODE_KEY_BITS)?;
        let next = self.need_authority()?.hand_over(key, overlap_ms, now_ms)?;
        // Key and succession in one file, in one step: there is no moment with only one of them.
        write_secret(&self.path().join("authority"), &next.to_bytes()?)?;
        self.renew_operator(now_ms)?;
        self.with_invites(|invites| *invites = Invites::default())?;
        Ok(Rotation {
            authority: next.key().id(),
            papers: self.outdated(now_ms)?,
            ..planned
        })
    }

    /// Papers that an authority before this home's signed, and that still count.
    ///
    /// # Errors
    /// A file is unreadable or damaged.
    pub fn outdated(&self, now_ms: u64) -> Result<Vec<Paper>, HomeError> {
        let Some(authority) = self.authority()? else {
            return Ok(Vec::new());
        };
        if authority.lineage().next_end_ms(now_ms).is_none() {
            return Ok(Vec::new());
        }
        let by = Some(authority.key().id());
        let papers = self.papers()?.into_iter();
        let outdated = papers.filter(|paper| paper.stands(now_ms) && paper.by != by);
        Ok(outdated.collect())
    }

    /// Papers of this home's authority for its own operator, whose key lies here.
    pub(super) fn renew_operator(&self, now_ms: u64) -> Result<(), HomeError> {
        let (Some(authority), Some(bundle)) = (self.authority()?, self.operator()?) else {
            return Ok(());
        };
        if bundle.passport.signer == authority.key().id() {
            return Ok(());
        }
        let passport: Result<Passport, _> = open_object(
            Purpose::Passport,
            &bundle.passport,
            &bundle.authority,
            skep_identity::PASSPORT_BYTES_MAX,
        );
        let Ok(Holder::Operator { name, level, only }) = passport.map(|found| found.holder) else {
            return Ok(());
        };
        let terms = OperatorTerms { name, level, only };
        let passport = authority.admit_operator(&terms, bundle.key.public(), now_ms)?;
        self.register(&authority, [&passport])?;
        let renewed = OperatorBundle {
            passport,
            authority: authority.key().public().clone(),
            ca: authority.certificate().clone(),
            ..bundle
        };
        write_secret(&self.path().join("operator"), &renewed.to_bytes()?)
    }
}

#[cfg(test)]
mod tests;
