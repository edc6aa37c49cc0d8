//! A type without the derive, where a federated one is wanted.
use kubefed_runtime::api::Federate;

struct Website;

fn federate<T: Federate>() {}

fn main() {
    federate::<Website>();
}
