//! The load of `durable`, through NATS JetStream: on the server's disk before it answers.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};
use skep_node::Clock;
use tokio::time::timeout;

use super::{
    Server, Transport,
    client::{Client, INBOX},
    content, is_content,
};
use crate::{Fallible, durable::MEASURED, durable::ON_THEIR_WAY, round};

/// What is kept; the stream's messages are numbered from 1.
const SUBJECT: &str = "bench.keep";

/// Where the consumer's messages go.
const DELIVER: &str = "bench.kept";

/// How many the subscriber was given.
const COUNT: &str = "bench.count";

const TAKE: u8 = b'1';

const COUNTS: u8 = b'2';

/// Longest time that the last message may take.
const REST_MAX: Duration = Duration::from_mins(1);

/// Messages per second, each acknowledged by the server from its disk, and taken by a subscriber
/// that acknowledges them; what the subscriber made of them is on no disk.
pub(crate) async fn durable(clock: Clock, program: &Path) -> Fallible<Value> {
    let server = Server::start(program, Transport::Tls).await?;
    let mut client = server.client().await?;
    set_up(&mut client).await?;
    let _subscriber = server.subscriber(SUBJECT)?;
    let start_ns = clock.now().mono_ns;
    let until_ns = clock.now().mono_after(MEASURED);
    let payload = content()?;
    let (mut n_sent, mut n_stored): (usize, usize) = (0, 0);
    while clock.now().mono_ns < until_ns {
        while n_sent - n_stored < ON_THEIR_WAY {
            client.publish(SUBJECT, "inbox.stored", &payload).await?;
            n_sent += 1;
        }
        client.flush().await?;
        n_stored += stored(&mut client).await?;
    }
    while n_stored < n_sent {
        n_stored += stored(&mut client).await?;
    }
    timeout(REST_MAX, all_taken(&mut client, n_sent)).await??;
    let wall = Duration::from_nanos(clock.now().mono_ns - start_ns);
    let per_second = f64::from(u32::try_from(n_sent)?) / wall.as_secs_f64();
    Ok(json!({
        "per_second": round(per_second),
        "on_their_way": ON_THEIR_WAY,
        "synced": "each message on the server's disk; nothing at the subscriber",
    }))
}

async fn set_up(client: &mut Client) -> Fallible<()> {
    let stream = json!({ "name": "bench", "subjects": [SUBJECT], "storage": "file" });
    api(client, "$JS.API.STREAM.CREATE.bench", &stream).await?;
    let consumer = json!({
        "stream_name": "bench",
        "config": {
            "durable_name": "bee",
            "deliver_subject": DELIVER,
            "ack_policy": "all",
            "max_ack_pending": ON_THEIR_WAY * 16,
        },
    });
    api(
        client,
        "$JS.API.CONSUMER.DURABLE.CREATE.bench.bee",
        &consumer,
    )
    .await
}

async fn api(client: &mut Client, subject: &str, request: &Value) -> Fallible<()> {
    let answer = client
        .request(subject, request.to_string().as_bytes())
        .await?;
    let answer: Value = serde_json::from_slice(&answer)?;
    match answer.get("error") {
        None => Ok(()),
        Some(error) => Err(format!("{subject}: {error}").into()),
    }
}

/// Waits for one answer, and takes those that came with it.
async fn stored(client: &mut Client) -> Fallible<usize> {
    let mut n_stored = 0;
    let mut next = Some(client.next().await?);
    while let Some(message) = next {
        if message.payload.starts_with(b"{\"error") {
            let said = String::from_utf8_lossy(&message.payload);
            return Err(format!("not stored: {said}").into());
        }
        n_stored += usize::from(message.subscription == INBOX);
        next = client.try_next()?;
    }
    Ok(n_stored)
}

/// Asks until the subscriber has been given all; one that has not begun does not answer.
async fn all_taken(client: &mut Client, n_sent: usize) -> Fallible<()> {
    loop {
        let again = Duration::from_millis(20);
        let Ok(n_taken) = timeout(again, client.request(COUNT, b"")).await else {
            continue;
        };
        if serde_json::from_slice::<usize>(&n_taken?)? >= n_sent {
            return Ok(());
        }
    }
}

/// The subscriber: acknowledges what it has read at once, the last one for all before it.
pub(super) async fn take(mut client: Client) -> Fallible<()> {
    client.subscribe(DELIVER, TAKE);
    client.subscribe(COUNT, COUNTS);
    let mut n_taken: usize = 0;
    loop {
        let mut last = None;
        let mut next = Some(client.next().await?);
        while let Some(message) = next {
            let reply = message.reply.ok_or("a message without an inbox")?;
            if message.subscription == TAKE {
                n_taken += usize::from(is_content(&message.payload)?);
                last = Some(reply);
            } else {
                let count = n_taken.to_string();
                client.publish(&reply, "", count.as_bytes()).await?;
            }
            next = client.try_next()?;
        }
        if let Some(last) = last {
            client.publish(&last, "", b"+ACK").await?;
        }
        client.flush().await?;
    }
}
