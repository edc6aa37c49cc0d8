//! The end-to-end suite, written once for embedded and for real control planes: `KUBEFED_TEST_PLANES` chooses.

mod control;
mod disturbances;
mod edits;
mod facts;
mod kinds;
mod namespaces;
mod propagation;
mod refusals;
mod removal;
mod replicas;
mod restart;
