//! A kind has named fields: no tuple struct.
use kubefed_runtime::{Federate, api::Federated};
use serde::{Deserialize, Serialize};

#[derive(Federate, Serialize, Deserialize, Clone, Debug)]
#[federate(group = "example.com", version = "v1", kind = "Website")]
struct Website(String);

fn main() {
    let _ = Federated::<Website>::new("web", Default::default());
}
