//! One kind has one schema: no generics.
use kubefed_runtime::{Federate, api::Federated};
use serde::{Deserialize, Serialize};

#[derive(Federate, Serialize, Deserialize, Clone, Debug)]
#[federate(group = "example.com", version = "v1", kind = "Website")]
struct Website<Content> {
    content: Content,
}

fn main() {
    let _ = Federated::<Website<String>>::new("web", Default::default());
}
