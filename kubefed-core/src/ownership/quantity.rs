//! Kubernetes quantities, as far as comparing them needs it.

use serde_json::Value;

/// The value of a quantity in billionths, the finest that Kubernetes keeps. None if it is no quantity, is finer than
/// that, or is too large for the comparison to be exact; callers then compare the text.
pub(super) fn nanos(value: &Value) -> Option<i128> {
    match value {
        Value::String(text) => parse(text),
        Value::Number(number) => parse(&number.to_string()),
        _ => None,
    }
}

fn parse(text: &str) -> Option<i128> {
    let end =
        text.bytes().position(|byte| !matches!(byte, b'0'..=b'9' | b'.' | b'+' | b'-')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (negative, number) = match number.as_bytes().first()? {
        b'-' => (true, &number[1..]),
        b'+' => (false, &number[1..]),
        _ => (false, number),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let (factor, power) = scale(suffix)?;
    let power = power.checked_add(9)?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let scaled = digits.checked_mul(factor)?;
    let nanos = if power >= 0 {
        scaled.checked_mul(ten_to(power)?)?
    } else {
        let divisor = ten_to(-power)?;
        if scaled % divisor != 0 {
            return None;
        }
        scaled / divisor
    };
    Some(if negative { -nanos } else { nanos })
}

/// What a suffix multiplies by: a factor, and a power of ten.
fn scale(suffix: &str) -> Option<(i128, i32)> {
    let decimal = |power| Some((1, power));
    let binary = |power: u32| Some((1024_i128.pow(power), 0));
    match suffix {
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        _ => decimal(suffix.strip_prefix(['e', 'E'])?.parse().ok()?),
    }
}

fn ten_to(power: i32) -> Option<i128> {
    10_i128.checked_pow(u32::try_from(power).ok()?)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!("1000m"), json!("1"))]
    #[case(json!(1), json!("1"))]
    #[case(json!(0.5), json!("500m"))]
    #[case(json!("1024Mi"), json!("1Gi"))]
    #[case(json!("1.5Gi"), json!("1536Mi"))]
    #[case(json!("1e3"), json!("1k"))]
    #[case(json!("12E-1"), json!("1.2"))]
    #[case(json!("+.5"), json!("0.50"))]
    #[case(json!("-1"), json!("-1000m"))]
    #[case(json!("0"), json!("0Gi"))]
    fn equal_quantities_have_equal_values(#[case] a: Value, #[case] b: Value) {
        assert!(nanos(&a).is_some());
        assert_eq!(nanos(&a), nanos(&b));
    }

    #[rstest]
    #[case(json!("1"), json!("1m"))]
    #[case(json!("1G"), json!("1Gi"))]
    #[case(json!("1"), json!("-1"))]
    fn different_quantities_have_different_values(#[case] a: Value, #[case] b: Value) {
        assert_ne!(nanos(&a).unwrap(), nanos(&b).unwrap());
    }

    #[rstest]
    #[case(json!(""))]
    #[case(json!("m"))]
    #[case(json!("."))]
    #[case(json!("1.2.3"))]
    #[case(json!("1-2"))]
    #[case(json!("1x"))]
    #[case(json!("1e"))]
    #[case(json!("0.1n"))]
    #[case(json!("99999999999999999999999999999999999999999"))]
    #[case(json!("1e99999"))]
    #[case(json!(true))]
    fn what_is_no_exact_quantity_has_no_value(#[case] value: Value) {
        assert_eq!(nanos(&value), None);
    }
}
