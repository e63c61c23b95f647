//! Without a model, and around it.

use serde_json::{Value, json};
use skep_agent::AgentSpec;
use skep_oracle::Oracle;
use skep_protocol::{
    digest::{HourCounts, Ordered},
    oracle::{HANDLER, Prompt, Window},
    severity::Severity,
};

use crate::support::{World, ask, prompt};

const HOUR_MS: u64 = 3_600_000;

#[tokio::test(start_paused = true)]
async fn counting_needs_nothing_and_answers() {
    let mut world = World::start(json!({})).await;
    let response = ask(&mut world, &prompt(212)).await;
    let report = &response.report;
    assert_eq!(
        (report.backend.as_str(), report.severity),
        ("builtin", Severity::Warning)
    );
    assert!(report.anomaly && report.degraded.is_none());
    assert!(
        response.response.contains("203.0.113.9 made 212 attempts"),
        "{}",
        response.response
    );
}

#[tokio::test(start_paused = true)]
async fn bare_words_are_a_question_too_and_none_are_refused() {
    let mut world = World::start(json!({})).await;
    let words: Prompt = serde_json::from_value(json!({
        "query_id": "q1",
        "messages": [{ "role": "user", "content": "Failed password for root from 203.0.113.9 port 1 ssh2" }],
    }))
    .unwrap();
    let response = ask(&mut world, &words).await;
    assert_eq!(response.report.severity, Severity::Info);
    world
        .command(HANDLER, &json!({ "query_id": "q1" }))
        .token("q1")
        .deliver()
        .await;
    let refused: String = world.next_sent().await.content();
    assert!(
        refused.starts_with("a prompt, messages or a digest"),
        "{refused}"
    );
}

#[tokio::test(start_paused = true)]
async fn patrols_teach_what_is_usual_and_that_survives_a_kill() {
    let at = |day: u64, accepted: u64| {
        let from_ms = 1_800_000_000_000 + day * 24 * HOUR_MS;
        let mut prompt = prompt(2);
        let counts = [("lines", 60), ("accepted", accepted)];
        let hour = HourCounts {
            hour: from_ms / HOUR_MS,
            counts: Ordered(counts.map(|(name, n)| (name.to_owned(), n)).into()),
        };
        let digest = prompt.digest.as_mut().unwrap();
        digest.collectors.0[0].1.traces.hours = vec![hour];
        prompt.window = Some(Window {
            from_ms,
            until_ms: from_ms + HOUR_MS,
        });
        prompt
    };
    let mut world = World::start(json!({})).await;
    for day in 0..8 {
        let patrol = true;
        ask(
            &mut world,
            &Prompt {
                patrol,
                ..at(day, 1)
            },
        )
        .await;
        world.crash().await;
    }
    assert_eq!(world.keys(), ["learned/web1/sshd"]);
    let response = ask(&mut world, &at(8, 400)).await;
    let titles: Vec<&String> = response.report.findings.iter().map(|f| &f.title).collect();
    assert_eq!(
        titles,
        ["sshd: 400 accepted in an hour, where 1 are usual at this time"]
    );
}

#[test]
fn a_config_is_checked_before_anything_starts() {
    let check = |config: Value| {
        let spec = AgentSpec::of::<Oracle>();
        (spec.check)(config).err().map(|error| error.to_string())
    };
    assert_eq!(check(json!({})), None);
    assert_eq!(
        check(json!({
            "openai": { "api_key": "k" }, "model": "m", "temperature": 0.2,
            "response_mode": "verbose", "dump_incoming_prompts": false,
            "redact": { "users": false },
            "budget": { "tokens_per_day": 1000, "cost_per_day": 0.5 }, "cache_answers": 0,
            "backends": [{ "type": "anthropic", "url": "https://api.anthropic.com", "model": "m",
                "temperature": null, "max_tokens_key": "max_tokens", "stream": true,
                "concurrent": 1, "price": { "input_per_million": 3, "output_per_million": 15 },
                "budget": { "tokens_per_day": 10 } }],
        })),
        None
    );
    let bad = json!({ "backends": [{ "type": "openai", "url": "nowhere", "model": "m" }] });
    assert!(check(bad).unwrap().starts_with("config: openai: url:"));
    assert!(check(json!({ "backends": [{ "type": "oracle_of_delphi" }] })).is_some());
    assert!(
        check(json!({ "modell": "m" }))
            .unwrap()
            .contains("unknown field")
    );
}
