//! The program for Windows under Wine, with the sccache that is published for Windows and a clang that runs there.

mod computer;

use serde_json::Value;

use crate::support::runner::pairs;
use crate::support::tools::program;
use crate::support::until;
use computer::{Computer, windows};

/// The numbers of a report: hits, misses.
fn counted(report: &Value) -> (u64, u64) {
    (report["hits"].as_u64().unwrap(), report["misses"].as_u64().unwrap())
}

/// What a PowerShell would take over from `pre`.
fn assignments(stdout: &str) -> Vec<(&str, &str)> {
    let parsed = stdout.lines().map(|line| {
        let (name, value) = line.strip_prefix("$env:").unwrap().split_once(" = '").unwrap();
        (name, value.strip_suffix('\'').unwrap())
    });
    parsed.collect()
}

#[test]
fn a_github_job_goes_from_cold_to_warm() {
    let computer = Computer::new();
    let temp = computer.world.path("temp Größe");
    std::fs::create_dir_all(&temp).unwrap();
    let files = ["GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"];
    let phase = |name: &str| {
        let mut step = computer.step(&[name]).without("SCCACHE_STEP_STATE");
        for file in files {
            std::fs::write(temp.join(file), "").unwrap();
            step = step.env(file, windows(&temp.join(file)));
        }
        let pairs =
            [("CI", "true"), ("GITHUB_ACTIONS", "true"), ("RUNNER_OS", "Windows"), ("GITHUB_RUN_ID", "7")];
        let step = pairs.iter().fold(step, |step, (name, value)| step.env(name, value));
        let step =
            step.env("RUNNER_TEMP", windows(&temp)).env("GITHUB_WORKSPACE", windows(&computer.directory()));
        let finished = step.run().expect(0);
        assert!(!finished.stderr.contains("::warning"), "{finished}");
        files.map(|file| std::fs::read_to_string(temp.join(file)).unwrap())
    };
    for told in ["0 of 2", "2 of 2"] {
        let [env, _, outputs, state, _] = phase("pre");
        assert!(!format!("{env}{outputs}{state}").contains('\r'), "{env}{outputs}{state}");
        let (exported, outputs) = (pairs(&env), pairs(&outputs));
        assert_eq!(outputs["server-address"], format!("127.0.0.1:{}", exported["SCCACHE_SERVER_PORT"]));
        assert_ne!(exported["SCCACHE_SERVER_PORT"], "4226");
        assert_eq!(exported["SCCACHE_STEP_STATE"], windows(&temp.join("sccache-step/state.json")));
        assert_eq!(exported["RUSTC_WRAPPER"], computer.sccache());
        assert_eq!(outputs["cache-dir"], windows(&computer.world.path("Größe cache")));
        let variables: Vec<(&str, &str)> =
            exported.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        for finished in computer.build(&variables) {
            finished.expect(0);
        }
        let [.., summary] = phase("post");
        assert!(summary.contains(told) && summary.contains("C/C++"), "{summary}");
        computer.nothing_of_ours_is_left();
    }
}

#[test]
fn a_server_that_crashes_is_replaced_and_told() {
    let computer = Computer::new();
    let pre = computer.step(&["pre", "--shell", "powershell"]).run().expect(0);
    let variables = assignments(&pre.stdout);
    computer.build(&variables).into_iter().for_each(|finished| drop(finished.expect(0)));
    let stats = computer.step(&["stats", "--format", "json"]).run().expect(0).json();
    assert_eq!(counted(&stats), (0, 2), "{stats:#}");
    computer.kill(computer.pid("server"), 77);
    computer.build(&variables).into_iter().for_each(|finished| drop(finished.expect(0)));
    let report = computer.step(&["post", "--format", "json"]).run().expect(0).json();
    assert_eq!(counted(&report), (2, 2), "both servers' numbers: {report:#}");
    let told = report["incidents"].to_string();
    assert!(told.contains("ended with exit code 77"), "{report:#}");
    computer.nothing_of_ours_is_left();
}

/// A runner waits for the end of every pipe that it gave to a step, and Windows hands a program's handles on to all
/// that it starts.
#[test]
fn no_pipe_of_the_step_is_held_by_what_outlives_it() {
    let computer = Computer::new();
    let starter = computer.step(&[]);
    let starter = computer.command(&computer.exe("starter")).envs(&starter.variables());
    let told = starter.args(&["handles", &computer.step_exe(), "pre"]).run().expect(0);
    assert_eq!(told.stdout.trim_end(), "code 0, output ended, other ended", "{told}");
    assert!(computer.ours().len() >= 2, "a server and its supervisor: {:?}", computer.ours());
    computer.step(&["post"]).run().expect(0);
    computer.nothing_of_ours_is_left();
}

