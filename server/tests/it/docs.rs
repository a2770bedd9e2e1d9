//! What the documents say about the tests.

use std::path::{Path, PathBuf};

/// All source files below a folder, with their text.
fn sources(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

#[test]
fn every_test_that_the_cases_name_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    sources(&root.join("tests"), &mut files);
    let cases = std::fs::read_to_string(root.join("../docs/CASES.md")).unwrap();
    let mut names = 0;
    for name in cases.split('`').skip(1).step_by(2).filter(|name| name.contains("::") && !name.ends_with(':')) {
        let parts: Vec<&str> = name.split("::").filter(|part| *part != "tests").collect();
        let [modules @ .., test] = parts.as_slice() else { panic!("{name}") };
        // Names of files and modules do not always agree: the tests of a module may be in a file of their own.
        let is_there = |(path, text): &(PathBuf, String)| {
            let place = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            text.contains(&format!("fn {test}(")) && modules.iter().all(|module| place.contains(module))
        };
        assert!(files.iter().any(is_there), "docs/CASES.md names {name}, which is not there");
        names += 1;
    }
    assert!(names > 72, "only {names} tests are named");
}
