//! The authority's only backup, and its way back.

use skep_identity::{Authority, BackupRandom, PeerHint, Register};
use skep_packet::NodeId;
use uuid::Uuid;

use super::{
    Home, HomeError, SwarmCard,
    files::{write_json, write_secret},
    node_name,
};

impl Home {
    /// The authority and its register, under a passphrase, as text.
    ///
    /// # Errors
    /// This home does not hold the authority, or the passphrase is too short.
    pub fn export_authority(&self, passphrase: &str) -> Result<String, HomeError> {
        let authority = self.need_authority()?;
        let register = self.keys("register", Register::from_bytes)?;
        let [salt, nonce] = [Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes);
        let mut random = BackupRandom {
            salt,
            nonce: [0; 12],
        };
        let n_bytes = random.nonce.len();
        random.nonce.copy_from_slice(&nonce[..n_bytes]);
        let register = register.unwrap_or_default();
        Ok(authority.to_backup(&register, passphrase, &random)?)
    }

    /// Brings the authority back: into a node of its swarm, which then lets others in and renews
    /// their papers, or into a fresh home, which becomes a node of it called `node`, with keys of
    /// its own that [`Home::mint`] makes, and first dials `peers`.
    ///
    /// # Errors
    /// The backup does not open, the home belongs to another swarm, or it has an authority already.
    pub fn import_authority(
        &self,
        text: &str,
        passphrase: &str,
        node: Option<NodeId>,
        peers: &[PeerHint],
    ) -> Result<SwarmCard, HomeError> {
        let (authority, register) = Authority::from_backup(text, passphrase)?;
        let path = self.path().to_owned();
        let theirs = authority.swarm();
        let known = self.card()?;
        if let Some(card) = &known
            && card.swarm != theirs
        {
            let ours = card.swarm;
            return Err(HomeError::OtherSwarm { path, ours, theirs });
        }
        if self.authority()?.is_some() {
            return Err(HomeError::Taken {
                path,
                swarm: theirs,
            });
        }
        let card = match known {
            Some(card) => card,
            None => {
                let node = node.unwrap_or_else(node_name);
                let card = SwarmCard {
                    swarm: theirs,
                    node,
                };
                write_json(&self.path().join("swarm.json"), &card)?;
                write_json(&self.path().join("peers.json"), &peers)?;
                write_secret(&self.path().join("enrolled"), b"")?;
                card
            }
        };
        write_secret(&self.path().join("register"), &register.to_bytes())?;
        // Last: what was begun is done over, what has an authority is complete.
        write_secret(&self.path().join("authority"), &authority.to_bytes()?)?;
        Ok(card)
    }
}
