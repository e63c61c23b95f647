//! What people ask for.

use skep_agent::{Ctx, HandlerError, StoreError};
use skep_protocol::case::{Case, CaseBrief, Cases, Entry, LIST_MAX, ListCases};

use crate::{ForensicDetective, core::Stored, rows};

/// Cases listed where nobody says how many.
const LIST_DEFAULT: usize = 20;

/// Bytes of a list, so that it fits a packet.
const LIST_BYTES_MAX: usize = 192 * 1024;

/// Letters of an id that name a case, at least.
const ID_CHARS_MIN: usize = 4;

/// The cases that are wanted, those that changed last first.
pub(crate) fn find(ctx: &Ctx<ForensicDetective>, wanted: &ListCases) -> Result<Cases, StoreError> {
    let words = words(wanted.query.as_deref());
    let mut found = Vec::new();
    for brief in rows::briefs(ctx)? {
        let fits = wanted.state.is_none_or(|state| brief.state == state)
            && wanted
                .since
                .is_none_or(|since_ms| brief.last_ms >= since_ms);
        if fits && holds_all(ctx, &brief, &words)? {
            found.push(brief);
        }
    }
    found.sort_by_key(|brief| std::cmp::Reverse((brief.updated_ms, brief.id)));
    Ok(fitted(found, wanted.limit))
}

fn fitted(found: Vec<CaseBrief>, limit: Option<usize>) -> Cases {
    let limit = limit.unwrap_or(LIST_DEFAULT).clamp(1, LIST_MAX);
    let n_found = found.len();
    let mut cases = Cases::default();
    let mut bytes = 0;
    for brief in found.into_iter().take(limit) {
        bytes += serde_json::to_vec(&brief).map_or(LIST_BYTES_MAX, |json| json.len());
        if bytes > LIST_BYTES_MAX {
            break;
        }
        cases.cases.push(brief);
    }
    cases.more = (n_found - cases.cases.len()) as u64;
    cases
}

fn words(query: Option<&str>) -> Vec<String> {
    let words = query.unwrap_or_default().split_whitespace();
    words.map(str::to_lowercase).collect()
}

/// Whether each word stands somewhere in a case; the whole of it is read only where its line does
/// not tell.
fn holds_all(
    ctx: &Ctx<ForensicDetective>,
    brief: &CaseBrief,
    words: &[String],
) -> Result<bool, StoreError> {
    let names = brief.hosts.iter().chain(&brief.sources);
    let line = format!(
        "{} {} {}",
        brief.id,
        brief.title,
        names.cloned().collect::<Vec<_>>().join(" ")
    );
    let line = line.to_lowercase();
    let open: Vec<&String> = words.iter().filter(|word| !line.contains(*word)).collect();
    if open.is_empty() {
        return Ok(true);
    }
    let Some(stored) = ctx.get::<Stored>(&rows::case(brief.id))? else {
        return Ok(false);
    };
    let text = all_text(&stored.case).to_lowercase();
    Ok(open.iter().all(|word| text.contains(*word)))
}

fn all_text(case: &Case) -> String {
    let mut text = crate::show::text(case);
    for Entry { event, origin, .. } in &case.timeline {
        // As programs write it, too.
        text.push_str(&format!(" {event} {origin}"));
    }
    text
}

/// The case whose id begins so.
pub(crate) fn one(ctx: &Ctx<ForensicDetective>, id: &str) -> Result<Case, HandlerError> {
    let plain = |text: &str| text.replace('-', "").to_lowercase();
    let wanted = plain(id.trim());
    if wanted.len() < ID_CHARS_MIN {
        let text = format!("give at least {ID_CHARS_MIN} letters of the case's id");
        return Err(HandlerError::Refused(text));
    }
    let briefs = rows::briefs(ctx)?;
    let mut fitting = briefs
        .iter()
        .filter(|brief| plain(&brief.id.to_string()).starts_with(&wanted));
    let refused = |text: &str| Err(HandlerError::Refused(text.to_owned()));
    match (fitting.next(), fitting.next()) {
        (Some(brief), None) => match ctx.get::<Stored>(&rows::case(brief.id))? {
            Some(stored) => Ok(stored.case),
            None => refused("there is no such case"),
        },
        (Some(_), Some(_)) => refused("several cases begin so: give more letters"),
        (None, _) => refused("there is no such case: `skep cases` lists them"),
    }
}
