//! What the contract promises an agent, seen with a small agent of the test's own.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use skep_agent::{
    Access, Agent, AgentError, Ctx, Exit, HandlerError, Handlers, Level, Outgoing, Principal,
    Request, Tx, role, testkit::Testkit,
};
use skep_packet::{Class, Kind, Refusal};

/// Counts what it is told, and asks somebody else when told to.
#[derive(Debug)]
struct Counter {
    step: u64,
    asked: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default = "one")]
    step: u64,
}

fn one() -> u64 {
    1
}

#[derive(Debug, Serialize, Deserialize)]
struct Add {
    n: u64,
}

impl Agent for Counter {
    const KIND: &'static str = "counter";
    const SUMMARY: &'static str = "Counts";
    type Config = Config;
    type Event = String;

    fn handlers() -> Handlers<Self> {
        Handlers::<Self>::new()
            .durable("cmd_add", Access::agents(), |agent, _, tx, request| {
                Box::pin(agent.add(tx, request))
            })
            .command(
                "cmd_ask",
                Access::operators(Level::Operator),
                |agent, ctx, request| Box::pin(agent.ask(ctx, request)),
            )
            .command("cmd_total", Access::agents(), |agent, ctx, request| {
                Box::pin(agent.total(ctx, request))
            })
    }

    fn new(config: Config) -> Result<Self, AgentError> {
        Ok(Self {
            step: config.step,
            asked: None,
        })
    }

    async fn on_event(&mut self, _: &Ctx<Self>, event: String) -> Result<(), AgentError> {
        if event == "give up" {
            return Err(AgentError::Config("gave up".to_owned()));
        }
        self.asked = Some(event);
        Ok(())
    }

    fn state(&self) -> Value {
        json!({ "asked": self.asked })
    }
}

impl Counter {
    async fn add(&mut self, tx: &mut Tx, request: Request<Add>) -> Result<(), HandlerError> {
        let total: u64 = tx.get("total")?.unwrap_or(0);
        let total = total + request.content.n * self.step;
        tx.put("total", &total);
        if total > 100 {
            return Err(HandlerError::Refused("over 100".to_owned()));
        }
        tx.send(Outgoing::to_role(role("hive.alert"), &total));
        tx.reply(&request, &total)?;
        Ok(())
    }

    async fn total(&mut self, ctx: &Ctx<Self>, request: Request<()>) -> Result<(), HandlerError> {
        let total: u64 = ctx.get("total")?.unwrap_or(0);
        Ok(ctx.reply(&request, &total).await?)
    }

    async fn ask(&mut self, ctx: &Ctx<Self>, request: Request<String>) -> Result<(), HandlerError> {
        let (ctx, question) = (ctx.clone(), request.content);
        ctx.clone().spawn(async move {
            let outgoing = Outgoing::to_role(role("hive.oracle"), &question);
            let event = match ctx.ask(outgoing, Duration::from_secs(5)).await {
                Ok(asking) => match asking.answer().await {
                    Ok(answer) => answer.decode().unwrap(),
                    Err(error) => error.to_string(),
                },
                Err(error) => error.to_string(),
            };
            ctx.post(event).await;
        });
        Ok(())
    }
}

fn operator() -> Principal {
    Principal::Operator {
        name: "ann".to_owned(),
        level: Level::Admin,
    }
}

#[tokio::test(start_paused = true)]
async fn a_durable_handler_commits_its_effect_its_id_and_its_packets_together() {
    let mut world = Testkit::<Counter>::start(json!({ "step": 2 })).await;
    world
        .command("cmd_add", &Add { n: 3 })
        .token("t")
        .durable(1)
        .deliver()
        .await;
    let alert = world.next_sent().await;
    assert_eq!(
        (alert.outgoing.class, alert.content::<u64>()),
        (Class::Durable, 6)
    );
    let reply = world.next_sent().await;
    assert_eq!(
        (reply.outgoing.kind, reply.content::<u64>()),
        (Kind::Reply, 6)
    );
    assert_eq!(world.settled().len(), 1);
    world.restart().await;
    world.command("cmd_total", &()).token("u").deliver().await;
    assert_eq!(world.next_sent().await.content::<u64>(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_failed_durable_handler_leaves_nothing() {
    let mut world = Testkit::<Counter>::start(json!({})).await;
    world
        .command("cmd_add", &Add { n: 101 })
        .durable(1)
        .deliver()
        .await;
    world.idle().await;
    assert_eq!(world.failed().len(), 1);
    assert_eq!(world.failed()[0].1, "over 100");
    assert!(world.keys().is_empty());
    assert!(world.settled().is_empty());
    assert!(
        world
            .next_sent_within(Duration::from_secs(1))
            .await
            .is_none()
    );
}

#[tokio::test(start_paused = true)]
async fn handlers_admit_only_whom_they_name() {
    let mut world = Testkit::<Counter>::start(json!({})).await;
    assert_eq!(
        world.command("cmd_ask", &"x").refusal(),
        Some(Refusal::Denied)
    );
    assert_eq!(
        world
            .command("cmd_ask", &"x")
            .principal(operator())
            .refusal(),
        None
    );
    assert_eq!(
        world.command("cmd_none", &"x").refusal(),
        Some(Refusal::NoHandler)
    );
}

#[tokio::test(start_paused = true)]
async fn an_ask_ends_with_its_answer_or_by_its_deadline() {
    let mut world = Testkit::<Counter>::start(json!({})).await;
    world.serve("hive.oracle", "oracle@n3", "cmd_msg_prompt");
    world
        .command("cmd_ask", &"why?")
        .principal(operator())
        .deliver()
        .await;
    let asked = world.next_sent().await;
    assert!(asked.is_ask());
    asked.answer(&"because").await;
    world.idle().await;
    world
        .command("cmd_ask", &"why?")
        .principal(operator())
        .deliver()
        .await;
    let _unanswered = world.next_sent().await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    world.idle().await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(
        world.status().state(),
        json!({ "asked": "no answer in time" })
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_to_ask_is_a_named_error_at_once() {
    let mut world = Testkit::<Counter>::start(json!({})).await;
    world
        .command("cmd_ask", &"why?")
        .principal(operator())
        .deliver()
        .await;
    world.idle().await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let expected = "nobody serves the role \"hive.oracle\" now";
    assert_eq!(world.status().state(), json!({ "asked": expected }));
}

#[tokio::test(start_paused = true)]
async fn content_that_does_not_fit_is_told_to_the_asker() {
    let mut world = Testkit::<Counter>::start(json!({})).await;
    world
        .command("cmd_total", &json!({ "no": "unit" }))
        .token("t")
        .deliver()
        .await;
    let reply = world.next_sent().await;
    assert_eq!(reply.outgoing.kind, Kind::Reply);
    assert!(
        reply
            .content::<String>()
            .starts_with("the content is not what the handler takes")
    );
}

#[tokio::test(start_paused = true)]
async fn a_config_that_does_not_fit_says_where() {
    let mut world = Testkit::<Counter>::start(json!({ "step": "two" })).await;
    let Exit::Failed(error) = world.exit().await else {
        panic!("it started")
    };
    assert_eq!(
        error.to_string(),
        "config: step: invalid type: string \"two\", expected u64"
    );
}
