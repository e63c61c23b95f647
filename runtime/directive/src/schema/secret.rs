//! References to secrets: `{"$secret": "env:NAME"}`. They are checked here and resolved elsewhere.

use serde_json::Value;

use super::{Reader, Shape, alternatives, head};
use crate::{
    Code, Diagnostic,
    diagnostic::Findings,
    value::{Kind, Node},
};

const KEY: &str = "$secret";

const FORMS: &str = "write {\"$secret\": \"env:NAME\"}, \"file:/PATH\" or \"cred:NAME\"";

/// What stands under `$secret`, where `node` is meant as a reference.
pub(super) fn reference(node: &Node) -> Option<&Node> {
    node.get(KEY)
}

impl Reader<'_> {
    pub(super) fn secret(
        &mut self,
        shapes: &[Shape],
        node: &Node,
        reference: &Node,
        name: &str,
    ) -> Value {
        check(node, reference, &mut self.findings);
        if !shapes.iter().any(takes_text) {
            let message = format!("`{name}` takes no text, so no secret can stand here");
            self.findings
                .push(Diagnostic::error(Code::SecretPlace, head(node), message));
        }
        node.to_json()
    }
}

/// Finds malformed references anywhere under `node`, where no schema says what is meant.
pub(crate) fn check_all(node: &Node, findings: &mut Findings) {
    if let Some(reference) = reference(node) {
        check(node, reference, findings);
        return;
    }
    match &node.kind {
        Kind::List(items) => items.iter().for_each(|item| check_all(item, findings)),
        Kind::Object(object) => {
            object
                .members
                .iter()
                .for_each(|member| check_all(&member.value, findings));
        }
        _ => {}
    }
}

fn takes_text(shape: &Shape) -> bool {
    let kinds = alternatives::kinds(shape);
    let is_free = alternatives::literals(shape).is_none();
    let declared = shape
        .get("properties")
        .is_some_and(|properties| properties.get(KEY).is_some());
    declared || is_free && (kinds.is_empty() || kinds.contains(&"string"))
}

fn check(node: &Node, reference: &Node, findings: &mut Findings) {
    let trouble = match &reference.kind {
        Kind::Bad => None,
        Kind::Text(text) => trouble(text),
        _ => Some("a secret reference is a text".to_owned()),
    };
    if let Some(message) = trouble {
        findings.push(Diagnostic::error(Code::BadSecret, head(reference), message).help(FORMS));
    }
    let others = node
        .as_object()
        .into_iter()
        .flat_map(|object| &object.members);
    for other in others.filter(|member| member.key != KEY) {
        let message = format!("key `{}` stands beside `{KEY}`", other.key);
        let help = "a secret reference has no other key";
        findings.push(Diagnostic::error(Code::BadSecret, other.key_span, message).help(help));
    }
}

fn trouble(text: &str) -> Option<String> {
    let Some((kind, name)) = text.split_once(':') else {
        return Some("a secret reference names no place".to_owned());
    };
    if name.is_empty() {
        return Some(format!("nothing follows `{kind}:`"));
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    match kind {
        "env" if name.contains(['=', '\0', ' ']) => {
            Some(format!("`{name}` is no name of an environment variable"))
        }
        "cred" if !name.chars().all(is_plain) => Some(format!("`{name}` is no credential's name")),
        "env" | "file" | "cred" => None,
        _ => Some(format!("secrets are not kept in `{kind}:`")),
    }
}
