//! A response being read, within its bounds of silence and size.

use std::time::Duration;

use reqwest::{Response, header::RETRY_AFTER};
use skep_agent::one_line;
use skep_lines::neutral_cut;
use tokio::time::timeout;

use super::{ModelError, REASON_BYTES_MAX};

/// Bytes that a server may send for one answer, with all that stands around it; more are not read.
pub(super) const STREAM_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A response being read, within its bounds of silence and size.
pub(super) struct Body {
    pub(super) response: Response,
    silence: Duration,
    n_bytes: usize,
}

impl Body {
    pub(super) fn new(response: Response, silence: Duration) -> Self {
        Self {
            response,
            silence,
            n_bytes: 0,
        }
    }

    pub(super) async fn chunk(&mut self) -> Result<Option<Vec<u8>>, ModelError> {
        let chunk = timeout(self.silence, self.response.chunk()).await;
        let chunk = chunk.map_err(|_| ModelError::TimedOut)?;
        let chunk = chunk.map_err(|error| ModelError::Broke(one_line(&error.without_url())))?;
        self.n_bytes += chunk.as_ref().map_or(0, |chunk| chunk.len());
        match self.n_bytes > STREAM_BYTES_MAX {
            true => Err(ModelError::TooLarge {
                max: STREAM_BYTES_MAX,
            }),
            false => Ok(chunk.map(|chunk| chunk.to_vec())),
        }
    }

    pub(super) async fn whole(&mut self) -> Result<Vec<u8>, ModelError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            bytes.extend(chunk);
        }
        Ok(bytes)
    }

    /// What a server that says no says; of a long text only the start is read.
    pub(super) async fn refusal(&mut self) -> ModelError {
        let header = self.response.headers().get(RETRY_AFTER);
        let retry_after = header.and_then(|value| value.to_str().ok());
        let retry_after = retry_after.map(str::to_owned);
        let mut bytes = Vec::new();
        while bytes.len() < REASON_BYTES_MAX
            && let Ok(Some(chunk)) = self.chunk().await
        {
            bytes.extend(chunk);
        }
        ModelError::Http {
            status: self.response.status().as_u16(),
            text: neutral_cut(bytes.trim_ascii(), REASON_BYTES_MAX),
            retry_after,
        }
    }
}
