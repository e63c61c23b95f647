//! Bearers: who may look at the tree and the metrics over TCP, while connected and logged in.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The bearers of the connections that are logged in; as many as there are connections.
#[derive(Debug, Default)]
pub(crate) struct Bearers(Mutex<HashSet<String>>);

/// A bearer that is good until this is dropped.
#[derive(Debug)]
pub(crate) struct Bearer {
    text: String,
    all: Arc<Bearers>,
}

impl Bearers {
    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn issue(self: &Arc<Self>, random: u128) -> Bearer {
        let text = format!("{random:032x}");
        self.lock().insert(text.clone());
        Bearer {
            text,
            all: self.clone(),
        }
    }

    /// Looks the text up by its hash, so time tells nothing about how much of it fits.
    pub(crate) fn knows(&self, text: &str) -> bool {
        self.lock().contains(text)
    }
}

impl Bearer {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl Drop for Bearer {
    fn drop(&mut self) {
        self.all.lock().remove(&self.text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_is_good_while_its_connection_is_open() {
        let all = Arc::new(Bearers::default());
        let bearer = all.issue(7);
        let text = bearer.text().to_owned();
        assert!(all.knows(&text));
        assert!(!all.knows("7"));
        drop(bearer);
        assert!(!all.knows(&text));
    }
}
