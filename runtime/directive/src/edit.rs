//! A change of a directive: an agent or subtree in, out or in another's place, as a new text.
//!
//! The text that comes out is plain JSON: comments are gone. Whether it is a good directive is for
//! [`check`](crate::check) to say, as of any other.

use serde_json::{Map, Value, json};
use skep_packet::AgentName;

use crate::{
    Diagnostic,
    diagnostic::Findings,
    parse::parse,
    suggest,
    tree::is_root,
    value::{Kind, Node},
};

/// A change of a directive.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// Adds an agent and what is below it.
    Inject {
        /// The agent above it; the root where there is none.
        under: Option<AgentName>,
        /// The agent as a directive writes it.
        agent: Value,
    },
    /// Puts another agent in the place of one. Where `with` names no `children`, those that are
    /// there stay.
    Replace {
        /// The agent that goes.
        agent: AgentName,
        /// The one that comes, under the same name.
        with: Value,
    },
    /// Takes out an agent and what is below it.
    Delete {
        /// The agent.
        agent: AgentName,
    },
}

/// Why a change makes no sense. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The text is no directive.
    #[error("the directive is not readable")]
    Unreadable,
    /// The directive names no such agent.
    #[error("the directive has no agent {agent}{hint}")]
    NoAgent {
        /// Which.
        agent: AgentName,
        /// Empty, or `; did you mean x?`.
        hint: String,
    },
    /// What is to come in is no agent.
    #[error("an agent is a JSON object with universal_id and name")]
    NotAnAgent,
    /// Another name is no replacement.
    #[error("{agent} cannot be replaced by {with:?}: delete the one and inject the other")]
    OtherName {
        /// The agent that goes.
        agent: AgentName,
        /// The name that was to come.
        with: String,
    },
}

/// The directive after a change.
///
/// # Errors
/// [`EditError`]; the directive stays as it is.
pub fn edit(text: &str, change: &Edit) -> Result<String, EditError> {
    let mut findings = Findings::default();
    let node = parse(text, &mut findings);
    if findings.n_errors() > 0 {
        return Err(EditError::Unreadable);
    }
    let value = value(&node);
    let mut root = match is_root(&node) {
        true => value,
        false => json!({ "children": [value] }),
    };
    apply(&mut root, change)?;
    let mut text = format!("{root:#}");
    text.push('\n');
    Ok(text)
}

/// The value that a text writes, comments and all that directives allow left out.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn value_of(text: &str) -> Result<Value, Box<Diagnostic>> {
    let mut findings = Findings::default();
    let node = parse(text, &mut findings);
    let mut found = findings.finish(text.len()).into_iter();
    match found.find(Diagnostic::is_error) {
        Some(first) => Err(Box::new(first)),
        None => Ok(value(&node)),
    }
}

fn apply(root: &mut Value, change: &Edit) -> Result<(), EditError> {
    match change {
        Edit::Inject { under, agent } => {
            if !agent.is_object() {
                return Err(EditError::NotAnAgent);
            }
            let above = match under {
                Some(name) => find(root, name)?,
                None => root,
            };
            children(above)?.push(agent.clone());
        }
        Edit::Replace { agent, with } => {
            let with = with.as_object().ok_or(EditError::NotAnAgent)?;
            let old = find(root, agent)?;
            let new = replacement(agent, old, with.clone())?;
            *old = Value::Object(new);
        }
        Edit::Delete { agent } => {
            find(root, agent)?;
            remove(root, agent);
        }
    }
    Ok(())
}

fn replacement(
    agent: &AgentName,
    old: &Value,
    mut new: Map<String, Value>,
) -> Result<Map<String, Value>, EditError> {
    let name = new
        .entry("universal_id")
        .or_insert_with(|| json!(agent.as_str()));
    if name != agent.as_str() {
        let with = name.as_str().unwrap_or_default().to_owned();
        let agent = agent.clone();
        return Err(EditError::OtherName { agent, with });
    }
    if let Some(children) = old.get("children") {
        new.entry("children").or_insert_with(|| children.clone());
    }
    Ok(new)
}

/// The list of what is below an agent or the root, made where it is missing.
fn children(above: &mut Value) -> Result<&mut Vec<Value>, EditError> {
    let above = above.as_object_mut().ok_or(EditError::Unreadable)?;
    let list = above.entry("children").or_insert_with(|| json!([]));
    list.as_array_mut().ok_or(EditError::Unreadable)
}

fn below(above: &Value) -> &[Value] {
    let list = above.get("children").and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

fn is_called(value: &Value, agent: &AgentName) -> bool {
    value.get("universal_id").and_then(Value::as_str) == Some(agent.as_str())
}

fn find<'a>(root: &'a mut Value, agent: &AgentName) -> Result<&'a mut Value, EditError> {
    let Some(path) = path(root, agent) else {
        let mut names = Vec::new();
        names_of(root, &mut names);
        let near = suggest::nearest(agent.as_str(), names.iter().map(String::as_str));
        let hint = near.map(|near| format!("; did you mean {near}?"));
        return Err(EditError::NoAgent {
            agent: agent.clone(),
            hint: hint.unwrap_or_default(),
        });
    };
    root.pointer_mut(&path).ok_or(EditError::Unreadable)
}

