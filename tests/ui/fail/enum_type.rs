//! A kind is an object: no enum.
use kubefed_runtime::{Federate, api::Federated};
use serde::{Deserialize, Serialize};

#[derive(Federate, Serialize, Deserialize, Clone, Debug)]
#[federate(group = "example.com", version = "v1", kind = "Website")]
enum Website {
    Blog,
    Shop,
}

fn main() {
    let _ = Federated::<Website>::new("web", Default::default());
}
