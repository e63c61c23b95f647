//! Did-you-mean: the known word nearest to one that was typed.

/// The candidate nearest to `typed`, where one is near enough to be a slip.
pub(crate) fn nearest<'a>(
    typed: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    few_letters_off(typed, candidates.clone()).or_else(|| same_beginning(typed, candidates))
}

fn few_letters_off<'a>(
    typed: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    /// Longer words are compared no further: a key of this length is no slip of one of ours.
    const WORD_CHARS_MAX: usize = 64;

    let folded = fold(typed);
    let n_chars = folded.chars().count();
    if n_chars > WORD_CHARS_MAX {
        return None;
    }
    // A third of the word may be wrong: `oracel` is `oracle`, but `tags` is not `name`.
    let distance_max = (n_chars / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&folded, &fold(candidate)),
                candidate,
            )
        })
        .filter(|(distance, candidate)| {
            *distance <= distance_max && *distance < candidate.chars().count()
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The candidate that begins as `typed` does: `childs` is `children`, `warn` is `warning`.
fn same_beginning<'a>(
    typed: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    const SHARED_MIN: usize = 4;

    let typed = fold(typed);
    let shared_min = SHARED_MIN.max(typed.chars().count() * 2 / 3);
    let shared = |word: &str| {
        typed
            .chars()
            .zip(fold(word).chars())
            .take_while(|(a, b)| a == b)
            .count()
    };
    candidates
        .into_iter()
        .map(|candidate| (shared(candidate), candidate))
        .filter(|(n_shared, _)| *n_shared >= shared_min)
        .max_by_key(|(n_shared, _)| *n_shared)
        .map(|(_, candidate)| candidate)
}

/// `did you mean X?`, or the list of what is known.
pub(crate) fn cure<'a>(
    typed: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
    what: &str,
) -> Option<String> {
    if let Some(near) = nearest(typed, known.clone()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let mut words: Vec<&str> = known.into_iter().collect();
    words.dedup();
    if words.is_empty() {
        return None;
    }
    Some(format!("{what}: {}", listed(&words)))
}

/// `a`, `b` and `c`, at most LISTED_MAX of them.
pub(crate) fn listed(words: &[&str]) -> String {
    const LISTED_MAX: usize = 24;

    let shown: Vec<String> = words
        .iter()
        .take(LISTED_MAX)
        .map(|word| format!("`{word}`"))
        .collect();
    let rest = words.len().saturating_sub(LISTED_MAX);
    if rest > 0 {
        return format!("{} and {rest} more", shown.join(", "));
    }
    match shown.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
        None => String::new(),
    }
}

/// Case and the choice between `-`, `_` and a space are never the difference that is meant.
fn fold(word: &str) -> String {
    word.chars()
        .map(|c| {
            if matches!(c, '-' | ' ') {
                '_'
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["oracle_role", "collectors", "name", "in", "service-manager"];
        let check = |typed, expected| assert_eq!(nearest(typed, known), expected, "{typed}");
        check("oracel_role", Some("oracle_role"));
        check("Collectors", Some("collectors"));
        check("colectors", Some("collectors"));
        check("service_manager", Some("service-manager"));
        check("nam", Some("name"));
        check("collect", Some("collectors"));
        check("x", None);
        check("patrol", None);
        check("", None);
    }
}
