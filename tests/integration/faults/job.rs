//! A job with a build whose compiler runs are counted, and can be held while a test breaks something.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::step::{Finished, Running, Step};
use crate::support::tools::ANY;
use crate::support::world::World;
use crate::support::{fake, leftovers, until};

/// Requests that the statistics may miss are told by every incident in these words.
const NOT_COUNTED: &str = r"up to ([0-9]+) requests? not counted";

/// One job: `pre`, builds, `post`.
pub struct Job {
    pub world: World,
}

/// What `post` told of a job, and the counts it was compared with.
#[derive(Debug)]
pub struct Told {
    pub report: Value,
    pub finished: Finished,
}

/// One run of the compiler that made an object file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compilation {
    /// Who ran it: a server, or a client by itself.
    pub by: u32,
    pub source: String,
}

impl Job {
    pub fn new() -> Self {
        let job = Self { world: World::new() };
        // A line of this length is appended whole, whoever else appends. The compiler in front of it also
        // preprocesses and tells its version: neither makes an object.
        let script = r#"
case " $* " in
*" -E "*) while [ -e 'WORK/hold-preprocessor' ]; do sleep 0.02; done ;;
*" -c "*)
  for source; do
    case $source in *.c)
      echo "$PPID ${source##*/}" >> 'WORK/compilations'
      while [ -e 'WORK/hold' ]; do sleep 0.02; done
      ;;
    esac
  done
  ;;
