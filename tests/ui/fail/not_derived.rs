//! A type without the derive.
use kubefed_runtime::api::Federated;

struct Website;

fn main() {
    let _: Option<Federated<Website>> = None;
}
