//! What happens when something breaks under a build: one named test for each fault, with the real sccache, a
//! real build, and a count of the compilers' runs that is independent of sccache's. `docs/faults.md` tells
//! what these tests prove; a test holds the two together.

mod cancel;
mod disk;
mod environment;
mod job;
mod server;
mod state;
mod storage;
mod supervisor;

pub use job::Job;

/// The tests of this suite, and the last cells of the table in the documentation.
#[test]
fn every_fault_is_in_the_documentation_and_nothing_else_is() {
    let sources = std::fs::read_dir(crate::docs::root().join("tests/integration/faults")).unwrap();
    let names = |text: &str, pattern: &str| -> Vec<String> {
        let pattern = regex::Regex::new(pattern).unwrap();
        pattern.captures_iter(text).map(|found| found[1].to_owned()).collect()
    };
    let mut tests: Vec<String> = sources
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.ends_with("mod.rs"))
        .flat_map(|path| names(&std::fs::read_to_string(path).unwrap(), r"#\[test\]\nfn ([a-z_0-9]+)\("))
        .collect();
    let mut told = names(&crate::docs::read("docs/faults.md"), r"(?m)^\|.*\| `([a-z_0-9]+)` \|$");
    tests.sort();
    told.sort();
    assert_eq!(told, tests);
    assert!(tests.len() > 25, "the search is broken: {tests:?}");
}
