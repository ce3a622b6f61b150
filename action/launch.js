"use strict";

// Hands one phase of the action to the sccache-step program: finds it, starts it, passes signals on and ends
// with its code. Every decision is the program's. Nothing is bundled, downloaded or required beyond node
// itself, because each step of a job pays for the start of this file.

const { spawn } = require("child_process");
const { existsSync } = require("fs");
const { constants } = require("os");
const path = require("path");

const ROOT = path.dirname(__dirname);
const WINDOWS = process.platform === "win32";
const PROGRAM = WINDOWS ? "sccache-step.exe" : "sccache-step";
const TARGET = {
  "linux-x64": "x86_64-unknown-linux-musl",
  "linux-arm64": "aarch64-unknown-linux-musl",
  "darwin-x64": "x86_64-apple-darwin",
  "darwin-arm64": "aarch64-apple-darwin",
  "win32-x64": "x86_64-pc-windows-msvc",
  "win32-arm64": "aarch64-pc-windows-msvc",
}[`${process.platform}-${process.arch}`];

// A release has `bin/`; a checkout (`uses: ./`) has what cargo built in it.
function find() {
  const directories = [["target", "release"], ["target", "debug"]];
  if (TARGET) directories.unshift(["bin", TARGET]);
  return directories.map((parts) => path.join(ROOT, ...parts, PROGRAM)).find((program) => existsSync(program));
}

// The cache never breaks a build, so this is a warning and exit 0 unless the user asked for strictness.
function trouble(phase, cause, help) {
  const strict = (process.env["INPUT_FAIL-FAST"] || "").trim().toLowerCase() === "true";
  const what = phase === "pre" ? "this job has no compiler cache" : "the server was not stopped, there is no report";
  const lines = [`sccache-step did not run \`${phase}\`: ${what}`, `cause: ${cause}`, `help:  ${help}`].join("\n");
  const data = lines.replace(/%/g, "%25").replace(/\r/g, "%0D").replace(/\n/g, "%0A");
  process.stdout.write(`::${strict ? "error" : "warning"} title=sccache-step::${data}\n`);
  process.exitCode = strict ? 1 : 0;
}

module.exports = function launch(phase) {
  let child;
  let received;

  // On cancellation the runner signals node alone, so the child must hear it from us. On Windows the console
  // has told the child already and `kill` would end it outright: there the handlers only keep node waiting.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", ...(WINDOWS ? ["SIGBREAK"] : [])]) {
    process.on(signal, () => {
      received = signal;
      if (!WINDOWS && child) child.kill(signal);
    });
  }

  // Asynchronous, since no handler runs while `spawnSync` waits. Without a shell, since dash drops variables
  // such as `INPUT_FAIL-FAST` whose names are not identifiers.
  function run(program, args, options, ended) {
    try {
      child = spawn(program, args, { stdio: "inherit", shell: false, ...options });
    } catch (error) {
      return ended(error); // node throws some spawn errors (a file of another system) and emits others
    }
    // A failed `kill` is emitted as well, while the child lives on: only a child without a pid never started.
    child.on("error", (error) => child.pid === undefined && ended(error));
    child.on("exit", (code, signal) => ended(null, code === null ? 128 + constants.signals[signal] : code));
  }

  function hand(program) {
    run(program, [phase], {}, (error, code) => {
      if (!error) process.exitCode = code;
      else trouble(phase, `\`${program}\` did not start: ${error.message}`, "use a released version of this action");
    });
  }

  const program = find();
  if (program) return hand(program);

  const missing = `no program for ${process.platform}-${process.arch} in \`${ROOT}\``;
  const help = `use a released version of this action, or run \`cargo build --release\` in \`${ROOT}\` before`;
  if (phase !== "pre" || !existsSync(path.join(ROOT, "Cargo.toml"))) return trouble(phase, missing, help);

  // The target directory and triple are ours, whatever the job set for its own builds: `find` looks there.
  const args = ["build", "--release", "--locked", "--target-dir", path.join(ROOT, "target")];
  const env = { ...process.env, CARGO_BUILD_TARGET: undefined };
  run("cargo", args, { cwd: ROOT, env }, (error, code) => {
    const built = find();
    if (received) process.exitCode = 128 + constants.signals[received];
    else if (code === 0 && built) hand(built);
    else trouble(phase, `${missing}, and cargo ${error ? `did not start: ${error.message}` : `ended with ${code}`}`, help);
  });
};
