//! A Windows computer: a Wine prefix of its own, our program and sccache for Windows, and clang.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::support::step::{Finished, Step};
use crate::support::tools::{built_for, installed, program, repository};
use crate::support::world::World;
use crate::support::{leftovers, until};

/// Wine leaves its own standard error to whatever it starts, services and detached programs alike, whatever handles
/// these get as Windows programs. A pipe there would be held for ever; a file is not waited for. What becomes of the
/// pipes of a Windows program is looked at from inside, by `starter handles`.
const INTO_FILES: &str = "\"$@\" > \"$OUTPUT.$$.out\" 2> \"$OUTPUT.$$.err\"; code=$?
    cat \"$OUTPUT.$$.out\"; cat \"$OUTPUT.$$.err\" >&2; exit $code";

/// One test's computer. Dropping it ends whatever runs on it.
pub struct Computer {
    pub world: World,
}

/// What `.ci/prepare` has installed for Windows.
fn tool(name: &str) -> PathBuf {
    let path = installed().join("windows").join(name);
    assert!(path.exists(), "there is no `{}`: run `.ci/prepare`", path.display());
    path
}

/// A path as Windows programs see it.
pub fn windows(path: &Path) -> String {
    format!("Z:{}", path.display().to_string().replace('/', "\\"))
}

/// Our program for Windows, as the sources are now.
fn step_exe() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| built_for("x86_64-pc-windows-gnu"))
}

impl Computer {
    pub fn new() -> Self {
        let world = World::new();
        let template = tool("prefix");
        let prefix = world.path("prefix");
        std::fs::create_dir_all(prefix.join("drive_c")).unwrap();
        std::os::unix::fs::symlink(template.join("drive_c/windows"), prefix.join("drive_c/windows")).unwrap();
        for name in ["system.reg", "user.reg", "userdef.reg", ".update-timestamp", "dosdevices"] {
            copy(&template.join(name), &prefix);
        }
        for name in ["users", "ProgramData", "Program Files"] {
            copy(&template.join("drive_c").join(name), &prefix.join("drive_c"));
        }
        std::fs::create_dir(world.path("bin")).unwrap();
        let computer = Self { world };
        std::fs::create_dir_all(computer.directory()).unwrap();
        let zig = windows(&tool("zig.exe")).replace('\\', "\\\\");
        computer.compile_for_windows("clang", &[&format!("-DZIG=L\"{zig}\"")]);
        computer.compile_for_windows("starter", &[]);
        computer
    }

