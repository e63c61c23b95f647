//! Smallest and largest: numbers, texts and lists.

use std::collections::HashSet;

use serde_json::{Number, Value};

use super::{Reader, Shape, head};
use crate::{Code, Diagnostic, value::Node};

impl Reader<'_> {
    pub(super) fn check_number(&mut self, shape: &Shape, number: &Number, node: &Node, name: &str) {
        let Some(value) = number.as_f64() else { return };
        let (low, high) = width(shape);
        let bound = |key: &str| shape.get(key).and_then(Value::as_f64);
        let low = bound("minimum").or(low).filter(|low| value < *low);
        let high = bound("maximum").or(high).filter(|high| value > *high);
        let above = bound("exclusiveMinimum").filter(|low| value <= *low);
        let below = bound("exclusiveMaximum").filter(|high| value >= *high);
        let trouble = low
            .map(|low| format!("at least {low}"))
            .or(high.map(|high| format!("at most {high}")))
            .or(above.map(|low| format!("more than {low}")))
            .or(below.map(|high| format!("less than {high}")));
        if let Some(trouble) = trouble {
            let message = format!("`{name}` is {number}, but takes {trouble}");
            self.out_of_range(node, message);
        }
    }

    pub(super) fn check_text(&mut self, shape: &Shape, text: &str, node: &Node, name: &str) {
        let n_chars = text.chars().count();
        if let Some(trouble) = outside(shape, "minLength", "maxLength", n_chars) {
            let message = format!("`{name}` has {n_chars} characters, but takes {trouble}");
            self.out_of_range(node, message);
        }
    }

    pub(super) fn check_count(&mut self, shape: &Shape, items: &[Node], node: &Node, name: &str) {
        if let Some(trouble) = outside(shape, "minItems", "maxItems", items.len()) {
            let message = format!("`{name}` has {} entries, but takes {trouble}", items.len());
            self.out_of_range(node, message);
        }
        if shape.get("uniqueItems") == Some(&Value::Bool(true)) {
            let mut seen: HashSet<String> = HashSet::new();
            for item in items {
                let value = item.to_json();
                if !seen.insert(value.to_string()) {
                    let message = format!("`{name}` holds {value} twice");
                    self.out_of_range(item, message);
                }
            }
        }
    }

    fn out_of_range(&mut self, node: &Node, message: String) {
        self.findings
            .push(Diagnostic::error(Code::OutOfRange, head(node), message));
    }
}

fn outside(shape: &Shape, min: &str, max: &str, n: usize) -> Option<String> {
    let bound = |key| shape.get(key).and_then(Value::as_u64);
    let n = u64::try_from(n).unwrap_or(u64::MAX);
    if let Some(min) = bound(min).filter(|min| n < *min) {
        return Some(format!("at least {min}"));
    }
    bound(max)
        .filter(|max| n > *max)
        .map(|max| format!("at most {max}"))
}

/// What an integer's `format` allows: schemars names the width instead of the bounds.
fn width(shape: &Shape) -> (Option<f64>, Option<f64>) {
    let (low, high) = match shape.get("format").and_then(Value::as_str) {
        Some("uint8") => (0.0, f64::from(u8::MAX)),
        Some("uint16") => (0.0, f64::from(u16::MAX)),
        Some("uint32") => (0.0, f64::from(u32::MAX)),
        Some("uint64" | "uint") => (0.0, 18_446_744_073_709_551_615.0),
        Some("int8") => (f64::from(i8::MIN), f64::from(i8::MAX)),
        Some("int16") => (f64::from(i16::MIN), f64::from(i16::MAX)),
        Some("int32") => (f64::from(i32::MIN), f64::from(i32::MAX)),
        _ => return (None, None),
    };
    (Some(low), Some(high))
}
