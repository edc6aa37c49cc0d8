//! String formats that kube-apiserver checks in custom resources.

use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Whether the server checks this format on strings. Dashes do not matter (`date-time`, `datetime`).
///
/// Formats that it knows but hardly anybody uses (credit card and ISBN numbers, colours) are left out.
pub(super) fn is_known(format: &str) -> bool {
    matches!(
        format.replace('-', "").as_str(),
        "byte"
            | "cidr"
            | "date"
            | "datetime"
            | "duration"
            | "email"
            | "hostname"
            | "ipv4"
            | "ipv6"
            | "k8slongname"
            | "k8sshortname"
            | "mac"
            | "password"
            | "uri"
            | "uuid"
    )
}

/// Whether `text` is of the format. Unknown formats accept everything.
pub(super) fn matches(format: &str, text: &str) -> bool {
    match format.replace('-', "").as_str() {
        "byte" => STANDARD.decode(text).is_ok(),
        "cidr" => is_cidr(text),
        "date" => text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok(),
        "datetime" => text.parse::<jiff::Timestamp>().is_ok(),
        "duration" => text.parse::<jiff::SignedDuration>().is_ok(),
        "email" => text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty()),
        "hostname" => is_name(text, 255, 63),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "k8slongname" => is_name(text, 253, 253) && text == text.to_ascii_lowercase(),
        "k8sshortname" => is_name(text, 63, 63) && !text.contains('.') && text == text.to_ascii_lowercase(),
        "mac" => is_mac(text),
        "uri" => is_request_uri(text),
        "uuid" => is_uuid(text),
        _ => true,
    }
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else {
        return false;
    };
    let Ok(bits) = bits.parse::<u8>() else {
        return false;
    };
    (address.parse::<Ipv4Addr>().is_ok() && bits <= 32)
        || (address.parse::<Ipv6Addr>().is_ok() && bits <= 128)
}

/// Dot-separated labels of letters, digits and inner dashes.
fn is_name(text: &str, limit: usize, label_limit: usize) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= label_limit
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    !text.is_empty() && text.len() <= limit && text.split('.').all(is_label)
}

fn is_mac(text: &str) -> bool {
    let octets: Vec<&str> = text.split([':', '-']).collect();
    matches!(octets.len(), 6 | 8 | 20)
        && octets.iter().all(|octet| octet.len() == 2 && octet.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Go's `url.ParseRequestURI`: an absolute URI or an absolute path.
fn is_request_uri(text: &str) -> bool {
    let has_scheme = text.split_once(':').is_some_and(|(scheme, rest)| {
        !rest.is_empty()
            && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    });
    (has_scheme || text.starts_with('/')) && !text.bytes().any(|byte| byte.is_ascii_control() || byte == b' ')
}

fn is_uuid(text: &str) -> bool {
    let digits = text.replace('-', "");
    digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}
