//! Children that flood, mumble, hang, crash and cling to life.

use std::fs;

use super::*;

/// Ready, and from then on what the test says.
const READY: &str = "read -r hello; printf '%s\\n' '{\"type\":\"ready\",\"version\":1}'; ";

/// How the agent ends with such a child.
async fn ends(script: &str, beacon: Duration) -> String {
    let mut config = config(script);
    config["ready_time_s"] = json!(2);
    let mut world = Testkit::<External>::start_with(config, |stage| stage.beacon(beacon)).await;
    match world.exit().await {
        Exit::Failed(error) => skep_agent::one_line(&error),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn a_child_that_fails_is_named_and_ends_the_agent() {
    let check = async |script: &str, beacon_ms: u64, expected: &str| {
        let said = ends(script, Duration::from_millis(beacon_ms)).await;
        assert!(said.contains(expected), "{script}: {said}");
    };
    let calm = 5_000;
    let start = "could not start the command: ";
    let early = format!("{start}it ended before it was ready: ");
    check(
        "echo oops >&2; exit 3",
        calm,
        &format!("{early}exit status: 3; it said last: oops"),
    )
    .await;
    check("exec /no/such/thing", calm, "not found").await;
    check(
        "printf '\\033[31mred\\n' >&2; exit 1",
        calm,
        "it said last: \\x1b[31mred",
    )
    .await;
    check(
        "exec sleep 60",
        calm,
        &format!("{start}it was not ready within 2 s"),
    )
    .await;
    check("echo hello; exec sleep 60", calm, "this is no message").await;
    check(
        "echo '{\"type\":\"beacon\"}'; exec sleep 60",
        calm,
        "is not `ready`",
    )
    .await;
    check(
        "echo '{\"type\":\"ready\",\"version\":2}'; exec sleep 60",
        calm,
        "speaks version 2, not 1",
    )
    .await;
    let later = |what: &str| format!("{READY}{what}");
    let lost = "could not keep the command running: ";
    check(
        &later("kill -9 $$"),
        calm,
        &format!("{lost}signal: 9 (SIGKILL)"),
    )
    .await;
    check(&later("exit 7"), calm, &format!("{lost}exit status: 7")).await;
    check(
        &later("exec >&-; exec sleep 60"),
        calm,
        "it closed its stdout",
    )
    .await;
    // It reads nothing, so our writes block, and no beacon comes.
    check(&later("exec sleep 60"), 200, "it hangs: no beacon came").await;
    // It reads everything and says nothing.
    check(&later("cat > /dev/null"), 200, "it hangs: no beacon came").await;
    // It says something all the time, but no beacon.
    let state = "while :; do echo '{\"type\":\"state\",\"state\":1}'; done";
    check(&later(state), 200, "it hangs: no beacon came").await;
    check(
        &later("while :; do echo garbage; done"),
        calm,
        "100 of its lines are no messages",
    )
    .await;
    check(&later("exit 0"), calm, "Stopped").await;
}

#[tokio::test]
async fn a_command_that_is_not_there_is_named() {
    let mut config = config("");
    config["command"] = json!("/no/such/program");
    let mut world = Testkit::<External>::start(config).await;
    let Exit::Failed(error) = world.exit().await else {
        panic!("it runs")
    };
    let said = skep_agent::one_line(&error);
    assert!(said.contains("/no/such/program"), "{said}");
}

/// What is no message costs a line and nothing else.
#[tokio::test]
async fn garbage_is_refused_and_the_child_heard_again() {
    let garbage = r#"*'"content":"mumble"'*)
        head -c 2000000 /dev/zero | tr '\0' x; say ''
        printf '{"type":"beacon","\377":1}\n'
        say '{"type":"state","state":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}'
        say '{"type":"shutdown"}'
        say '{"type":"beacon"'
        say ''
        say '{"type":"reply","call":999}'
        say '{"type":"ready","version":1}'
        say "{\"type\":\"reply\",\"call\":$n,\"content\":\"sorry\"}" ;;"#;
    let mut world = world(child(garbage)).await;
    do_it(&mut world, &json!("mumble")).await;
    assert_eq!(replied(&mut world).await, json!("sorry"));
    let state = shows(&world, |state| state["bad_lines"] != 0).await;
    assert_eq!(state["bad_lines"], 6);
}

/// It is slowed down to what is taken in a second; nothing piles up, and it still answers.
#[tokio::test]
async fn a_flood_is_slowed_down_and_nothing_piles_up() {
    let flood = r#"*'"content":"flood"'*)
        i=0; while [ $i -lt 12000 ]; do i=$((i+1)); echo '{"type":"state","state":"flood"}'; done
        say "{\"type\":\"reply\",\"call\":$n,\"content\":\"dry\"}" ;;"#;
    let mut config = child(flood);
    config["call_time_s"] = json!(120);
    let mut world = Testkit::<External>::start_with(config, |stage| {
        stage.beacon(Duration::from_secs(30));
    })
    .await;
    let began = world.now();
    do_it(&mut world, &json!("flood")).await;
    assert_eq!(replied(&mut world).await, json!("dry"));
    // 12,000 lines where 5,000 are taken in a second: the third second has begun.
    let took = Duration::from_nanos(world.now().mono_ns - began.mono_ns);
    assert!(took > Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn calls_that_the_child_does_not_read_are_refused_at_once() {
    let script = format!("{READY}exec sleep 60");
    let mut world = Testkit::<External>::start_with(config(&script), |stage| {
        stage.beacon(Duration::from_secs(30));
    })
    .await;
    // More than a pipe and the queue before it hold.
    let large = json!("x".repeat(60_000));
    for _ in 0..100 {
        do_it(&mut world, &large).await;
    }
    for _ in 0..30 {
        let refused = world.next_sent().await;
        assert_eq!(to(&refused), format!("tester@n2/{HANDLER_REPLY_ERROR}"));
        assert_eq!(refused.content::<String>(), "the command does not keep up");
    }
}

fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state stands behind the name in brackets; Z waits to be reaped by somebody else.
    let state = stat.rsplit(") ").next().unwrap_or_default();
    !stat.is_empty() && !state.starts_with('Z')
}

/// It ignores `stop` and SIGTERM, and has a child of its own.
#[tokio::test]
async fn a_child_that_clings_to_life_is_killed_with_what_it_started() {
    let cling = format!(
        "trap '' TERM\nsleep 1000 &\nmine=$!\n{}",
        CHILD
            .replace("exit 0", ":")
            .replace("DO", r#"*'"type":"call"'*) say "{\"type\":\"reply\",\"call\":$n,\"content\":\"$mine $$\"}" ;;"#)
    );
    let mut world = world(config(&cling)).await;
    do_it(&mut world, &Value::Null).await;
    let pids = replied(&mut world).await;
    let pids: Vec<String> = pids
        .as_str()
        .unwrap()
        .split(' ')
        .map(str::to_owned)
        .collect();
    assert!(pids.iter().all(|pid| is_alive(pid)), "{pids:?}");
    // Within the time that an agent has to stop: else this would not be an orderly end.
    world.restart().await;
    assert!(!pids.iter().any(|pid| is_alive(pid)), "{pids:?}");
}

/// The agent itself ends between two instructions, as in a panic: the child goes with it.
#[tokio::test]
async fn no_child_outlives_its_agent() {
    let cases =
        r#"*'"type":"call"'*) say "{\"type\":\"reply\",\"call\":$n,\"content\":\"$$\"}" ;;"#;
    let mut world = world(child(cases)).await;
    do_it(&mut world, &Value::Null).await;
    let pid = replied(&mut world).await;
    drop(world);
    while is_alive(pid.as_str().unwrap()) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_child_takes_no_more_than_its_limits() {
    let cases = r#"*'"content":"limits"'*)
        all=$(grep -E '^Max (data|cpu|processes|open|core)' /proc/$$/limits | tr -s ' ' | tr '\n' ';')
        say "{\"type\":\"reply\",\"call\":$n,\"content\":\"$all\"}" ;;
    *'"content":"memory"'*)
        hog=x; while :; do hog=$hog$hog; done ;;"#;
    let mut config = child(cases);
    config["rlimits"] = json!({"memory_mib": 64, "cpu_s": 30, "files": 32});
    let mut world = world(config).await;
    do_it(&mut world, &json!("limits")).await;
    let limits = replied(&mut world).await;
    let limits = limits.as_str().unwrap();
    for line in [
        "Max cpu time 30 30 seconds",
        "Max data size 67108864 67108864 bytes",
        "Max core file size 0 0 bytes",
        "Max open files 32 32 files",
    ] {
        assert!(limits.contains(line), "{line}: {limits}");
    }
    do_it(&mut world, &json!("memory")).await;
    let Exit::Failed(error) = world.exit().await else {
        panic!("it has all the memory it wants")
    };
    let said = skep_agent::one_line(&error);
    assert!(
        said.contains("could not keep the command running"),
        "{said}"
    );
}

/// A user that this host does not know, so that nobody else's processes count.
const STRANGER: &str = "54321:54321";

fn n_of_stranger() -> usize {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let of_stranger = all.filter(|entry| {
        let status = fs::read_to_string(entry.path().join("status"));
        // The dead ones wait to be reaped by init.
        status.is_ok_and(|status| {
            status.contains("\nUid:\t54321\t") && !status.contains("\nState:\tZ")
        })
    });
    of_stranger.count()
}

/// Only root may start a child as somebody else.
#[tokio::test]
async fn a_fork_bomb_ends_at_the_limit_and_goes_with_its_child() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let bomb = format!("{READY} ( while :; do sleep 60 & done ) 2>/dev/null; exec sleep 60");
    let mut config = config(&bomb);
    config["user"] = json!(STRANGER);
    config["rlimits"] = json!({"processes": 12});
    let mut world = Testkit::<External>::start_with(config, |stage| {
        stage.beacon(Duration::from_millis(500));
    })
    .await;
    let mut most = 0;
    while most < 10 && world.status().state()["pid"].is_number() {
        most = n_of_stranger();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!((10..=12).contains(&most), "{most}");
    // It is busy with itself, so it hangs; what it started goes with it.
    assert!(matches!(world.exit().await, Exit::Failed(_)));
    while n_of_stranger() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_limit_that_does_not_hold_is_no_limit() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let mut config = config(READY);
    config["rlimits"] = json!({"processes": 12});
    let mut world = Testkit::<External>::start(config).await;
    let Exit::Failed(error) = world.exit().await else {
        panic!("it starts")
    };
    let said = error.to_string();
    assert!(
        said.contains("rlimits.processes does not hold root"),
        "{said}"
    );
}
