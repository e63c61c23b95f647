//! A map as pairs: JSON's own maps want text for keys.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;

use super::Key;
use super::PIDS_OPEN_MAX;
use crate::digest::collectors::sshd::pending::Pending;

type Open = HashMap<Key, Pending, RandomState>;

pub(super) fn serialize<S: Serializer>(open: &Open, serializer: S) -> Result<S::Ok, S::Error> {
    let mut pairs: Vec<(&Key, &Pending)> = open.iter().collect();
    pairs.sort_unstable_by_key(|(key, _)| **key);
    pairs.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Open, D::Error> {
    let pairs = Vec::<(Key, Pending)>::deserialize(deserializer)?;
    Ok(pairs.into_iter().take(PIDS_OPEN_MAX).collect())
}
