//! Quantities as the API server writes them: `1000m` becomes `1`, `1024Mi` becomes `1Gi`, a number becomes a string.

use serde_json::Value;

/// Quantities are exact down to this many decimal places.
const PLACES: i32 = 9;
/// Digits with which the server takes its fast path, on which it keeps the spelling of most decimal values.
const FAST_DIGITS: usize = 18;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    DecimalSuffix,
    DecimalExponent,
    Binary,
}

/// The value as the server stores it; what is no quantity, or too large to be exact here, stays as it is.
pub(super) fn canonical(value: &Value) -> Option<Value> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    canonical_text(text.trim()).map(Value::from)
}

fn canonical_text(text: &str) -> Option<String> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { "-" } else { "" };
    let number_end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(number_end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let (format, exponent) = interpret(suffix)?;
    let whole = whole.trim_start_matches('0');
    let digits = format!("{}{fraction}", if whole.is_empty() { "0" } else { whole });

    if format != Format::Binary {
        let scale = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        let fast = digits.len() <= FAST_DIGITS && scale >= -PLACES;
        if fast && scale % 3 == 0 && !digits.ends_with("000") && !digits.starts_with('0') {
            return Some(text.to_owned());
        }
    }
    let nanos = nanos(&digits, fraction.len(), format, exponent)?;
    if nanos == 0 {
        return Some("0".to_owned());
    }
    Some(format!("{sign}{}", write(nanos, format)))
}

fn interpret(suffix: &str) -> Option<(Format, i32)> {
    let decimal = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
    if let Some(position) = decimal.iter().position(|known| *known == suffix) {
        return Some((Format::DecimalSuffix, i32::try_from(position).ok()? * 3 - PLACES));
    }
    let binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    if let Some(position) = binary.iter().position(|known| *known == suffix) {
        return Some((Format::Binary, (i32::try_from(position).ok()? + 1) * 10));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?;
    Some((Format::DecimalExponent, exponent.parse().ok()?))
}

/// The absolute value in billionths, rounded away from zero.
fn nanos(digits: &str, places: usize, format: Format, exponent: i32) -> Option<i128> {
    let value: i128 = digits.parse().ok()?;
    let places = i32::try_from(places).ok()?;
    let (value, power) = match format {
        Format::Binary => {
            (value.checked_mul(1_i128.checked_shl(exponent.try_into().ok()?)?)?, PLACES - places)
        }
        Format::DecimalSuffix | Format::DecimalExponent => (value, exponent.checked_add(PLACES - places)?),
    };
    let factor = 10_i128.checked_pow(power.unsigned_abs())?;
    if power >= 0 { value.checked_mul(factor) } else { Some((value + factor - 1) / factor) }
}

fn write(nanos: i128, format: Format) -> String {
    let one = 10_i128.pow(PLACES.unsigned_abs());
    // Small or broken binary values are written in decimal, exactly.
    if format == Format::Binary && nanos >= 1024 * one && nanos % one == 0 {
        let mut value = nanos / one;
        let mut suffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].iter();
        let mut suffix = suffixes.next();
        while value % 1024 == 0 && suffixes.len() > 0 {
            value /= 1024;
            suffix = suffixes.next();
        }
        return format!("{value}{}", suffix.copied().unwrap_or_default());
    }
    let mut value = nanos;
    let mut exponent = -PLACES;
    let largest = if format == Format::DecimalExponent { i32::MAX } else { 18 };
    while value % 1000 == 0 && exponent < largest {
        value /= 1000;
        exponent += 3;
    }
    match (format, exponent) {
        (_, 0) => value.to_string(),
        (Format::DecimalExponent, exponent) => format!("{value}e{exponent}"),
        (Format::DecimalSuffix | Format::Binary, exponent) => {
            let suffixes = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
            let index = usize::try_from((exponent + PLACES) / 3).unwrap_or_default();
            format!("{value}{}", suffixes.get(index).copied().unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::canonical;

    #[test]
    fn quantities_are_written_in_their_canonical_form() {
        let cases = [
            (json!("1000m"), "1"),
            (json!("1500m"), "1500m"),
            (json!("0.5"), "500m"),
            (json!("0.125"), "125m"),
            (json!("1.5"), "1500m"),
            (json!("1.234"), "1.234"),
            (json!("1.500"), "1.500"),
            (json!("2000"), "2k"),
            (json!("100"), "100"),
            (json!("0"), "0"),
            (json!("0Mi"), "0"),
            (json!("007"), "007"),
            (json!("00.50"), "500m"),
            (json!("1024Mi"), "1Gi"),
            (json!("1536Mi"), "1536Mi"),
            (json!("1.5Gi"), "1536Mi"),
            (json!("0.5Ki"), "512"),
            (json!("1Ki"), "1Ki"),
            (json!("-1000m"), "-1"),
            (json!("1e3"), "1e3"),
            (json!("10e2"), "1e3"),
            (json!("1e-10"), "1e-9"),
            (json!("1e25"), "10e24"),
            (json!("1.5Ki"), "1536"),
            (json!("1000000000000"), "1T"),
            (json!(1), "1"),
            (json!(1000), "1k"),
            (json!(0.1), "100m"),
            (json!(" 1 "), "1"),
        ];
        for (given, expected) in cases {
            assert_eq!(canonical(&given), Some(Value::from(expected)), "{given}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_left_alone() {
        for given in
            [json!("text"), json!("1..2"), json!("."), json!("1Xi"), json!(true), json!(null), json!("")]
        {
            assert_eq!(canonical(&given), None, "{given}");
        }
    }
}
