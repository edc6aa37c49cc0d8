//! Examples of KubeFed for Rust; each is a target of its own.
