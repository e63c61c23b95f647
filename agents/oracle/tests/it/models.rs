//! With models: what they are asked, what comes of it, and what is left where they fail.

use serde_json::json;
use skep_agent::{Level, Principal};
use skep_protocol::{
    callback::Callback,
    oracle::{AskPreview, HANDLER, OracleResponse, PREVIEW_HANDLER, Preview, Prompt},
    severity::Severity,
};

use crate::support::{
    World, ask, beside, degraded, http, listen, model, names, openai, prompt, read, says,
};

#[tokio::test]
async fn a_model_sees_no_names_and_its_words_come_back_with_them() {
    let (listener, config) = model().await;
    let mut world = World::start(config).await;
    let answer = |body: &str| {
        let (id, names) = names(body, "invalid user");
        let (user, source) = (&names[1], &names[2]);
        says(&json!({
            "summary": format!("{source} tries names"),
            "findings": [{ "title": format!("{source} tries {user}"), "severity": "warning",
                "evidence": [id], "confidence": 70, "advice": "" }],
            "confidence": 70,
        }))
    };
    let prompt = prompt(3);
    let (response, seen) = beside(&listener, answer, ask(&mut world, &prompt)).await;
    for raw in [
        "203.0.113.9",
        "192.0.2.44",
        "carol",
        "dave",
        "web1",
        "eve@",
        "abcdef123456",
    ] {
        assert!(!seen[0].contains(raw), "{raw} left the host: {}", seen[0]);
    }
    let report = response.report;
    assert_eq!(
        (report.backend.as_str(), report.severity),
        ("openai small", Severity::Warning)
    );
    assert!(
        report
            .summary
            .contains("The model says: 203.0.113.9 tries names"),
        "{report:?}"
    );
    assert_eq!(report.findings[0].title, "model: 203.0.113.9 tries carol");
    assert!(report.degraded.is_none() && !report.anomaly);
}

#[tokio::test]
async fn a_model_that_fails_leaves_the_count_and_the_reason() {
    for (answer, reason) in [
        (
            http("401 Unauthorized", "no"),
            "the model's server says HTTP 401: no",
        ),
        (
            says(&json!("I cannot help with that.")),
            "the model's answer is no report",
        ),
    ] {
        let (listener, config) = model().await;
        let mut world = World::start(config).await;
        let prompt = prompt(212);
        let asked = ask(&mut world, &prompt);
        let (response, seen) = beside(&listener, |_| answer.clone(), asked).await;
        assert!(degraded(&response).starts_with(reason), "{response:?}");
        assert_eq!(seen.len(), 1, "what does not pass is not tried again");
        assert_eq!(
            (response.report.backend.as_str(), response.report.severity),
            ("builtin", Severity::Warning)
        );
    }
}

#[tokio::test]
async fn what_passes_is_tried_again_and_a_form_that_is_not_known_is_left() {
    let (listener, config) = model().await;
    let mut world = World::start(config).await;
    let mut answers = vec![
        says(&json!({ "summary": "calm" })),
        http("400 Bad Request", "response_format is not supported"),
        http("429 Too Many Requests", ""),
        http("503 Busy", ""),
    ];
    let prompt = prompt(212);
    let asked = ask(&mut world, &prompt);
    let (response, seen) = beside(&listener, |_| answers.pop().unwrap(), asked).await;
    assert_eq!(response.report.degraded, None, "{response:?}");
    let bound: Vec<bool> = seen
        .iter()
        .map(|body| body.contains("json_schema"))
        .collect();
    assert_eq!(bound, [true, true, true, false]);
    let asked = ask(&mut world, &prompt);
    let answer = |_: &str| says(&json!({ "summary": "calm" }));
    let (_, seen) = beside(&listener, answer, asked).await;
    assert!(
        !seen[0].contains("json_schema"),
        "the server is known by now"
    );
}

