//! Runs the compiler on small programs: those in `pass` run to the end, those in `fail` give the errors beside them.
//!
//! The errors hold the compiler's own words, so they belong to the toolchain of `rust-toolchain.toml`. After a change,
//! `TRYBUILD=overwrite cargo test -p kubefed-ui-tests` writes them anew; read the difference.

#[test]
fn programs_compile_or_say_why_not() {
    let programs = trybuild::TestCases::new();
    programs.pass("pass/*.rs");
    programs.compile_fail("fail/*.rs");
}
