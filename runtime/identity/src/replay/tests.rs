use std::collections::HashSet;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const KEY: KeyId = KeyId([1; 32]);

fn boot(n: u64) -> BootId {
    BootId(Uuid::from_u128(n.into()))
}

fn mark(guard: &mut ReplayGuard, at: u64, seq: u64) -> Result<(), Refusal> {
    guard.boot(KEY, boot(at), at)?.mark(Lane::Command, seq)
}

#[test]
fn each_number_counts_once() {
    let mut window = Window::default();
    for seq in [1, 2, 5, 3, 4, 70, 64, 6] {
        assert_eq!(window.mark(seq), Ok(()), "{seq}");
        assert_eq!(window.mark(seq), Err(Refusal::Replayed), "{seq}");
    }
    assert_eq!(window.mark(0), Err(Refusal::Malformed));
}

#[test]
fn numbers_below_the_window_are_sealed_again() {
    let mut window = Window::default();
    window.mark(REPLAY_WINDOW_BITS + 10).unwrap();
    assert_eq!(window.mark(10), Err(Refusal::Reseal));
    assert_eq!(window.mark(11), Ok(()));
    window.mark(u64::MAX).unwrap();
    assert_eq!(window.mark(REPLAY_WINDOW_BITS + 10), Err(Refusal::Reseal));
    assert_eq!(window.mark(u64::MAX), Err(Refusal::Replayed));
    assert!(window.words.len() <= 1 + usize::try_from(REPLAY_WINDOW_BITS / 64).unwrap());
}

#[test]
fn a_lane_without_gaps_takes_no_memory() {
    let mut window = Window::default();
    for seq in 1..=200_000 {
        window.mark(seq).unwrap();
        assert!(window.words.len() <= 1);
    }
}

#[test]
fn lanes_boots_and_signers_count_for_themselves() {
    let mut guard = ReplayGuard::default();
    for lane in Lane::ALL {
        for (key, at) in [(KEY, 1), (KEY, 2), (KeyId([2; 32]), 1)] {
            let mut windows = guard.boot(key, boot(at), at).unwrap();
            assert_eq!(windows.mark(lane, 1), Ok(()));
            assert_eq!(windows.mark(lane, 1), Err(Refusal::Replayed));
        }
    }
}

#[test]
fn a_forgotten_boot_does_not_come_back() {
    let mut guard = ReplayGuard::default();
    for at in 1..=6 {
        mark(&mut guard, at, 1).unwrap();
    }
    assert_eq!(guard.n_boots, BOOTS_PER_SIGNER_MAX);
    assert_eq!(mark(&mut guard, 1, 1), Err(Refusal::Reseal));
    assert_eq!(mark(&mut guard, 2, 1), Err(Refusal::Reseal));
    assert_eq!(mark(&mut guard, 3, 1), Err(Refusal::Replayed));
    // Sealed again by the same boot, it is signed later than what was forgotten.
    assert_eq!(
        guard.boot(KEY, boot(2), 10).unwrap().mark(Lane::Command, 2),
        Ok(())
    );
}

#[test]
fn all_boots_together_are_bounded() {
    let mut guard = ReplayGuard::default();
    for n in 0..BOOTS_MAX + 50 {
        let n = u64::try_from(n).unwrap();
        let mut key = [0; 32];
        key[..8].copy_from_slice(&n.to_be_bytes());
        guard
            .boot(KeyId(key), boot(n), 5)
            .unwrap()
            .mark(Lane::Bulk, 1)
            .unwrap();
    }
    assert_eq!(guard.n_boots, BOOTS_MAX);
    let first = guard.boot(KeyId([0; 32]), boot(0), 5);
    assert_eq!(first.err(), Some(Refusal::Reseal));
}

proptest! {
    #[test]
    fn the_window_agrees_with_a_plain_set(seqs in prop::collection::vec(1_u64..700, 1..900)) {
        let mut window = Window::default();
        let mut seen = HashSet::new();
        for seq in seqs {
            let expected = if seen.insert(seq) { Ok(()) } else { Err(Refusal::Replayed) };
            prop_assert_eq!(window.mark(seq), expected);
        }
    }

    #[test]
    fn no_number_counts_twice_however_far_they_jump(
        seqs in prop::collection::vec((0_u32..64, any::<u64>()), 1..60),
    ) {
        let mut window = Window::default();
        let mut seen = HashSet::new();
        for (shift, seq) in seqs {
            let seq = (seq >> shift).max(1);
            if window.mark(seq).is_ok() {
                prop_assert!(seen.insert(seq));
            }
        }
    }
}
