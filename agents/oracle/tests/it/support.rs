//! A question, and servers that answer as they are told.

use serde_json::{Value, json};
use skep_agent::testkit::Testkit;
use skep_oracle::Oracle;
use skep_packet::Destination;
use skep_protocol::{
    digest::{CollectorReport, DigestReport, EvidenceLine, Ordered, Row, Section, Table},
    oracle::{HANDLER, OracleResponse, Prompt, RETURN_HANDLER, check, evidence_ids},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

pub(crate) type World = Testkit<Oracle>;

pub(crate) fn digest(source: &str, n: u64) -> DigestReport {
    let text = format!(
        "Jan 15 08:00:00 web1 sshd[9]: Failed password for invalid user carol from {source} port 9 ssh2"
    );
    let accepted =
        "Jan 15 08:00:00 web1 sshd[9]: Accepted password for dave from 192.0.2.44 port 9 ssh2";
    let mail = "Jan 15 08:00:00 web1 app[1]: mail to eve@example.org failed, api_key=abcdef123456";
    let line = |n: u64, text: &str| EvidenceLine {
        id: format!("sshd/1:{n}"),
        text: text.to_owned(),
    };
    let lines = vec![line(1, &text), line(2, accepted), line(3, mail)];
    let row = Row {
        key: source.to_owned(),
        counts: vec![("count".to_owned(), n)],
    };
    let table = Table {
        field: "source.address".to_owned(),
        rows: vec![row],
        other: None,
    };
    let sshd = CollectorReport {
        headline: format!("{n} failed, 1 accepted"),
        lines_read: n + 2,
        totals: Ordered(vec![("failed".to_owned(), n), ("accepted".to_owned(), 1)]),
        tables: Ordered(vec![("by_source".to_owned(), table)]),
        sections: vec![Section {
            name: "failed".to_owned(),
            count: n,
            lines,
        }],
        ..CollectorReport::default()
    };
    DigestReport {
        collectors: Ordered(vec![("sshd".to_owned(), sshd)]),
    }
}

pub(crate) fn prompt(n: u64) -> Prompt {
    Prompt {
        within_ms: Some(30_000),
        ..Prompt::about("q1", "web1", &digest("203.0.113.9", n))
    }
}

pub(crate) async fn ask(world: &mut World, prompt: &Prompt) -> OracleResponse {
    world.command(HANDLER, prompt).token("q1").deliver().await;
    let sent = world.next_sent().await;
    let Destination::Agent(to, handler) = &sent.outgoing.to else {
        panic!("{sent:?}")
    };
    assert_eq!(
        (to.to_string().as_str(), handler.as_str()),
        ("tester@n2", RETURN_HANDLER)
    );
    let response: OracleResponse = sent.content();
    assert_eq!(response.query_id, "q1");
    if let Some(digest) = &prompt.digest {
        assert_eq!(check(&response.report, &evidence_ids(digest)), Ok(()));
    }
    response
}

pub(crate) async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    (listener, url)
}

pub(crate) fn openai(url: &str) -> Value {
    json!({ "type": "openai", "url": url, "model": "small", "api_key": "k", "stream": false })
}

pub(crate) async fn model() -> (TcpListener, Value) {
    let (listener, url) = listen().await;
    let config = json!({ "backends": [openai(&url), { "type": "builtin" }] });
    (listener, config)
}

/// Reads one request; its body.
pub(crate) async fn read(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.unwrap().parse().unwrap() {
            return body.to_owned();
        }
    }
}

/// Does `work` while a server answers each request; yields the requests' bodies too.
pub(crate) async fn beside<T>(
    listener: &TcpListener,
    mut answer: impl FnMut(&str) -> String,
    work: impl Future<Output = T>,
) -> (T, Vec<String>) {
    let mut seen = Vec::new();
    let serve = async {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let body = read(&mut stream).await;
            stream.write_all(answer(&body).as_bytes()).await.unwrap();
            seen.push(body);
        }
    };
    let done: Result<T, std::convert::Infallible> = tokio::select! {
        done = work => Ok(done),
        never = serve => Err(never),
    };
    let Ok(done) = done;
    (done, seen)
}

pub(crate) fn http(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(crate) fn says(content: &Value) -> String {
    let body = json!({
        "choices": [{ "message": { "content": content.to_string() } }],
        "usage": { "prompt_tokens": 900, "completion_tokens": 100 },
    });
    http("200 OK", &body.to_string())
}

/// What the user's part of a request says.
pub(crate) fn told(body: &str) -> Value {
    let body: Value = serde_json::from_str(body).unwrap();
    let user = body["messages"].as_array().unwrap().last().unwrap();
    serde_json::from_str(user["content"].as_str().unwrap()).unwrap()
}

/// The pseudonyms in a line of evidence that begins or goes on with `text`, and the line's id.
pub(crate) fn names(body: &str, text: &str) -> (String, Vec<String>) {
    let told = told(body);
    let lines = told["evidence"].as_array().unwrap();
    let line = lines
        .iter()
        .find(|line| line["text"].as_str().unwrap().contains(text))
        .unwrap();
    let words = line["text"].as_str().unwrap().split(' ');
    let names = words
        .filter(|word| word.starts_with("X-"))
        .map(str::to_owned);
    (line["id"].as_str().unwrap().to_owned(), names.collect())
}

/// What people see of the agent.
pub(crate) fn degraded(response: &OracleResponse) -> &str {
    response.report.degraded.as_deref().unwrap_or_default()
}