#[test]
fn run_passes_the_command_on_and_ends_with_its_code() {
    let computer = Computer::new();
    computer.copy_sources();
    let (sccache, clang) = (computer.sccache(), computer.exe("clang"));
    let run = |words: &[&str]| computer.step(&["run", "--"]).args(words).run();
    let compiled = run(&[&sccache, &clang, "-c", "sum.c", "-o", "a sum.o"]).expect(0);
    assert!(computer.directory().join("a sum.o").is_file(), "{compiled}");
    assert!(compiled.stderr.contains("0 of 1"), "{compiled}");
    std::fs::write(computer.directory().join("wrong.c"), "int wrong(void) { return }\n").unwrap();
    let failed = run(&[&sccache, &clang, "-c", "wrong.c"]).expect(1);
    assert!(failed.stderr.contains("wrong.c:1:"), "{failed}");
    let code = run(&["cmd", "/c", "exit 42"]).expect(42);
    assert!(code.stderr.contains("exit code 42"), "{code}");
    run(&["no-such-command"]).expect(127);
    computer.nothing_of_ours_is_left();
}

/// On a real console, which wine makes of a terminal.
#[test]
fn control_c_ends_the_command_and_the_server() {
    let computer = Computer::new();
    let words = ["run", "--", "cmd", "/c", "echo begun > begun & ping -n 60 127.0.0.1"];
    let step = computer.step(&words).env("TERM", "xterm");
    let quoted: Vec<String> = step.words()[4..].iter().map(|word| format!("'{word}'")).collect();
    let begun = windows_file(&computer, "begun");
    // What the keyboard types: nothing, then Ctrl-C, then nothing until it is over.
    let script = format!(
        "wait_for() {{ n=0; while ! [ -e \"$1\" ] && [ $n -lt 600 ]; do sleep 0.1; n=$((n+1)); done; }}
         ( wait_for '{begun}'; printf '\\003'; wait_for ended ) |
           script -qc \"trap : INT; $COMMAND; echo \\$? > ended\" typescript"
    );
    let shell = computer.world.command(program("sh", "dash")).args(&["-c", &script]);
    let shell = shell.envs(&step.variables()).env("COMMAND", quoted.join(" ")).within(computer.directory());
    let finished = shell.run();
    // Wine gives 0 for a program that Ctrl-C has ended. What becomes of Windows's own number is a unit test's.
    assert!(computer.directory().join("ended").is_file(), "{finished}");
    assert!(finished.took.as_secs() < 50, "{finished}");
    let told = finished.stdout.replace("\r", "");
    assert!(told.contains("has stopped") && told.contains("nothing compiled"), "{finished}");
    computer.nothing_of_ours_is_left();
}

fn windows_file(computer: &Computer, name: &str) -> String {
    computer.directory().join(name).display().to_string()
}

#[test]
fn phases_out_of_order_are_told_and_harm_nothing() {
    let computer = Computer::new();
    let post = computer.step(&["post"]).run().expect(0);
    assert!(post.stderr.contains("nothing to stop: no `pre` left a state file"), "{post}");
    let plan = computer.step(&["pre", "--dry-run"]).run().expect(0);
    assert!(plan.stdout.contains("sccache has no Unix sockets on Windows"), "{plan}");
    let first = computer.step(&["pre"]).run().expect(0);
    let second = computer.step(&["pre"]).run().expect(0);
    assert!(second.stderr.contains("already running"), "{second}");
    assert_eq!(first.stdout, second.stdout);
    let other_state = windows(&computer.world.path("other state.json"));
    let other = computer.step(&["pre"]).env("SCCACHE_STEP_STATE", &other_state).run().expect(0);
    assert_ne!(first.stdout.lines().next(), other.stdout.lines().next(), "a port of its own: {other}");
    computer.step(&["post"]).env("SCCACHE_STEP_STATE", &other_state).run().expect(0);
    let stats = computer.step(&["stats"]).run().expect(0);
    assert!(stats.stdout.contains("nothing compiled"), "the first job's server is still there: {stats}");
    computer.step(&["post"]).run().expect(0);
    let again = computer.step(&["post"]).run().expect(0);
    assert!(again.stderr.contains("the server was stopped and reported before"), "{again}");
    until("the end of all", || computer.ours().is_empty().then_some(()));
}
