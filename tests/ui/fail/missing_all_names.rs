//! No attribute at all: one error says all.
use kubefed_runtime::{Federate, api::Federated};
use serde::{Deserialize, Serialize};

#[derive(Federate, Serialize, Deserialize, Clone, Debug)]
struct Website {
    host: String,
}

fn main() {
    let _ = Federated::<Website>::new("web", Default::default());
}
