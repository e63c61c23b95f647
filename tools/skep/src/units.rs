//! What people write: spans of time.

/// Reads a span of time like `90s`, `30m`, `6h` or `2d`; yields seconds.
pub(crate) fn seconds(text: &str) -> Result<u64, String> {
    let form = || format!("{text:?} is not a span of time like 90s, 30m, 6h or 2d");
    let unit = text.chars().last().ok_or_else(form)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(form()),
    };
    let number = text.strip_suffix(unit).unwrap_or_default();
    let number: u64 = number.parse().map_err(|_| form())?;
    number.checked_mul(factor).ok_or_else(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_a_number_and_a_unit() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(seconds(text).ok(), expected, "{text}");
        };
        check("90s", Some(90));
        check("30m", Some(1_800));
        check("6h", Some(21_600));
        check("2d", Some(172_800));
        check("6", None);
        check("h", None);
        check("-6h", None);
        check("6 h", None);
        check("1e3s", None);
        check("6H", None);
        check("", None);
        check("99999999999999999999d", None);
        check("9999999999999999999d", None);
        check("6é", None);
    }
}
