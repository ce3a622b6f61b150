//! Hit rates, and how they compare with earlier runs.

use super::{ALL, has, is_clean, report, report_of, run, world};
use crate::support::tools::ANY;

#[test]
fn a_hit_rate_that_fell_is_found() {
    let world = world();
    let build = |flags: &str, inputs: &[&str]| report_of(run(&world, ANY, inputs, ALL).env("FLAGS", flags));
    has(&build("-O0", &[]), "first-run");
    is_clean(&build("-O0", &[]), "first-run");
    let dropped = build("-O1", &["--min-hit-rate", "50"]);
    has(&dropped, "hit-rate-dropped");
    has(&dropped, "hit-rate-below-minimum");
    let text = dropped["findings"].to_string();
    assert!(text.contains("from 100 % to 0 %"), "{text}");
    let again = build("-O1", &["--min-hit-rate", "50"]);
    is_clean(&again, "hit-rate-dropped");
    is_clean(&again, "hit-rate-below-minimum");
    let few = |define: &str| report(&world, ANY, &[], &format!("$CC -D{define} -c f0.c"));
    has(&few("A"), "no-hits");
    is_clean(&few("A"), "no-hits");
}

#[test]
fn a_checkout_that_moved_is_found() {
    let world = world();
    for name in ["one", "two"] {
        std::fs::create_dir(world.path(&format!("work/{name}"))).unwrap();
        std::fs::write(world.path(&format!("work/{name}/a.c")), "int a(void) { return 1; }\n").unwrap();
    }
    let build = |name: &str, basedirs: &[&str]| {
        let script = "$CC -c \"$PWD/a.c\" -o a.o";
        report_of(run(&world, ANY, basedirs, script).within(world.path("work").join(name)))
    };
    build("one", &["--basedirs", "none"]);
    has(&build("two", &["--basedirs", "none"]), "absolute-paths");
    build("one", &[]);
    is_clean(&build("two", &[]), "absolute-paths");
}
