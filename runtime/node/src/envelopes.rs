//! What agents say to people, enclosed for their sessions' keys.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use skep_agent::SendError;
use skep_identity::{EnvelopeMaker, IdentityError, PublicKey};
use skep_packet::{Address, Inscription, SessionKey, SwarmId, Token};

/// Requests whose content keys are remembered; at the bound the oldest is forgotten, and what is
/// still said to it gets another key.
const MAKERS_MAX: usize = 1024;

/// One request as one origin answers it.
type Answered = (Address, Token);

/// Fills envelopes, with one content key for each origin of each request.
pub(crate) struct Envelopes {
    swarm: SwarmId,
    makers: Mutex<Makers>,
}

#[derive(Default)]
struct Makers {
    known: BTreeMap<Answered, (SessionKey, Arc<EnvelopeMaker>)>,
    in_order: VecDeque<Answered>,
}

impl fmt::Debug for Envelopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelopes").finish_non_exhaustive()
    }
}

impl Envelopes {
    pub(crate) fn new(swarm: SwarmId) -> Self {
        Self {
            swarm,
            makers: Mutex::default(),
        }
    }

    /// The content as an envelope for this key, base64.
    pub(crate) fn enclose(
        &self,
        key: &SessionKey,
        about: &Inscription,
        content: &[u8],
    ) -> Result<String, SendError> {
        let failed = |error: IdentityError| SendError::NotSealed {
            reason: error.to_string(),
        };
        let maker = self.maker(key, about).map_err(failed)?;
        let envelope = maker.enclose(self.swarm, about, content);
        Ok(STANDARD.encode(envelope.map_err(failed)?))
    }

    fn maker(
        &self,
        key: &SessionKey,
        about: &Inscription,
    ) -> Result<Arc<EnvelopeMaker>, IdentityError> {
        let answered = (about.origin.clone(), about.token.clone());
        let mut makers = self.makers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, maker)) = makers.known.get(&answered)
            && known == key
        {
            return Ok(Arc::clone(maker));
        }
        let maker = Arc::new(EnvelopeMaker::new(&PublicKey::from_spki(&key.0)?)?);
        let entry = (key.clone(), Arc::clone(&maker));
        if makers.known.insert(answered.clone(), entry).is_none() {
            makers.in_order.push_back(answered);
        }
        if makers.in_order.len() > MAKERS_MAX
            && let Some(oldest) = makers.in_order.pop_front()
        {
            makers.known.remove(&oldest);
        }
        Ok(maker)
    }
}

#[cfg(test)]
mod tests {
    use skep_identity::{EnvelopeReader, PrivateKey, SESSION_KEY_BITS};
    use uuid::Uuid;

    use super::*;

    fn about(n: usize, seq: u64) -> Inscription {
        Inscription {
            session: None,
            token: Token::new(&format!("t{n}")).unwrap(),
            origin: "w@n1".parse().unwrap(),
            seq,
        }
    }

    #[test]
    fn a_request_has_one_content_key_and_few_are_remembered() {
        let swarm = SwarmId(Uuid::from_u128(1));
        let envelopes = Envelopes::new(swarm);
        let private = PrivateKey::generate(SESSION_KEY_BITS).unwrap();
        let key = SessionKey(private.public().spki().clone());
        for n in 0..MAKERS_MAX + 5 {
            for seq in 0..2 {
                envelopes.enclose(&key, &about(n, seq), b"x").unwrap();
            }
        }
        let makers = envelopes.makers.lock().unwrap();
        assert_eq!(
            (makers.known.len(), makers.in_order.len()),
            (MAKERS_MAX, MAKERS_MAX)
        );
        drop(makers);
        let said = envelopes.enclose(&key, &about(0, 9), b"said").unwrap();
        let mut reader = EnvelopeReader::new(swarm, &private).unwrap();
        let opened = reader.open(&about(0, 9), &STANDARD.decode(said).unwrap());
        assert_eq!(opened.unwrap(), b"said");
    }

    #[test]
    fn what_is_no_key_gets_nothing() {
        let envelopes = Envelopes::new(SwarmId(Uuid::from_u128(1)));
        let key = SessionKey(bytes::Bytes::from_static(b"no key"));
        let refused = envelopes.enclose(&key, &about(0, 0), b"x").unwrap_err();
        assert!(
            matches!(refused, SendError::NotSealed { .. }),
            "{refused:?}"
        );
    }
}
