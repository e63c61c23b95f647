use proptest::prelude::*;

use super::*;

fn count(kinds: &[Kind]) -> u64 {
    let mut attempts = Attempts::default();
    kinds
        .iter()
        .map(|kind| attempts.see(b"h", b"amy", *kind))
        .sum()
}

#[test]
fn what_two_lines_tell_counts_once() {
    use Kind::*;
    assert_eq!(count(&[PamFirst, Command]), 1);
    assert_eq!(count(&[PamFirst, Incorrect(3)]), 3);
    assert_eq!(count(&[PamFirst, Incorrect(3), PamMore(2)]), 3);
    assert_eq!(count(&[PamFirst, PamMore(2), Incorrect(3)]), 3);
    assert_eq!(count(&[PamFirst, PamMore(1), Command]), 2);
    assert_eq!(count(&[Incorrect(3)]), 3);
    assert_eq!(count(&[PamFirst, Incorrect(1), PamFirst, Incorrect(1)]), 2);
    assert_eq!(count(&[PamFirst, Command, Incorrect(2)]), 3);
}

#[test]
fn users_and_hosts_are_apart() {
    let mut attempts = Attempts::default();
    assert_eq!(attempts.see(b"h", b"amy", Kind::PamFirst), 1);
    assert_eq!(attempts.see(b"h", b"bob", Kind::Incorrect(1)), 1);
    assert_eq!(attempts.see(b"g", b"amy", Kind::Incorrect(1)), 1);
    assert_eq!(attempts.see(b"h", b"amy", Kind::Incorrect(1)), 0);
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::PamFirst),
        Just(Kind::Command),
        (1..4u64).prop_map(Kind::PamMore),
        (1..4u64).prop_map(Kind::Incorrect),
    ]
}

proptest! {
    /// However the lines are cut, and in whichever order the parts are joined.
    #[test]
    fn parts_add_up_to_the_whole(
        kinds in prop::collection::vec(kind(), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 2),
        left_first: bool,
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(kinds.len() + 1)).collect();
        cuts.extend([0, kinds.len()]);
        cuts.sort_unstable();
        let mut parts: Vec<(Attempts, u64)> = cuts
            .windows(2)
            .map(|ends| {
                let mut attempts = Attempts::default();
                let see = |kind: &Kind| attempts.see(b"h", b"amy", *kind);
                let n = kinds[ends[0]..ends[1]].iter().map(see).sum();
                (attempts, n)
            })
            .collect();
        while parts.len() > 1 {
            let at = if left_first { 0 } else { parts.len() - 2 };
            let (later, n) = parts.remove(at + 1);
            let twice: u64 = parts[at].0.merge(later).iter().map(|(_, n)| n).sum();
            parts[at].1 += n - twice;
        }
        prop_assert_eq!(parts[0].1, count(&kinds));
    }

    /// A folded line counts as its lines would, in whatever stands around it.
    #[test]
    fn folded_events_count_as_each_would(
        kinds in prop::collection::vec((kind(), 1..5u64), 0..8),
        at: prop::sample::Index,
    ) {
        let one_by_one: Vec<Kind> =
            kinds.iter().flat_map(|(kind, n)| vec![*kind; *n as usize]).collect();
        let fold = |attempts: &mut Attempts, kinds: &[(Kind, u64)]| -> u64 {
            kinds.iter().map(|(kind, n)| attempts.see_all(b"h", b"amy", *kind, *n)).sum()
        };
        prop_assert_eq!(fold(&mut Attempts::default(), &kinds), count(&one_by_one));
        let (first, second) = kinds.split_at(at.index(kinds.len() + 1));
        let (mut earlier, mut later) = (Attempts::default(), Attempts::default());
        let n = fold(&mut earlier, first) + fold(&mut later, second);
        let twice: u64 = earlier.merge(later).iter().map(|(_, n)| n).sum();
        prop_assert_eq!(n - twice, count(&one_by_one));
    }

    /// A part that goes on from a checkpoint counts on.
    #[test]
    fn a_checkpoint_goes_on(kinds in prop::collection::vec(kind(), 0..12), at: prop::sample::Index) {
        let (first, second) = kinds.split_at(at.index(kinds.len() + 1));
        let mut attempts = Attempts::default();
        let mut n: u64 = first.iter().map(|kind| attempts.see(b"h", b"amy", *kind)).sum();
        let mut attempts = Attempts::load(&attempts.save());
        n += second.iter().map(|kind| attempts.see(b"h", b"amy", *kind)).sum::<u64>();
        prop_assert_eq!(n, count(&kinds));
    }
}
