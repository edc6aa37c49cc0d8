//! A type without the derive.
use kubefed_runtime::api::Federated;

struct Website;

fn take(_: Federated<Website>) {}

fn main() {}
