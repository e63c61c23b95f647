//! A file that is no store, or no longer: named, left as it is, never replaced.

use std::{fs, io::Write, os::unix::fs::PermissionsExt, path::PathBuf};

use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::{crashes::contents, disk::Disk, *};

/// A store with rows in it, after an orderly end.
fn filled(dir: &Path) -> (PathBuf, Vec<u8>) {
    let path = dir.join("store.redb");
    let file = File::open(&path).unwrap();
    for group in 0..8_u64 {
        let rows = (0..40_u64).map(|row| {
            let value = vec![u8::try_from(group).unwrap(); 300];
            Op::Put(Table::Outbox, row.to_be_bytes().to_vec(), value.into())
        });
        file.write(rows.collect::<Vec<_>>().iter()).unwrap();
    }
    file.close();
    let bytes = fs::read(&path).unwrap();
    (path, bytes)
}

fn open_at(path: &Path) -> Result<Store, OpenError> {
    Store::open(path, Arc::new(|error| panic!("{error:?}")))
}

/// Opening fails as damage, says so with the cure, and touches nothing.
fn refused(path: &Path, bytes: &[u8], what: &str) {
    fs::write(path, bytes).unwrap();
    let error = open_at(path).unwrap_err();
    assert!(
        matches!(error, OpenError::Damaged { .. }),
        "{what}: {error:?}"
    );
    assert!(
        error.cure().contains("skep store set-aside"),
        "{what}: {}",
        error.cure()
    );
    assert!(
        fs::read(path).unwrap() == bytes,
        "{what}: the file was changed"
    );
    let others = fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!(others, 1, "{what}: something else was made");
}

#[tokio::test]
async fn what_is_no_store_is_named_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (path, good) = filled(dir.path());
    refused(&path, b"", "an empty file");
    refused(&path, b"r", "one byte");
    refused(&path, b"this is no store", "a foreign file");
    refused(&path, &vec![0; good.len()], "zeros");
    refused(&path, &good[..good.len() / 2], "half of it");
    refused(&path, &good[..good.len() - 1], "all but a byte");
    refused(&path, &good[..4096], "its head");
    refused(&path, &[&good[..], &[0; 100]].concat(), "a tail");
    let mut newer = good.clone();
    // The version of both commit slots, as redb's design page gives their place.
    (newer[64], newer[192]) = (9, 9);
    refused(&path, &newer, "a later engine's file");
    fs::write(&path, good).unwrap();
    drop(open_at(&path).unwrap());
}

/// Bits flip anywhere in a file that was closed: it is refused, or nothing is lost.
#[test]
fn flipped_bits_are_found_or_harmless() {
    let dir = tempfile::tempdir().unwrap();
    let (_, good) = filled(dir.path());
    let rows = |bytes: &[u8]| {
        let disk = Disk::holding(bytes.to_vec());
        let database = opening::existing(Path::new("store"), disk)?;
        Ok::<_, OpenError>(contents(&File::of(database)))
    };
    let expected = rows(&good).unwrap();
    let used: Vec<usize> = (0..good.len()).filter(|at| good[*at] != 0).collect();
    let mut rng = SmallRng::seed_from_u64(7);
    let mut n_refused = 0;
    for _ in 0..120 {
        let mut bytes = good.clone();
        // Half of them where something stands; a flip in a page that is free harms nobody.
        let at = if rng.random() {
            used[rng.random_range(0..used.len())]
        } else {
            rng.random_range(0..good.len())
        };
        bytes[at] ^= 1 << rng.random_range(0..8);
        match rows(&bytes) {
            Ok(found) => assert!(found == expected, "a bit at {at} changed what is read"),
            Err(OpenError::Damaged { .. }) => n_refused += 1,
            Err(other) => panic!("a bit at {at}: {other:?}"),
        }
    }
    assert!(n_refused > 10, "only {n_refused} of 120 were found");
}

#[test]
fn what_a_newer_version_wrote_is_not_misread() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = filled(dir.path());
    let file = File::open(&path).unwrap();
    let format = Op::Put(
        Table::Meta,
        b"store_format".to_vec(),
        Bytes::from_static(&[0, 0, 0, 2]),
    );
    file.write([format].iter()).unwrap();
    file.close();
    let error = open_at(&path).unwrap_err();
    assert!(
        matches!(
            error,
            OpenError::Newer {
                format: 2,
                known: 1,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.cure().contains("run that version"));
}

#[test]
fn a_store_of_before_formats_had_numbers_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = filled(dir.path());
    let file = File::open(&path).unwrap();
    file.write([Op::Delete(Table::Meta, b"store_format".to_vec())].iter())
        .unwrap();
    file.close();
    let sizes = Store::look(&path).unwrap();
    assert!(
        sizes.contains(&(Table::Outbox, 40)) && sizes.contains(&(Table::Meta, 1)),
        "{sizes:?}"
    );
}

#[tokio::test]
async fn a_store_that_was_half_made_is_not_seen() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.redb");
    let beside = dir
        .path()
        .join(format!("store.redb.new-{}", std::process::id()));
    fs::write(&beside, b"somebody was killed here").unwrap();
    drop(open_at(&path).unwrap());
    assert!(!beside.exists());
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[tokio::test]
async fn a_store_is_set_aside_only_while_no_node_runs_on_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.redb");
    let store = open_at(&path).unwrap();
    let error = set_aside(&path, "20261121T180000Z").unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    store.close().await;
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"rot").unwrap();
    let rotten = fs::read(&path).unwrap();
    let aside = set_aside(&path, "20261121T180000Z").unwrap();
    assert_eq!(aside, dir.path().join("store.redb.aside-20261121T180000Z"));
    assert!(fs::read(&aside).unwrap() == rotten);
    assert!(!path.exists());
    // A second one under the same stamp would overwrite it.
    let store = open_at(&path).unwrap();
    store.close().await;
    let error = set_aside(&path, "20261121T180000Z").unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error:?}");
    assert!(path.exists() && fs::read(&aside).unwrap() == rotten);
}