esac
exec cc "$@""#;
        let work = format!("{}/", job.world.path("work").display());
        fake::script(&job.world.path("work/counted-cc"), &script.replace("WORK/", &work));
        job
    }

    /// `step` with the counted compiler as the one that the job would use.
    pub fn counted(&self, step: Step) -> Step {
        step.env("CC", self.world.path("work/counted-cc"))
    }

    pub fn phase(&self, arguments: &[&str]) -> Step {
        self.counted(self.world.real(ANY, arguments))
    }

    /// `pre` with these arguments; its exports are for [`Job::build`].
    pub fn pre(&self, arguments: &[&str]) -> Finished {
        self.pre_by(self.phase(&[&["pre", "--wrap", "cc", "--shell", "sh"], arguments].concat()))
    }

    pub fn pre_by(&self, pre: Step) -> Finished {
        let finished = pre.run().expect(0);
        std::fs::write(self.world.path("work/exports"), &finished.stdout).unwrap();
        finished
    }

    /// Sources named `name0.c` and so on, and what builds a program of them and runs it.
    pub fn sources(&self, name: &str, number: u64) -> String {
        let file = |file: &str| self.world.path("work").join(file);
        let names: Vec<String> = (0..number).map(|unit| format!("{name}{unit}")).collect();
        for unit in &names {
            let source = format!("int {unit}(void) {{ return 1; }}\n");
            std::fs::write(file(&format!("{unit}.c")), source).unwrap();
        }
        let declared: String = names.iter().map(|unit| format!("int {unit}(void);\n")).collect();
        let sum = names.iter().map(|unit| format!("{unit}()")).collect::<Vec<_>>().join(" + ");
        // Included by the linker's own call of the compiler, which is no request.
        let main = format!("#include <stdio.h>\n{declared}int main(void) {{ printf(\"%d\\n\", {sum}); }}\n");
        std::fs::write(file(&format!("{name}.main")), main).unwrap();
        let objects: String = names.iter().map(|unit| format!(" {unit}.o")).collect();
        let makefile = format!(
            "{name}: {objects}\n\t@cc -o $@ -x c {name}.main -x none $^\n%.o: %.c\n\t@$(CC) -c $< -o $@\n"
        );
        std::fs::write(file(&format!("{name}.mk")), makefile).unwrap();
        format!("make -s -j8 -f {name}.mk CC=\"$CC\" {name} && ./{name}")
    }

    /// Removes what a build made, so that it is built again.
    pub fn clean(&self, name: &str) {
        for entry in std::fs::read_dir(self.world.path("work")).unwrap().map(|entry| entry.unwrap().path()) {
            let file = entry.file_name().unwrap().to_str().unwrap();
            if file == name || (file.starts_with(name) && file.ends_with(".o")) {
                std::fs::remove_file(&entry).unwrap();
            }
        }
    }

    /// A script with what `pre` exported.
    pub fn script(&self, script: &str) -> Step {
        self.world.command("sh").args(&["-c", &format!(". ./exports && {script}")])
    }

    /// Builds `number` units to the end.
    pub fn build(&self, name: &str, number: u64) -> Finished {
        let build = self.sources(name, number);
        Self::is_right(self.script(&build).run(), number)
    }

    /// The build ended well, and its program works.
    pub fn is_right(finished: Finished, number: u64) -> Finished {
        let finished = finished.expect(0);
        assert_eq!(finished.stdout, format!("{number}\n"), "{finished}");
        finished
    }

    /// A build that stays in the middle: `begun` compilers have been started and none ends before
    /// [`Job::release`].
    pub fn build_held(&self, name: &str, number: u64, begun: usize) -> Running {
        let build = self.sources(name, number);
        self.hold();
        let before = self.compilations().len();
        let running = self.script(&build).start();
        self.await_compilations(before + begun);
        running
    }

    pub fn hold(&self) {
        std::fs::write(self.world.path("work/hold"), "").unwrap();
    }

    pub fn release(&self) {
        std::fs::remove_file(self.world.path("work/hold")).unwrap();
    }

    pub fn await_compilations(&self, number: usize) {
        until("compilers at work", || (self.compilations().len() >= number).then_some(()));
    }

    /// What compilers were run, counted by themselves.
    pub fn compilations(&self) -> Vec<Compilation> {
        let lines = std::fs::read_to_string(self.world.path("work/compilations")).unwrap_or_default();
        let parsed = lines.lines().map(|line| {
            let (by, source) = line.split_once(' ').unwrap();
            Compilation { by: by.parse().unwrap(), source: source.to_owned() }
        });
        parsed.collect()
    }

    /// Waits until the history knows everything that the servers counted.
    pub fn settle(&self, misses: u64) {
        until("the sample of what was compiled", || {
            (self.world.account().samples.last()?.misses == misses).then_some(())
        });
    }

    /// The server that the history calls the current one.
    pub fn server(&self) -> u32 {
        self.world.current_server().expect("there is a server")
    }

    /// Ends the current server by this signal, and waits until the next is there.
    pub fn kill_server(&self) -> u32 {
        let old = self.server();
        leftovers::kill(old, Signal::KILL);
        self.await_server_after(old)
    }

    pub fn await_server_after(&self, old: u32) -> u32 {
        until("the next server", || self.world.current_server().filter(|server| *server != old))
    }

    /// `post`, and then nothing runs any more.
    pub fn post(&self) -> Told {
        let account = self.world.account();
        let servers: Vec<u32> = account.servers.iter().map(|record| record.server.pid).collect();
        let told = self.post_by(self.phase(&["post", "--format", "json"]));
        told.is_within_loss(&self.compilations(), &servers);
        told
    }

    /// `post` without the comparison, for jobs whose history was taken away.
    pub fn post_by(&self, post: Step) -> Told {
        let finished = post.run().expect(0);
        self.world.nothing_runs_within(Duration::from_secs(2));
        self.nothing_else_changed();
        let report = finished.json();
        Told { report, finished }
    }

    /// Nothing outside of our directories has changed: there is the build's, what we were given, the cache, the
    /// run's own directory and the state.
    pub fn nothing_else_changed(&self) {
        let mut ours = vec!["work/", "bin/", "fake/", "etc/", "cache/", "runner-temp/"];
        ours.extend(["home/.cache/sccache-step/", "tmp/sccache-step-", "tmp/state/state.json"]);
        // What a job without a directory for its cache has in its place.
        ours.extend((!self.world.path("cache").exists()).then_some("home/.cache/sccache/"));
        let files = crate::dry_run::tree(self.world.root()).into_keys().filter(|path| !path.is_dir());
        let changed: Vec<String> = files
            .map(|path| path.strip_prefix(self.world.root()).unwrap().display().to_string())
            .filter(|path| !ours.iter().any(|ours| path.starts_with(ours)))
            .collect();
        assert!(changed.is_empty(), "{changed:?}");
        let named =
            std::fs::read_dir(self.world.path("work")).unwrap().map(|entry| entry.unwrap().file_name());
        let named: Vec<_> = named.filter(|name| name.to_string_lossy().contains("sccache")).collect();
        assert!(named.iter().all(|name| name == ".sccache"), "in the build's directory: {named:?}");
    }

    pub fn run_dir(&self) -> PathBuf {
        PathBuf::from(self.world.state()["server"]["run_dir"].as_str().unwrap())
    }

    pub fn socket(&self) -> PathBuf {
        PathBuf::from(self.world.state()["server"]["address"]["socket"].as_str().unwrap())
    }
}

