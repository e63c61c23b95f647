//! Maps of what is open, as pairs: JSON's own maps want text for keys.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;

type Map<K, V> = HashMap<K, V, RandomState>;

/// Writes a map in the order of its keys.
pub(crate) fn serialize<S, K, V>(map: &Map<K, V>, serializer: S) -> Result<S::Ok, S::Error>
where
    S: Serializer,
    K: Serialize + Ord,
    V: Serialize,
{
    let mut pairs: Vec<(&K, &V)> = map.iter().collect();
    pairs.sort_unstable_by_key(|(key, _)| *key);
    pairs.serialize(serializer)
}

/// Reads one, at most `MAX` pairs of it: nobody wrote more.
pub(crate) fn read<'de, D, K, V, const MAX: usize>(deserializer: D) -> Result<Map<K, V>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + Eq + Hash,
    V: Deserialize<'de>,
{
    let pairs = Vec::<(K, V)>::deserialize(deserializer)?;
    Ok(pairs.into_iter().take(MAX).collect())
}
