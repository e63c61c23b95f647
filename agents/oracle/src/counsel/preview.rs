//! What would leave the host, shown instead of sent.

use skep_agent::{Ctx, StoreError};
use skep_protocol::oracle::{OutboundRequest, Preview, Prompt};

use super::{Counsel, backend::Backend, inquiry::Inquiry, inquiry::Telling};
use crate::{
    Config, Oracle,
    builtin::{self, Learned},
    model::question::Material,
    redact::PseudonymKey,
};

impl Counsel {
    /// The requests that a question would make, in the order of preference. Nothing is learned
    /// from it, spent or sent.
    pub(crate) async fn preview(
        &self,
        ctx: &Ctx<Oracle>,
        prompt: &Prompt,
    ) -> Result<Preview, StoreError> {
        if self.backends.is_empty() {
            return Ok(Preview::default());
        }
        let inquiry = Inquiry::new(prompt);
        let report = self.builtin(ctx, &inquiry, false).await?;
        Ok(requests(
            &self.backends,
            inquiry.material(&report, self.telling()),
        ))
    }
}

/// What a question would make leave the host where an oracle has this config and has learned
/// nothing yet. Its pseudonyms are those of `key`.
///
/// # Errors
/// What in the config makes no sense.
pub fn preview(config: &Config, prompt: &Prompt, key: [u8; 32]) -> Result<Preview, String> {
    let models = config.models().into_iter();
    let backends: Result<Vec<Backend>, String> = models
        .map(|(speaks, model)| Backend::new(speaks, model))
        .collect();
    let inquiry = Inquiry::new(prompt);
    let mut learned = Vec::new();
    learned.resize_with(inquiry.digest.collectors.0.len(), Learned::default);
    let report = builtin::analyse(&inquiry.digest, inquiry.about(), &mut learned, false);
    let telling = Telling {
        mode: config.response_mode,
        redact: config.redact,
        key: PseudonymKey(key),
    };
    Ok(requests(&backends?, inquiry.material(&report, telling)))
}

fn requests(backends: &[Backend], material: Material<'_>) -> Preview {
    let request = |backend: &Backend| {
        let request = backend.request(material);
        OutboundRequest {
            backend: backend.name.clone(),
            url: backend.model.url().to_owned(),
            body: String::from_utf8_lossy(&request.body).into_owned(),
        }
    };
    Preview {
        requests: backends.iter().map(request).collect(),
        withheld: material.withheld.iter().cloned().collect(),
    }
}
