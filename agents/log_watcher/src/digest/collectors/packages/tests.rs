use proptest::prelude::*;

use crate::digest::ReportOptions;
use crate::digest::collector::Collector;
use crate::digest::render;
use crate::digest::testkit::check;
use crate::digest::testkit::collector;
use crate::digest::testkit::report;
use crate::digest::testkit::settings;
use crate::digest::testkit::totals;

const DPKG: &str = "\
2026-02-12 14:10:21 startup archives unpack
2026-02-12 14:10:21 install sl:amd64 <none> 5.02-1
2026-02-12 14:10:21 status half-installed sl:amd64 5.02-1
2026-02-12 14:10:22 upgrade libc6:amd64 2.36-9 2.36-10
2026-02-12 14:10:23 status installed sl:amd64 5.02-1
2026-02-12 14:20:23 remove sl:amd64 5.02-1 <none>
2026-02-12 14:30:21 install sl:amd64 <none> 5.02-1
2026-02-12 14:35:21 install docs:all <none> 1
2026-02-12 14:40:21 install only-dpkg:all <none> 1
";

const APT: &str = "
Start-Date: 2026-02-12  14:10:20
Commandline: apt-get install sl
Requested-By: amy (1000)
Install: sl:amd64 (5.02-1)
Upgrade: libc6:amd64 (2.36-9, 2.36-10)
End-Date: 2026-02-12  14:10:25

Start-Date: 2026-02-12  14:20:20
Purge: sl:amd64 (5.02-1)
End-Date: 2026-02-12  14:20:25

Start-Date: 2026-02-12  14:30:20
Requested-By: amy (1000)
Install: sl:amd64 (5.02-1), docs:amd64 (1, automatic)
End-Date: 2026-02-12  14:30:25
";

#[test]
fn either_log_counts_alone_and_both_count_once() {
    check("packages", DPKG, "installed 4 upgraded 1 removed 1");
    check("packages", APT, "installed 3 upgraded 1 removed 1");
    for log in [format!("{DPKG}{APT}"), format!("{APT}{DPKG}")] {
        check("packages", &log, "installed 4 upgraded 1 removed 1");
    }
}

#[test]
fn a_patrol_that_reads_the_other_log_next_counts_nothing_again() {
    let options = ReportOptions::default();
    let (first, open) = collector("packages", &settings(), DPKG).finish_part(&options);
    let mut next = Collector::resume("packages", &settings(), &open);
    next.file("/var/log/apt/history.log", None);
    next.feed(APT.as_bytes());
    let second = next.finish(&options);
    assert_eq!(totals(&first), "installed 4 upgraded 1 removed 1");
    assert_eq!(totals(&second), "installed 0 upgraded 0 removed 0");
}

#[test]
fn a_packages_digest_reads_like_this() {
    let text = render("packages", &report("packages", &format!("{DPKG}{APT}")));
    insta::assert_snapshot!(text);
}

/// What a real dpkg and a real apt wrote of the same packages; `testdata/services.sh` made them.
const REAL_DPKG: &str = include_str!("../../../../testdata/dpkg-1.21.log");
const REAL_APT: &str = include_str!("../../../../testdata/apt-2.6-history.log");

/// dpkg alone did a third package; a reinstallation changes nothing.
#[test]
fn what_a_real_dpkg_and_apt_did() {
    check("packages", REAL_DPKG, "installed 3 upgraded 2 removed 2");
    check("packages", REAL_APT, "installed 2 upgraded 2 removed 1");
    let both = format!("{REAL_APT}{REAL_DPKG}");
    check("packages", &both, "installed 3 upgraded 2 removed 2");
}

proptest! {
    #[test]
    fn the_order_of_the_logs_does_not_matter_nor_where_they_are_cut(
        lines in prop::collection::vec(
            prop::sample::select(DPKG.lines().chain(APT.lines()).collect::<Vec<_>>()), 0..40,
        ),
        at in any::<prop::sample::Index>(),
    ) {
        let at = at.index(lines.len() + 1);
        let of = |lines: &[&str]| {
            let log = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
            collector("packages", &settings(), &log)
        };
        let options = ReportOptions::default();
        let whole = of(&lines).finish(&options);
        let mut merged = of(&lines[..at]);
        merged.merge(of(&lines[at..]));
        let merged = merged.finish(&options);
        prop_assert_eq!(&merged.totals, &whole.totals);
        prop_assert_eq!(&merged.tables, &whole.tables);
        let turned: Vec<&str> = lines.iter().rev().copied().collect();
        prop_assert_eq!(&of(&turned).finish(&options).totals, &whole.totals);
    }
}