    /// One of the programs in `tests/fixtures/wine`.
    fn compile_for_windows(&self, name: &str, arguments: &[&str]) {
        let source = repository().join("tests/fixtures/wine").join(name).with_extension("c");
        let mut compile = Command::new(program("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64"));
        compile.args(["-municode", "-O1", "-s"]).args(arguments).arg(source);
        let done = compile.arg("-o").arg(self.path_of(name)).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    fn path_of(&self, name: &str) -> PathBuf {
        self.world.path("bin").join(name).with_extension("exe")
    }

    /// The path of `clang` or `starter`, for Windows programs.
    pub fn exe(&self, name: &str) -> String {
        windows(&self.path_of(name))
    }

    /// The path of our program, for Windows programs.
    pub fn step_exe(&self) -> String {
        windows(step_exe())
    }

    /// The path of sccache, for Windows programs.
    pub fn sccache(&self) -> String {
        windows(&tool("sccache.exe"))
    }

    /// A program on this computer; its working directory is `work/Größe 1`, below the world.
    pub fn command(&self, program_path: &str) -> Step {
        let step = self.world.command(program("sh", "dash")).args(&["-c", INTO_FILES, "sh"]);
        let step = step.arg(program("wine", "wine")).arg(program_path).within(self.directory());
        // The names of files are ours to choose, and wine reads them as the locale says.
        step.env("WINEPREFIX", self.world.path("prefix"))
            .env("WINEDEBUG", "-all")
            .env("LC_ALL", "C.UTF-8")
            .env("OUTPUT", self.world.path("tmp/output"))
    }

    /// Where commands run and the project is.
    pub fn directory(&self) -> PathBuf {
        self.world.path("work/Größe 1")
    }

    /// Our program, with the real sccache, a cache and a state file of this computer.
    pub fn step(&self, arguments: &[&str]) -> Step {
        let step = self.command(&self.step_exe()).args(arguments);
        step.env("SCCACHE_STEP_SCCACHE", self.sccache())
            .env("SCCACHE_STEP_CACHE_DIR", windows(&self.world.path("Größe cache")))
            .env("SCCACHE_STEP_STATE", windows(&self.world.state_path()))
    }

    /// Puts the project's files where commands run.
    pub fn copy_sources(&self) {
        for name in ["main.c", "sum.c"] {
            let fixture = repository().join("tests/fixtures/wine").join(name);
            std::fs::copy(fixture, self.directory().join(name)).unwrap();
        }
    }

    /// Compiles the project's files through sccache, links them, and runs the result on this computer.
    pub fn build(&self, variables: &[(&str, &str)]) -> Vec<Finished> {
        self.copy_sources();
        let compile = |name: &str| {
            let object = format!("{name}.o");
            // An old one would hide that there is no new one.
            let _ = std::fs::remove_file(self.directory().join(&object));
            let clang = self.exe("clang");
            let headers = ["-isystem", r"Z:\usr\x86_64-w64-mingw32\include"];
            let step = self.command(&self.sccache()).arg(clang).args(&headers);
            let step = step.args(&["-isystem", &windows(&tool("include"))]);
            let step = step.args(&["-c", &format!("{name}.c"), "-o", &object]);
            variables.iter().fold(step, |step, (name, value)| step.env(name, value)).run()
        };
        let compiled = ["main", "sum"].map(compile);
        if compiled.iter().all(|finished| finished.code() == 0) {
            let gcc = program("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64");
            let link = self.world.command(gcc).within(self.directory());
            link.args(&["main.o", "sum.o", "-o", "main.exe"]).run().expect(0);
            let ran = self.command("main.exe").run().expect(0);
            assert_eq!(ran.stdout.trim_end(), "42", "what was compiled is right");
        }
        compiled.into()
    }

    /// Ends a process as a crash with this exit code would.
    pub fn kill(&self, pid: u64, code: u32) {
        let (pid, code) = (pid.to_string(), code.to_string());
        self.command(&self.exe("starter")).args(&["kill", &pid, &code]).run().expect(0);
    }

    /// The process of this part of the job: `server` or `supervisor`.
    pub fn pid(&self, part: &str) -> u64 {
        self.world.state()["server"][part]["pid"].as_u64().unwrap()
    }

    /// Waits until nothing of ours and of sccache's runs on this computer.
    pub fn nothing_of_ours_is_left(&self) {
        until("the end of sccache and sccache-step", || self.ours().is_empty().then_some(()));
    }

    /// The command lines of our processes and sccache's.
    pub fn ours(&self) -> Vec<String> {
        let all = leftovers::of(self.world.root()).into_iter().map(|process| process.arguments);
        all.filter(|arguments| arguments.contains("sccache.exe") || arguments.contains("sccache-step.exe"))
            .collect()
    }
}

impl Drop for Computer {
    fn drop(&mut self) {
        // Services that wine itself has started, and what a failed test has left.
        let end = |option: &str| {
            let server = self.world.command(program("wineserver", "wine")).arg(option);
            server.env("WINEPREFIX", self.world.path("prefix")).run();
        };
        end("-k");
        end("-w");
        let left = leftovers::gone(self.world.root(), Duration::from_secs(10));
        assert!(left.is_empty() || std::thread::panicking(), "wine has left {left:#?}");
    }
}

fn copy(from: &Path, into: &Path) {
    let status = Command::new("cp").arg("-a").args([from, into]).status().unwrap();
    assert!(status.success(), "`{}` could not be copied", from.display());
}
