use serde_json::json;
use skep_agent::testkit::Testkit;
use skep_log_watcher::LogWatcher;
use skep_packet::Kind;
use skep_protocol::severity::Severity;
use skep_protocol::status::StatusEvent;

use crate::world::append;

#[tokio::test(start_paused = true)]
async fn grave_lines_are_told_between_patrols() {
    let folder = tempfile::tempdir().unwrap();
    append(&folder, &["fatal: before we came"]);
    let config = json!({
        "collectors": [], "log_path": folder.path().join("auth.log"), "service_name": "app",
        "report_to_role": "hive.forensics.data_feed", "check_interval_sec": 10,
    });
    let mut kit: Testkit<LogWatcher> = Testkit::start(config).await;
    kit.serve("hive.forensics.data_feed", "detective@n1", "cmd_ingest");
    kit.idle().await;
    append(
        &folder,
        &[
            "all is well",
            "access denied to mallory",
            "fatal: out of paper",
        ],
    );
    let sent = kit.next_sent().await;
    assert_eq!(sent.outgoing.kind, Kind::Status);
    let event: StatusEvent = sent.content();
    assert_eq!(
        (event.subject.as_str(), event.severity),
        ("app", Severity::Critical)
    );
    assert!(
        event
            .detail
            .starts_with("1 critical, 1 warning; the newest: "),
        "{}",
        event.detail
    );
    assert!(
        event.detail.ends_with("fatal: out of paper"),
        "{}",
        event.detail
    );
    assert!(
        kit.next_sent_within(std::time::Duration::from_secs(60))
            .await
            .is_none()
    );
}
