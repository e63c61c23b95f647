use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use skep_log_watcher::offline;
use skep_log_watcher::offline::Options;
use skep_log_watcher::offline::Spec;

use crate::world::folder;

#[test]
fn files_give_a_digest_without_a_node() {
    let folder = folder();
    let path = folder.path().join("auth.log");
    let specs = [
        Spec {
            collector: "sshd".to_owned(),
            paths: vec![path.clone()],
        },
        Spec {
            collector: "httpd".to_owned(),
            paths: vec![folder.path().join("none")],
        },
    ];
    let read = AtomicU64::new(0);
    let digest = offline::digest(&specs, &Options::new(1_800_000_000), |bytes| {
        read.store(bytes, Ordering::Relaxed);
    });
    let sshd = digest.collectors.get("sshd").unwrap();
    assert_eq!((sshd.lines_read, sshd.totals.get("failed")), (3, Some(&2)));
    assert_eq!(
        read.load(Ordering::Relaxed),
        std::fs::metadata(&path).unwrap().len()
    );
    let errors = &digest.collectors.get("httpd").unwrap().coverage.errors;
    assert_eq!(errors[0].problem, "no such file");
    assert!(!errors[0].cure.is_empty());
    let document = offline::document(&digest, &Options::new(1_800_000_000), None);
    let text = skep_log_watcher::text(&document);
    assert!(
        text.contains("SSHD Begin") && text.contains("HTTPD End"),
        "{text}"
    );
}

#[test]
fn older_lines_can_be_left_out() {
    let folder = folder();
    let specs = [Spec {
        collector: "sshd".to_owned(),
        paths: vec![folder.path().join("auth.log")],
    }];
    let options = Options {
        since_unix_s: Some(1_800_000_000),
        ..Options::new(1_800_000_000)
    };
    let digest = offline::digest(&specs, &options, |_| {});
    let sshd = digest.collectors.get("sshd").unwrap();
    assert_eq!((sshd.lines_read, sshd.coverage.lines.outside), (3, 3));
}
