//! Machines, users and checkouts that share what either compiled.

use super::hits_and_misses;
use crate::support::service::{Moto, Service, given};
use crate::support::step::Step;
use crate::support::tools::{ANY, program, sccache};
use crate::support::world::World;

/// A command as root, for what only root may do.
fn as_root(world: &World, words: &[&str]) -> Step {
    match sccache_step::process::user_id() {
        0 => world.command(words[0]).args(&words[1..]),
        _ => world.command(program("sudo", "sudo")).args(&["-n", "--"]).args(words),
    }
}

#[test]
fn two_users_of_one_storage_share_what_either_compiled() {
    let world = World::new();
    let mut moto = Moto::start(&world);
    let source = world.path("work/unit.c");
    std::fs::write(&source, "int shared(void) { return 7; }\n").unwrap();
    // Everybody may enter this world; what is private in it stays so.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(world.root(), open).unwrap();
    let mut told = Vec::new();
    let ourselves = sccache_step::process::user_id();
    for (user, name) in [(ourselves, "first"), (65_534, "second")] {
        let home = world.path(name);
        std::fs::create_dir_all(home.join("tmp")).unwrap();
        std::fs::copy(sccache(ANY), home.join("sccache")).unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_sccache-step"), home.join("sccache-step")).unwrap();
        for path in [home.clone(), home.join("tmp"), home.join("sccache"), home.join("sccache-step")] {
            as_root(&world, &["chown", &format!("{user}:{user}"), path.to_str().unwrap()]).run().expect(0);
        }
        let compile = format!("$SCCACHE_PATH gcc -c '{}' -o unit.o", source.display());
        let step = world.command(home.join("sccache-step"));
        let step = step.args(&["run", "--format", "json", "--", "sh", "-c", &compile]);
        let step =
            given(step, &moto.inputs()).env("HOME", &home).env("TMPDIR", home.join("tmp")).within(&home);
        let step = step.env("SCCACHE_STEP_SCCACHE", home.join("sccache"));
        let id = user.to_string();
        let become_user = ["--reuid", &id, "--regid", &id, "--clear-groups"];
        let step = if user == ourselves {
            step
        } else {
            step.wrapped(&program("setpriv", "util-linux"), &become_user)
        };
        let is_ours = user == ourselves || ourselves == 0;
        let step = if is_ours { step } else { step.wrapped(&program("sudo", "sudo"), &["-n", "-E", "--"]) };
        let finished = step.run().expect(0);
        told.push(hits_and_misses(&crate::real::report_of_run(&finished)));
    }
    assert_eq!(told, [(0, 1), (1, 0)]);
    moto.stop();
}

#[test]
fn two_checkouts_share_what_either_compiled_unless_their_names_count() {
    for (basedirs, expected) in [("auto", (1, 0)), ("none", (0, 1))] {
        let world = World::new();
        let mut told = Vec::new();
        for name in ["one", "two"] {
            let checkout = world.path("work").join(name);
            std::fs::create_dir(&checkout).unwrap();
            std::fs::write(checkout.join("unit.c"), "int shared(void) { return 7; }\n").unwrap();
            let compile = "$SCCACHE_PATH gcc -c \"$PWD/unit.c\" -o unit.o";
            let step = world.real(ANY, &["run", "--format", "json", "--", "sh", "-c", compile]);
            let step = step.without("SCCACHE_STEP_STATE").env("SCCACHE_STEP_BASEDIRS", basedirs);
            let finished = step.within(&checkout).run().expect(0);
            told.push(hits_and_misses(&crate::real::report_of_run(&finished)));
        }
        assert_eq!(told, [(0, 1), expected], "{basedirs}");
    }
}
