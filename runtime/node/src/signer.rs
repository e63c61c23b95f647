//! The thread that signs: RSA takes milliseconds, which no task of the node waits for.

use std::{sync::mpsc as std_mpsc, thread};

use bytes::Bytes;
use skep_identity::{IdentityError, PrivateKey, Purpose};

/// Signatures that may wait; the sealer has one in flight, the rest are descriptors.
const SIGN_QUEUE_MAX: usize = 64;

/// A signature that is wanted.
#[derive(Debug)]
pub(crate) struct SignRequest {
    pub(crate) what: What,
    pub(crate) bytes: Bytes,
}

/// What a signature is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// A batch of packets, by the sealer's job number.
    Batch(u64),
    /// This node's descriptor, by its version.
    Descriptor(u64),
}

/// A signature, or why there is none.
#[derive(Debug)]
pub(crate) struct SignResult {
    pub(crate) what: What,
    pub(crate) bytes: Bytes,
    pub(crate) signature: Result<Bytes, IdentityError>,
}

/// The way to the signing thread; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Signer {
    requests: std_mpsc::SyncSender<SignRequest>,
}

impl Signer {
    /// Starts the thread. `done` is called from it for each signature and must not block for long.
    pub(crate) fn start(
        key: PrivateKey,
        done: impl Fn(SignResult) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (requests, queue) = std_mpsc::sync_channel::<SignRequest>(SIGN_QUEUE_MAX);
        thread::Builder::new()
            .name("skep-signer".to_owned())
            .spawn(move || {
                while let Ok(SignRequest { what, bytes }) = queue.recv() {
                    let purpose = match what {
                        What::Batch(_) => Purpose::Batch,
                        What::Descriptor(_) => Purpose::Descriptor,
                    };
                    let signature = key.sign(purpose, &bytes);
                    done(SignResult {
                        what,
                        bytes,
                        signature,
                    });
                }
            })?;
        Ok(Self { requests })
    }

    /// Queues a signature; false where the queue is at its bound or the thread has ended.
    pub(crate) fn sign(&self, what: What, bytes: Bytes) -> bool {
        self.requests.try_send(SignRequest { what, bytes }).is_ok()
    }
}
