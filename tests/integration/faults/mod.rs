//! What happens when something breaks under a build: one named test for each fault, with the real sccache, a
//! real build, and a count of the compilers' runs that is independent of sccache's. `docs/faults.md` tells
//! what these tests prove; a test holds the two together.

mod cancel;
mod container;
mod disk;
mod environment;
mod job;
mod server;
mod state;
mod storage;
mod supervisor;
mod terminal;

pub use job::{Job, Told};

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
    let page = crate::docs::read("docs/faults.md");
    let (faults, meetings) = page.split_once("## Several at once").unwrap();
    let rows = r"(?m)^\|.*\| `([a-z_0-9]+)` \|$";
    let mut told = names(faults, rows);
    tests.sort();
    told.sort();
    assert_eq!(told, tests);
    assert!(tests.len() > 25, "the search is broken: {tests:?}");
    let elsewhere = ["endings.rs", "github.rs", "lifecycle.rs", "side_by_side.rs"];
    let elsewhere = elsewhere.map(|name| crate::docs::read(&format!("tests/integration/{name}"))).concat();
    for test in names(meetings, rows) {
        assert!(elsewhere.contains(&format!("#[test]\nfn {test}()")), "there is no test `{test}`");
    }
    assert!(names(meetings, rows).len() >= 6, "the search is broken: {meetings}");
}
