//! A truth value as older directives and clients write it: 0 and 1.

use serde::Deserialize;
use serde::Deserializer;

/// Reads `true`, `false`, or a number that is not 0; for `deserialize_with`.
///
/// # Errors
/// Neither a truth value nor a number of a byte.
pub fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Flag {
        Bool(bool),
        Number(u8),
    }
    Ok(match Flag::deserialize(deserializer)? {
        Flag::Bool(flag) => flag,
        Flag::Number(number) => number != 0,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::json;

    use super::*;

    #[test]
    fn zero_is_false_and_other_numbers_are_true() {
        let read = |value: Value| flag(value).ok();
        assert_eq!(read(json!(true)), Some(true));
        assert_eq!(read(json!(false)), Some(false));
        assert_eq!(read(json!(1)), Some(true));
        assert_eq!(read(json!(0)), Some(false));
        for other in [json!("yes"), json!(null), json!(-1), json!(256), json!(0.5)] {
            assert_eq!(read(other.clone()), None, "{other}");
        }
    }
}
