//! Golden folders: each fixture's configuration and documents must give exactly the files in `expected`.
//! `UPDATE=1 cargo test -p kubefed-gen --test golden` writes them anew; look at the diff before committing it.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking, their helpers too")]

mod support;

use std::{fs, path::Path};

use kubefed_gen::{config::Config, generate, output};
use rstest::rstest;

#[rstest]
#[case::defaults("small")]
#[case::other_names_and_descriptions("options")]
fn a_fixture_gives_its_expected_files(#[case] fixture: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(fixture);
    let files = generate(&Config::load(&folder.join("kubefed-gen.yaml")).unwrap()).unwrap();
    let expected = folder.join("expected");
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        output::write(&expected, &files).unwrap();
        fs::remove_file(expected.join(output::LOCK_FILE)).unwrap();
    }
    let there = support::files_below(&expected);
    for (path, content) in &files {
        let there = there.get(path).unwrap_or_else(|| panic!("{fixture}: {path} is not expected"));
        assert_eq!(content, there, "{fixture}: {path}");
    }
    assert_eq!(files.len(), there.len(), "{fixture}: expected files are no longer generated");
}

#[test]
fn the_same_input_gives_the_same_bytes_wherever_it_lies() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/small");
    let elsewhere = tempfile::tempdir().unwrap();
    for (path, content) in support::files_below(&folder) {
        if path.starts_with("expected") {
            continue;
        }
        let target = elsewhere.path().join("deep/er").join(path);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, content).unwrap();
    }
    let here = generate(&Config::load(&folder.join("kubefed-gen.yaml")).unwrap()).unwrap();
    let there = generate(&Config::load(&elsewhere.path().join("deep/er/kubefed-gen.yaml")).unwrap()).unwrap();
    assert_eq!(here, there);
}