#[tokio::test]
async fn the_next_backend_is_asked_where_one_cannot() {
    let (first, first_url) = listen().await;
    let (second, second_url) = listen().await;
    let anthropic = json!({ "type": "anthropic", "url": second_url, "model": "other" });
    let config = json!({ "backends": [openai(&first_url), anthropic] });
    let mut world = World::start(config).await;
    let prompt = prompt(212);
    let events = [
        json!({ "type": "content_block_delta", "delta": { "partial_json": "{\"summary\":" } }),
        json!({ "type": "content_block_delta", "delta": { "partial_json": "\"calm\"}" } }),
        json!({ "type": "message_stop" }),
    ];
    let events: Vec<String> = events
        .iter()
        .map(|event| format!("data: {event}\n\n"))
        .collect();
    let stream = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{}",
        events.concat()
    );
    let asked = ask(&mut world, &prompt);
    let asked = beside(&first, |_| http("404 Not Found", "no such model"), asked);
    let ((response, n_first), n_second) = beside(&second, |_| stream.clone(), asked).await;
    assert_eq!((n_first.len(), n_second.len()), (1, 1));
    assert_eq!(response.report.backend, "anthropic other");
    assert!(
        response.report.summary.contains("The model says: calm"),
        "{response:?}"
    );
    let asked = ask(&mut world, &prompt);
    let asked = beside(&first, |_| http("404 Not Found", "x"), asked);
    let ((response, _), _) = beside(&second, |_| http("403 Forbidden", "y"), asked).await;
    assert_eq!(response.report.degraded, None, "its answer is kept");
}

#[tokio::test]
async fn the_same_question_is_not_paid_for_twice() {
    let (listener, config) = model().await;
    let mut world = World::start(config).await;
    let answer = |_: &str| says(&json!({ "summary": "calm" }));
    let (one, other) = (prompt(212), prompt(213));
    let work = async {
        let first = ask(&mut world, &one).await;
        assert_eq!(ask(&mut world, &one).await, first);
        ask(&mut world, &other).await
    };
    let (_, seen) = beside(&listener, answer, work).await;
    assert_eq!(seen.len(), 2, "one for each question");
}

#[tokio::test]
async fn a_budget_holds_over_a_kill_and_is_told() {
    let (listener, mut config) = model().await;
    config["budget"] = json!({ "tokens_per_day": 4000 });
    config["cache_answers"] = json!(0);
    let mut world = World::start(config).await;
    let answer = |_: &str| says(&json!({ "summary": "calm" }));
    let prompt = prompt(212);
    let work = async {
        let mut n_answered = 0;
        while ask(&mut world, &prompt).await.report.degraded.is_none() {
            n_answered += 1;
            world.crash().await;
        }
        (n_answered, ask(&mut world, &prompt).await)
    };
    let ((n_answered, response), seen) = beside(&listener, answer, work).await;
    assert!(
        (1..=4).contains(&n_answered),
        "1000 tokens each: {n_answered}"
    );
    assert_eq!(seen.len(), n_answered);
    let spent = n_answered * 1000;
    let reason = format!("budget: {spent} of 4000 tokens of the oracle for today");
    assert!(degraded(&response).starts_with(&reason), "{response:?}");
    assert_eq!(response.report.severity, Severity::Warning);
}

#[tokio::test]
async fn a_question_that_a_kill_cut_off_counts_in_full() {
    let (listener, mut config) = model().await;
    let mut world = World::start(config.clone()).await;
    let n_bytes = preview(&mut world, &prompt(212)).await.requests[0]
        .body
        .len();
    // As much as one question may take, and a little more.
    config["budget"] = json!({ "tokens_per_day": n_bytes / 3 + 600 + 100 });
    let mut world = World::start(config).await;
    world
        .command(HANDLER, &prompt(212))
        .token("q1")
        .deliver()
        .await;
    let (mut stream, _) = listener.accept().await.unwrap();
    read(&mut stream).await;
    world.crash().await;
    let response = ask(&mut world, &prompt(212)).await;
    assert!(degraded(&response).starts_with("budget: "), "{response:?}");
    assert!(!degraded(&response).contains(" 0 of"), "{response:?}");
}