impl Told {
    pub fn count(&self, name: &str) -> u64 {
        self.report[name].as_u64().unwrap_or_else(|| panic!("no {name}: {:#}", self.report))
    }

    /// Hits and misses.
    pub fn counts(&self) -> (u64, u64) {
        (self.count("hits"), self.count("misses"))
    }

    /// What befell the job, a line each, with what differs from run to run made the same.
    pub fn incidents(&self, world: &World) -> String {
        let line = |incident: &Value| {
            let words = ["what", "why", "cost"].map(|name| incident[name].as_str().map(str::to_owned));
            words.into_iter().flatten().collect::<Vec<_>>().join("; ")
        };
        let incidents: Vec<String> = self.report["incidents"].as_array().unwrap().iter().map(line).collect();
        let rules = [
            (r"ready after [0-9.]+ s", "ready after [time]"),
            (r"which took [0-9.]+ s", "which took [time]"),
            (r"it had [0-9]+ MiB", "it had [size]"),
            (r"not answered for [0-9]+ s", "not answered for [time]"),
            (NOT_COUNTED, "up to [n] not counted"),
            (r"\[[0-9T:.-]+Z ", "[[time] "),
            // Whether the connection is refused or reset is chance.
            (r"(error sending request for url \([^)]*\)): [^;]*", "$1: [how]"),
        ];
        let told = rules.iter().fold(world.clean(&incidents.join("\n")), |told, (pattern, with)| {
            regex::Regex::new(pattern).unwrap().replace_all(&told, *with).into_owned()
        });
        // Whether a request was open at that moment, and whether a sample was taken before, is chance.
        told.replace(", up to [n] not counted", "").replace("it had [size] resident at the last sample; ", "")
    }

    /// What the report finds, a line each, with what differs from run to run made the same.
    pub fn findings(&self, world: &World) -> String {
        let line = |finding: &Value| {
            let words = ["id", "what", "why"].map(|name| finding[name].as_str().map(str::to_owned));
            words.into_iter().flatten().collect::<Vec<_>>().join("; ")
        };
        let findings: Vec<String> = self.report["findings"].as_array().unwrap().iter().map(line).collect();
        world.clean(&findings.join("\n"))
    }

    /// How many requests the report itself says that it may miss.
    pub fn stated_loss(&self) -> u64 {
        let text = self.report["incidents"].to_string();
        let pattern = regex::Regex::new(NOT_COUNTED).unwrap();
        pattern.captures_iter(&text).map(|found| found[1].parse::<u64>().unwrap()).sum()
    }

    /// The report's misses are what the compilers counted on behalf of servers, but for the loss it states.
    fn is_within_loss(&self, compilations: &[Compilation], servers: &[u32]) {
        let own = regex::Regex::new(r"server of its own \(pid ([0-9]+)\)").unwrap();
        let incidents = self.report["incidents"].to_string();
        let strangers = own.captures_iter(&incidents).map(|found| found[1].parse::<u32>().unwrap());
        let servers: Vec<u32> = servers.iter().copied().chain(strangers).collect();
        let by_servers = compilations.iter().filter(|one| servers.contains(&one.by)).count();
        let (misses, by_servers) = (self.count("misses"), u64::try_from(by_servers).unwrap());
        let loss = self.stated_loss();
        assert!(
            misses <= by_servers && by_servers <= misses + loss,
            "{misses} misses told, {by_servers} compilations by {servers:?}, loss {loss}: {:#}\n{compilations:?}",
            self.report["incidents"]
        );
    }
}

/// Everything below a directory with its content, to see that it stays the same.
pub fn contents(directory: &Path) -> Vec<(String, String)> {
    let mut found = crate::azure::contents(directory, Path::new("/nowhere"));
    found.sort();
    found
}
