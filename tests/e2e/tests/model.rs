//! A real small language model as the oracle's backend.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use skep_tests_e2e::{Model, Network};

/// What a client of the model's own host sees; curl is not on every machine, Python is where the
/// model is.
const ASK: &str = r#"
import json, sys, urllib.request
body = {"messages": [{"role": "user", "content": "Say hum."}], "max_tokens": 8, "temperature": 0}
request = urllib.request.Request(sys.argv[1] + "/v1/chat/completions", json.dumps(body).encode(),
    {"Content-Type": "application/json", "Authorization": "Bearer " + sys.argv[2]})
print(json.load(urllib.request.urlopen(request, timeout=100))["choices"][0]["message"]["role"])
"#;

#[test]
fn the_model_answers_on_its_own_host_and_asks_for_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = Network::get().unwrap();
    let host = network.host("oracle").unwrap();
    let model = Model::get(Some(&host), folder.path()).unwrap();
    let ask = |key: &str| {
        let mut command = host.command("python3");
        command
            .args(["-c", ASK, model.url(), key])
            .output()
            .unwrap()
    };
    let answer = ask(Model::KEY);
    assert_eq!(
        String::from_utf8_lossy(&answer.stdout),
        "assistant\n",
        "{answer:?}"
    );
    assert!(!ask("another key").status.success());
}
