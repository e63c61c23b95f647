//! Bytes to values and back: MessagePack for packets and frames, JSON for contents.

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use crate::{Refusal, limits::DECODE_DEPTH_MAX};

/// Why bytes are no value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// More bytes than the limit of what is being read; nothing was decoded.
    #[error("{got} bytes where at most {max} are allowed")]
    Oversized {
        /// Bytes found.
        got: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// The bytes end before the value does.
    #[error("the bytes end before the value does")]
    Truncated,
    /// Bytes stand behind the value.
    #[error("bytes stand behind the value")]
    Trailing,
    /// The structure is not the expected one, or nests too deeply.
    #[error("not the expected structure: {reason}")]
    Malformed {
        /// What the decoder says, without the bytes themselves.
        reason: String,
    },
}

impl CodecError {
    /// The reason under which the bytes are counted as refused.
    #[must_use]
    pub const fn refusal(&self) -> Refusal {
        match self {
            Self::Oversized { .. } => Refusal::Oversized,
            Self::Truncated => Refusal::Truncated,
            Self::Trailing | Self::Malformed { .. } => Refusal::Malformed,
        }
    }
}

/// Room for most packets: growing would copy them.
const ENCODED_BYTES_GUESS: usize = 1024;

/// Encodes a packet, frame or signed object as MessagePack arrays.
#[must_use]
pub fn encode<T: Serialize>(value: &T) -> Bytes {
    let mut bytes = Vec::with_capacity(ENCODED_BYTES_GUESS);
    encode_into(&mut bytes, value);
    Bytes::from(bytes)
}

/// The same, behind what a buffer holds already: whoever encodes many values makes one buffer.
pub fn encode_into<T: Serialize>(buffer: &mut Vec<u8>, value: &T) {
    rmp_serde::encode::write(buffer, value).expect("our own types encode into memory");
}

/// Decodes MessagePack strictly: at most `max` bytes, at most
/// [`DECODE_DEPTH_MAX`] deep, nothing behind the value.
///
/// # Errors
/// [`CodecError`] names which of these rules was broken; it never panics on any input.
pub fn decode<T: DeserializeOwned>(bytes: &[u8], max: usize) -> Result<T, CodecError> {
    if bytes.len() > max {
        return Err(CodecError::Oversized {
            got: bytes.len(),
            max,
        });
    }
    // Texts and bytes are read where they stand: a copying decoder costs twice as much.
    let mut decoder = rmp_serde::Deserializer::from_read_ref(bytes);
    decoder.set_max_depth(DECODE_DEPTH_MAX);
    let value = T::deserialize(&mut decoder).map_err(|error| decode_error(&error))?;
    if is_at_end(&mut decoder) {
        Ok(value)
    } else {
        Err(CodecError::Trailing)
    }
}

/// Only where nothing is left the marker of one more value is missing.
fn is_at_end<'de, D>(decoder: D) -> bool
where
    D: Deserializer<'de, Error = rmp_serde::decode::Error>,
{
    let one_more = bool::deserialize(decoder);
    matches!(
        one_more,
        Err(rmp_serde::decode::Error::InvalidMarkerRead(_))
    )
}

fn decode_error(error: &rmp_serde::decode::Error) -> CodecError {
    use rmp_serde::decode::Error;
    match error {
        Error::InvalidMarkerRead(io) | Error::InvalidDataRead(io)
            if io.kind() == std::io::ErrorKind::UnexpectedEof =>
        {
            CodecError::Truncated
        }
        other => CodecError::Malformed {
            reason: other.to_string(),
        },
    }
}

/// Encodes a packet's content, as JSON.
#[must_use]
pub fn encode_content<T: Serialize>(value: &T) -> Bytes {
    Bytes::from(serde_json::to_vec(value).expect("our own types encode into memory"))
}

/// Decodes a packet's content from JSON, at most [`DECODE_DEPTH_MAX`] deep.
///
/// # Errors
/// [`CodecError::Malformed`] with the reason; it never panics on any input.
pub fn decode_content<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    check_depth(bytes)?;
    serde_json::from_slice(bytes).map_err(|error| CodecError::Malformed {
        reason: error.to_string(),
    })
}

/// Counts open brackets outside strings, so that no decoder recurses deeper than we allow.
fn check_depth(bytes: &[u8]) -> Result<(), CodecError> {
    if n_opens(bytes) <= DECODE_DEPTH_MAX {
        return Ok(());
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in bytes {
        match (in_string, escaped, byte) {
            (true, true, _) => escaped = false,
            (true, false, b'\\') => escaped = true,
            (_, false, b'"') => in_string = !in_string,
            (false, _, b'[' | b'{') => depth += 1,
            (false, _, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DECODE_DEPTH_MAX {
            let reason = format!("nested deeper than {DECODE_DEPTH_MAX}");
            return Err(CodecError::Malformed { reason });
        }
    }
    Ok(())
}

/// Brackets that open something, counted in steps that fit a byte: so the compiler counts many of
/// them at a time.
fn n_opens(bytes: &[u8]) -> usize {
    let opens = |byte: &u8| u8::from(matches!(byte, b'[' | b'{'));
    let steps = bytes.chunks(usize::from(u8::MAX));
    steps
        .map(|step| usize::from(step.iter().map(opens).sum::<u8>()))
        .sum()
}

#[cfg(test)]
mod tests;
