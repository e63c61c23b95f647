//! Small settings of an agent; their types were checked, a wrong one reads as none.

use std::time::Duration;

use crate::{RestartPlan, RestartPolicy, value::Kind, value::Node};

pub(super) fn emoji(node: &Node) -> Option<String> {
    ui(node)?
        .get("agent_tree")?
        .get("emoji")?
        .as_text()
        .map(str::to_owned)
}

pub(super) fn panel(node: &Node) -> Vec<String> {
    let panel = ui(node).and_then(|ui| ui.get("panel"));
    panel
        .map(texts)
        .unwrap_or_default()
        .into_iter()
        .map(|(text, _)| text.to_owned())
        .collect()
}

fn ui(node: &Node) -> Option<&Node> {
    node.get("config")?.get("ui")
}

/// One text or a list of them, each with its value.
pub(super) fn texts(node: &Node) -> Vec<(&str, &Node)> {
    let one = node.as_text().map(|text| (text, node));
    let many = node.as_list().unwrap_or_default().iter();
    one.into_iter()
        .chain(many.filter_map(|item| Some((item.as_text()?, item))))
        .collect()
}

pub(super) fn restart(node: &Node) -> RestartPlan {
    let policy = match node.get("policy").and_then(Node::as_text) {
        Some("permanent") => Some(RestartPolicy::Permanent),
        Some("transient") => Some(RestartPolicy::Transient),
        Some("temporary") => Some(RestartPolicy::Temporary),
        _ => None,
    };
    RestartPlan {
        policy,
        intensity: node.get("intensity").and_then(number),
        period_s: node.get("period_s").and_then(number),
    }
}

pub(super) fn number(node: &Node) -> Option<u32> {
    match &node.kind {
        Kind::Number(number) => number
            .as_u64()
            .and_then(|number| u32::try_from(number).ok()),
        _ => None,
    }
}

/// Seconds, maybe with a fraction, as whole milliseconds.
pub(super) fn milliseconds(node: &Node) -> Option<u64> {
    let Kind::Number(number) = &node.kind else {
        return None;
    };
    let duration = Duration::try_from_secs_f64(number.as_f64()?).ok()?;
    u64::try_from(duration.as_millis()).ok()
}
