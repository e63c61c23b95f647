use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn table_of(keys: &[u8], keys_max: usize) -> Table {
    let mut table = Table::with_keys_max(keys_max);
    for key in keys {
        table.count(&[*key], 1);
    }
    table
}

fn true_counts(keys: &[u8]) -> BTreeMap<u8, u64> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(*key).or_default() += 1;
    }
    counts
}

/// No row says too much, or less than its error allows, and no heavy key is missing.
fn assert_bounds(table: &Table, truth: &BTreeMap<u8, u64>) {
    let (_, dropped, error) = table.dropped();
    let kept: u64 = table.iter().map(|(_, row)| row.counts[0]).sum();
    assert_eq!(
        kept + dropped[0],
        truth.values().sum::<u64>(),
        "nothing is lost from the sum"
    );
    for (key, count) in truth {
        match table.iter().find(|(known, _)| *known == [*key]) {
            Some((_, row)) => {
                assert!(row.counts[0] <= *count, "{key}");
                assert!(row.counts[0] + row.error >= *count, "{key}");
            }
            None => assert!(
                *count <= error,
                "{key} has {count} and is missing, error {error}"
            ),
        }
    }
}

#[test]
fn it_is_exact_below_its_bound() {
    let mut table = Table::default();
    let long = [b'k'; 300];
    table.add(b"a", [2, 1]);
    table.count(&long, 1);
    table.add(b"a", [1, 0]);
    assert_eq!(
        table.top(9)[0],
        (
            &b"a"[..],
            &Row {
                counts: [3, 1],
                error: 0
            }
        )
    );
    assert_eq!(table.top(9)[1].0.len(), KEY_BYTES_MAX);
    assert_eq!(table.top(1).len(), 1);
    assert_eq!(table.dropped(), (0, [0, 0], 0));
    table.subtract(&long, [1, 0]);
    assert_eq!((table.len(), table.key_bytes), (1, 0));
}

#[test]
fn equal_rows_have_a_fixed_order() {
    let table = table_of(b"cab", 10);
    let keys: Vec<&[u8]> = table.top(2).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [b"a", b"b"]);
}

#[test]
fn long_keys_have_a_bound_of_their_own() {
    let mut table = Table::default();
    for n in 0..60_000u32 {
        let mut key = [b'/'; KEY_BYTES_MAX];
        key[..4].copy_from_slice(&n.to_le_bytes());
        table.count(&key, 1);
    }
    assert!(table.key_bytes <= KEY_BYTES_TOTAL_MAX + KEY_BYTES_MAX);
    assert_eq!(table.dropped().2, 1);
}

proptest! {
    #[test]
    fn beyond_its_bound_the_error_is_stated(keys in proptest::collection::vec(0u8..40, 0..400)) {
        assert_bounds(&table_of(&keys, 8), &true_counts(&keys));
    }

    #[test]
    fn merging_adds_up(
        keys in proptest::collection::vec(0u8..40, 0..400),
        at in any::<prop::sample::Index>(),
    ) {
        let at = at.index(keys.len() + 1);
        let mut table = table_of(&keys[..at], 8);
        table.merge(table_of(&keys[at..], 8));
        assert_bounds(&table, &true_counts(&keys));
        let mut exact = table_of(&keys[..at], 100);
        exact.merge(table_of(&keys[at..], 100));
        let whole = table_of(&keys, 100);
        prop_assert_eq!(exact.top(100), whole.top(100));
    }
}
