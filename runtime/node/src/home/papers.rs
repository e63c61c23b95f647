//! What the authority gave out, takes back and renews.

use std::{fs, io, net::IpAddr};

use skep_identity::{
    Authority, Credentials, Identity, NodeTerms, Paper, Passport, Purpose, Register, Who,
    open_object,
};
use skep_packet::{KeyId, Signed, decode, encode};

use super::{
    Home, HomeError,
    files::{self, io_error, read, write_secret},
};

/// No node gets new papers while its old ones are younger than this, in milliseconds: one hour.
pub const RENEWAL_AGE_MIN_MS: u64 = 3_600_000;

/// Largest revocation, in bytes.
const REVOCATION_BYTES_MAX: usize = 16 * 1024;

impl Home {
    /// Everyone that the authority of this home vouched for; empty where it has none.
    ///
    /// # Errors
    /// The register is unreadable or damaged.
    pub fn papers(&self) -> Result<Vec<Paper>, HomeError> {
        let register = self.keys("register", Register::from_bytes)?;
        Ok(register.unwrap_or_default().papers().to_vec())
    }

    /// The keys of someone that still count.
    ///
    /// # Errors
    /// This home does not hold the authority, or nobody of that name has papers.
    pub fn keys_of(&self, who: &Who, now_ms: u64) -> Result<Vec<KeyId>, HomeError> {
        self.need_authority()?;
        let keys = self.load_register()?.keys(who, now_ms);
        match keys.is_empty() {
            true => Err(HomeError::Nobody { who: who.clone() }),
            false => Ok(keys),
        }
    }

    /// Takes back every paper of someone that still counts, for good, and keeps the revocations:
    /// the node spreads them from its next start, or as soon as it is told.
    ///
    /// # Errors
    /// This home does not hold the authority, nobody of that name has papers, or it is the node
    /// itself.
    pub fn revoke(&self, who: &Who, now_ms: u64) -> Result<Vec<Signed>, HomeError> {
        let authority = self.need_authority()?;
        let own = self.identity()?.map(|identity| identity.node);
        if let Who::Node(node) = who
            && own.as_ref() == Some(node)
        {
            return Err(HomeError::Itself { node: node.clone() });
        }
        let _lock = self.lock_register()?;
        let mut register = self.load_register()?;
        let keys = register.keys(who, now_ms);
        if keys.is_empty() {
            return Err(HomeError::Nobody { who: who.clone() });
        }
        let folder = self.path().join("revoked");
        files::make_private(&folder)?;
        let mut revocations = Vec::with_capacity(keys.len());
        for key in keys {
            let signed = authority.revoke(key, who, now_ms)?;
            write_secret(&folder.join(hex(&key.0)), &encode(&signed))?;
            register.revoked(key, now_ms);
            revocations.push(signed);
        }
        self.save_register(&register)?;
        Ok(revocations)
    }

    /// Every revocation that was made in this home.
    ///
    /// # Errors
    /// A file is unreadable or damaged.
    pub fn revocations(&self) -> Result<Vec<Signed>, HomeError> {
        let folder = self.path().join("revoked");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io_error("read", &folder)(error)),
        };
        let mut revocations = Vec::new();
        for entry in entries {
            let path = entry.map_err(io_error("read", &folder))?.path();
            // A file that is being written ends so; it is complete under its own name.
            if path.extension().is_some() {
                continue;
            }
            let bytes = read(&path)?.unwrap_or_default();
            let signed = decode(&bytes, REVOCATION_BYTES_MAX).map_err(|source| {
                let what = "revocation";
                let source = skep_identity::IdentityError::Decode { what, source };
                HomeError::Keys { path, source }
            })?;
            revocations.push(signed);
        }
        Ok(revocations)
    }

    /// New papers for a node: same key, same terms. `None` where this home has no authority, or the
    /// old ones are its own and younger than [`RENEWAL_AGE_MIN_MS`].
    ///
    /// Papers that an authority before this one signed are exchanged only where the register knows
    /// their key: whoever has the old authority's key could have made them yesterday.
    ///
    /// # Errors
    /// The authority is unreadable, or cannot sign; or nobody here let in that node.
    pub fn renew(
        &self,
        passport: &Passport,
        signer: KeyId,
        addresses: Vec<IpAddr>,
        now_ms: u64,
    ) -> Result<Option<Credentials>, HomeError> {
        let Some(authority) = self.authority()? else {
            return Ok(None);
        };
        let skep_identity::Holder::Node {
            node,
            serves,
            labels,
        } = passport.holder.clone()
        else {
            return Ok(None);
        };
        let is_ours = signer == authority.key().id();
        if is_ours && now_ms < passport.serial.saturating_add(RENEWAL_AGE_MIN_MS) {
            return Ok(None);
        }
        if !is_ours && !self.load_register()?.knows(passport.key_id()) {
            let who = Who::Node(node);
            return Err(HomeError::Nobody { who });
        }
        let terms = NodeTerms {
            node,
            serves,
            labels,
            addresses,
        };
        let credentials = authority.admit_node(&terms, &passport.public_key, now_ms)?;
        self.register(&authority, [&credentials.passport])?;
        Ok(Some(credentials))
    }

    /// Takes renewed papers in, for the key that this home has.
    ///
    /// # Errors
    /// They are for another key or from an authority that did not follow this node's, or are no
    /// newer; or the file cannot be written. Nothing was changed.
    pub fn take_renewed(&self, credentials: Credentials) -> Result<Identity, HomeError> {
        let path = self.path().to_owned();
        let old = self.identity()?.ok_or(HomeError::NoAuthority { path })?;
        let renewed = old.renewed(credentials, &self.lineage(&old)?)?;
        write_secret(&self.path().join("identity"), &renewed.to_bytes()?)?;
        Ok(renewed)
    }

    /// Writes down whom the authority vouched for.
    pub(super) fn register<const N: usize>(
        &self,
        authority: &Authority,
        passports: [&Signed; N],
    ) -> Result<(), HomeError> {
        let _lock = self.lock_register()?;
        let mut register = self.load_register()?;
        for signed in passports {
            let passport: Result<Passport, _> = open_object(
                Purpose::Passport,
                signed,
                authority.key().public(),
                skep_identity::PASSPORT_BYTES_MAX,
            );
            let passport = passport.expect("the authority signed it just now");
            register.issued(&passport, signed.signer);
        }
        self.save_register(&register)
    }

    fn lock_register(&self) -> Result<fs::File, HomeError> {
        files::lock(&self.path().join("register.lock"))
    }

    fn load_register(&self) -> Result<Register, HomeError> {
        Ok(self
            .keys("register", Register::from_bytes)?
            .unwrap_or_default())
    }

    fn save_register(&self, register: &Register) -> Result<(), HomeError> {
        write_secret(&self.path().join("register"), &register.to_bytes())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