/// Where an agent stands, as a JSON pointer; the root itself has no name.
fn path(above: &Value, agent: &AgentName) -> Option<String> {
    below(above).iter().enumerate().find_map(|(place, child)| {
        let here = format!("/children/{place}");
        match is_called(child, agent) {
            true => Some(here),
            false => path(child, agent).map(|rest| format!("{here}{rest}")),
        }
    })
}

fn names_of(above: &Value, names: &mut Vec<String>) {
    for child in below(above) {
        let name = child.get("universal_id").and_then(Value::as_str);
        names.extend(name.map(str::to_owned));
        names_of(child, names);
    }
}

fn remove(above: &mut Value, agent: &AgentName) {
    if let Some(list) = above.get_mut("children").and_then(Value::as_array_mut) {
        list.retain(|child| !is_called(child, agent));
        for child in list {
            remove(child, agent);
        }
    }
}

/// A parsed value without its places; the depth is bounded by the parser.
fn value(node: &Node) -> Value {
    match &node.kind {
        Kind::Null | Kind::Bad => Value::Null,
        Kind::Bool(is) => Value::Bool(*is),
        Kind::Number(number) => Value::Number(number.clone()),
        Kind::Text(text) => Value::String(text.clone()),
        Kind::List(items) => items.iter().map(value).collect(),
        Kind::Object(object) => {
            let members = object.members.iter();
            let members = members.map(|member| (member.key.clone(), value(&member.value)));
            Value::Object(members.collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
        // what this host runs
        "node": {"exit_on_stuck": True},
        "children": [
            {"universal_id": "a", "name": "x", "children": [{"universal_id": "b", "name": "y"}]},
            {"universal_id": "c", "name": "x"},
        ]
    }"#;

    fn name(text: &str) -> AgentName {
        AgentName::new(text).unwrap()
    }

    /// The agents after a change, each with what is below it.
    fn check(text: &str, change: &Edit, expected: &str) {
        fn outline(agents: &[Value]) -> String {
            let one = |agent: &Value| {
                let id = agent["universal_id"].as_str().unwrap().to_owned();
                let kind = agent["name"].as_str().unwrap();
                match below(agent) {
                    [] => format!("{id}:{kind}"),
                    children => format!("{id}:{kind}({})", outline(children)),
                }
            };
            agents.iter().map(one).collect::<Vec<_>>().join(" ")
        }
        let edited = edit(text, change).unwrap();
        let root: Value = serde_json::from_str(&edited).unwrap();
        assert_eq!(outline(below(&root)), expected);
        if text == TEXT {
            assert_eq!(root["node"]["exit_on_stuck"], true);
        }
    }

    fn inject(under: Option<&str>, id: &str) -> Edit {
        Edit::Inject {
            under: under.map(name),
            agent: json!({"universal_id": id, "name": "z"}),
        }
    }

    fn replace(agent: &str, with: Value) -> Edit {
        let agent = name(agent);
        Edit::Replace { agent, with }
    }

    fn delete(agent: &str) -> Edit {
        let agent = name(agent);
        Edit::Delete { agent }
    }

    #[test]
    fn agents_come_and_go_with_what_is_below_them() {
        check(TEXT, &inject(None, "d"), "a:x(b:y) c:x d:z");
        check(TEXT, &inject(Some("b"), "d"), "a:x(b:y(d:z)) c:x");
        check(TEXT, &delete("a"), "c:x");
        check(TEXT, &delete("b"), "a:x c:x");
        check(TEXT, &replace("b", json!({"name": "z"})), "a:x(b:z) c:x");
        check(TEXT, &replace("a", json!({"name": "z"})), "a:z(b:y) c:x");
        let alone = json!({"universal_id": "a", "name": "z", "children": []});
        check(TEXT, &replace("a", alone), "a:z c:x");
    }

    #[test]
    fn a_bare_agent_gets_a_root() {
        let bare = r#"{"universal_id": "a", "name": "x", "config": {}}"#;
        check(bare, &inject(None, "d"), "a:x d:z");
        check(bare, &inject(Some("a"), "d"), "a:x(d:z)");
        check(bare, &delete("a"), "");
    }

    #[test]
    fn what_makes_no_sense_says_why() {
        let check = |text: &str, change: &Edit, expected: &str| {
            assert_eq!(edit(text, change).unwrap_err().to_string(), expected);
        };
        check(TEXT, &delete("z"), "the directive has no agent z");
        let near = r#"{"children": [{"universal_id": "watcher", "name": "x"}]}"#;
        check(
            near,
            &delete("wacher"),
            "the directive has no agent wacher; did you mean watcher?",
        );
        check(
            TEXT,
            &inject(Some("z"), "d"),
            "the directive has no agent z",
        );
        let other = replace("c", json!({"universal_id": "d", "name": "z"}));
        check(
            TEXT,
            &other,
            "c cannot be replaced by \"d\": delete the one and inject the other",
        );
        let not = "an agent is a JSON object with universal_id and name";
        check(TEXT, &replace("c", json!([])), not);
        check("{", &delete("a"), "the directive is not readable");
    }
}
