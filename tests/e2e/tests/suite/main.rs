//! The end-to-end suite, written once for embedded and for real control planes: `KUBEFED_TEST_PLANES` chooses.

mod kinds;