#[tokio::test]
async fn a_server_that_fails_again_and_again_is_left_alone() {
    let (listener, config) = model().await;
    let mut world = World::start(config).await;
    let prompt = prompt(212);
    let work = async {
        for _ in 0..3 {
            ask(&mut world, &prompt).await;
        }
        ask(&mut world, &prompt).await
    };
    let (response, seen) = beside(&listener, |_| http("403 Forbidden", ""), work).await;
    assert_eq!(seen.len(), 3);
    let reason = "the model failed again and again and is left alone for ";
    assert!(degraded(&response).starts_with(reason), "{response:?}");
}

/// The preview of a question, as a viewer asks for it.
async fn preview(world: &mut World, prompt: &Prompt) -> Preview {
    let asked = AskPreview {
        question: prompt.clone(),
        session_id: Some("s".to_owned()),
    };
    let viewer = Principal::Operator {
        name: "ann".to_owned(),
        level: Level::Viewer,
    };
    let command = world.command(PREVIEW_HANDLER, &asked).principal(viewer);
    command.token("p1").reply_to("console@n1").deliver().await;
    let mut document = String::new();
    loop {
        let callback: Callback = world.next_sent().await.content();
        document.extend(callback.lines);
        if callback.last {
            return serde_json::from_str(&document).unwrap();
        }
    }
}

#[tokio::test]
async fn a_preview_shows_the_very_bytes_that_leave() {
    for speaks in ["openai", "anthropic"] {
        let (listener, url) = listen().await;
        let backend = json!({ "type": speaks, "url": url, "model": "small" });
        let mut world = World::start(json!({ "backends": [backend] })).await;
        let prompt = prompt(212);
        let shown = preview(&mut world, &prompt).await;
        let answer = |_: &str| http("403 Forbidden", "");
        let (_, seen) = beside(&listener, answer, ask(&mut world, &prompt)).await;
        assert_eq!(shown.requests[0].body, seen[0]);
        assert!(
            shown.requests[0].url.starts_with(&url),
            "{}",
            shown.requests[0].url
        );
        assert_eq!(shown.requests[0].backend, format!("{speaks} small"));
        // The key of the pseudonyms outlives a restart, so tomorrow's bytes are the same.
        world.crash().await;
        assert_eq!(preview(&mut world, &prompt).await, shown);
    }
    let mut world = World::start(json!({})).await;
    let none = preview(&mut world, &prompt(212)).await;
    assert_eq!(none.requests, [], "no model, nothing leaves");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_hangs_leaves_the_asker_two_seconds() {
    let (_listener, config) = model().await;
    let mut world = World::start(config).await;
    let started = tokio::time::Instant::now();
    let response = ask(&mut world, &prompt(212)).await;
    assert_eq!(
        response.report.degraded.as_deref(),
        Some("the model did not answer in time")
    );
    assert_eq!(started.elapsed().as_secs(), 28);
    let hurried = Prompt {
        within_ms: Some(1500),
        ..prompt(212)
    };
    let response = ask(&mut world, &hurried).await;
    assert!(response.report.degraded.is_some());
    assert_eq!(
        started.elapsed().as_secs(),
        28,
        "no time for a model: at once"
    );
}

#[tokio::test(start_paused = true)]
async fn questions_that_wait_are_bounded_and_all_are_answered() {
    let (_listener, config) = model().await;
    let mut world = World::start(config).await;
    for _ in 0..80 {
        world
            .command(HANDLER, &prompt(1))
            .token("q1")
            .deliver()
            .await;
    }
    let mut reasons = Vec::new();
    for _ in 0..80 {
        let response: OracleResponse = world.next_sent().await.content();
        reasons.push(response.report.degraded.unwrap());
    }
    let crowded = reasons
        .iter()
        .filter(|reason| *reason == "too many questions at a time")
        .count();
    assert_eq!((crowded, reasons.len()), (16, 80));
}
