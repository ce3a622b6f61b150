"use strict";

// Runs the action's main.js and post.js as the runner does: node alone in its process group, stdin closed,
// stdout and stderr on pipes, inputs as INPUT_* with their hyphens. The program beside it is a shell script.

const test = require("node:test");
const assert = require("node:assert/strict");
const { spawn, spawnSync } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

const REPOSITORY = path.join(__dirname, "..", "..");
const TARGET = {
  "linux-x64": "x86_64-unknown-linux-musl",
  "linux-arm64": "aarch64-unknown-linux-musl",
  "darwin-x64": "x86_64-apple-darwin",
  "darwin-arm64": "aarch64-apple-darwin",
}[`${process.platform}-${process.arch}`];
// The deadline ends a test whose program never does.
const options = { timeout: 30_000, skip: TARGET ? false : "skipped: the fake program is a shell script" };

const running = new Set();

// A copy of the action in a directory of its own, whose name has a space and a percent sign.
function action(t) {
  const base = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "shim-")));
  t.after(() => {
    for (const node of running) process.kill(-node.pid, "SIGKILL"); // of a test that failed
    fs.rmSync(base, { recursive: true, force: true });
  });
  const root = path.join(base, "my action 100%");
  fs.cpSync(path.join(REPOSITORY, "action"), path.join(root, "action"), { recursive: true });
  return root;
}

function write(file, body) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return file;
}

const bin = (root, body) => write(path.join(root, "bin", TARGET, "sccache-step"), body);

function start(root, phase, env = {}) {
  const node = spawn(process.execPath, [path.join(root, "action", `${phase}.js`)], {
    detached: true, // a process group of its own, so that a test sees everything it leaves behind
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH, "INPUT_FAIL-FAST": "false", ...env },
    cwd: root,
  });
  running.add(node);
  node.on("close", () => running.delete(node));
  const run = { node, stdout: "", stderr: "" };
  node.stdout.on("data", (data) => (run.stdout += data));
  node.stderr.on("data", (data) => (run.stderr += data));
  run.ended = new Promise((resolve) => node.on("close", (code, signal) => resolve({ code, signal })));
  return run;
}

async function finish(root, phase, env) {
  const run = start(root, phase, env);
  return { ...(await run.ended), stdout: run.stdout, stderr: run.stderr };
}

async function until(condition, what) {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `waited 10 s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

// In a container whose first process reaps nobody a killed grandchild stays as a zombie: that is an end, too.
function isRunning(pid) {
  const answer = spawnSync("ps", ["-e", "-o", "pgid=,stat="], { encoding: "utf8" });
  assert.equal(answer.status, 0, answer.stderr);
  const rows = answer.stdout.trim().split("\n").map((row) => row.trim().split(/\s+/));
  return rows.some(([group, state]) => Number(group) === pid && !state.startsWith("Z"));
}

async function groupIsGone(pid) {
  await until(() => !isRunning(pid), "the end of everything that was started");
}

test("main_runs_pre_and_post_runs_post_with_every_stream", options, async (t) => {
  const root = action(t);
  bin(root, 'echo "out: $*"; echo "err: $*" >&2; read -r line || echo "stdin is closed"');
  for (const [phase, argument] of [["main", "pre"], ["post", "post"]]) {
    assert.deepEqual(await finish(root, phase), {
      code: 0,
      signal: null,
      stdout: `out: ${argument}\nstdin is closed\n`,
      stderr: `err: ${argument}\n`,
    });
  }
});

test("the_environment_reaches_the_program_whole", options, async (t) => {
  const root = action(t);
  // A script of dash would itself drop names with hyphens. So the program is `env`, which takes the phase for a
  // command's name, and `pre` on its PATH is a script of node.
  fs.mkdirSync(path.join(root, "bin", TARGET), { recursive: true });
  fs.symlinkSync("/usr/bin/env", path.join(root, "bin", TARGET, "sccache-step"));
  const print = 'console.log(JSON.stringify(["INPUT_CACHE-DIR", "INPUT_MIN-HIT-RATE", "ODD"].map((n) => process.env[n])))';
  fs.writeFileSync(path.join(root, "pre"), `#!${process.execPath}\n${print}\n`, { mode: 0o755 });
  const { stdout } = await finish(root, "main", {
    "INPUT_CACHE-DIR": "a b",
    "INPUT_MIN-HIT-RATE": "",
    ODD: "line\nbreak",
    PATH: `${root}:${process.env.PATH}`,
  });
  assert.deepEqual(JSON.parse(stdout), ["a b", "", "line\nbreak"]);
});

test("the_exit_code_is_the_programs", options, async (t) => {
  const root = action(t);
  for (const code of [0, 1, 2, 127, 255]) {
    bin(root, `exit ${code}`);
    assert.deepEqual(await finish(root, "main"), { code, signal: null, stdout: "", stderr: "" });
  }
});

test("a_killed_program_gives_128_and_the_signal", options, async (t) => {
  const root = action(t);
  for (const [signal, code] of [["KILL", 137], ["TERM", 143], ["SEGV", 139]]) {
    bin(root, `kill -${signal} $$`);
    assert.equal((await finish(root, "main")).code, code);
  }
});

test("signals_reach_the_program_and_its_code_comes_back", options, async (t) => {
  const root = action(t);
  bin(
    root,
    `trap 'echo INT' INT; trap 'echo HUP' HUP; trap 'echo TERM; kill $!; exit 7' TERM
     sleep 60 >/dev/null 2>&1 & echo ready
     while :; do wait $!; done`,
  );
  for (const phase of ["main", "post"]) {
    const run = start(root, phase);
    for (const [signal, answer] of [[null, "ready"], ["SIGINT", "INT"], ["SIGHUP", "HUP"], ["SIGTERM", "TERM"]]) {
      if (signal) run.node.kill(signal);
      await until(() => run.stdout.includes(`${answer}\n`), answer);
    }
    assert.deepEqual(await run.ended, { code: 7, signal: null });
    assert.equal(run.stdout, "ready\nINT\nHUP\nTERM\n");
    await groupIsGone(run.node.pid);
  }
});

test("a_signal_that_ends_the_program_gives_128_and_the_signal", options, async (t) => {
  const root = action(t);
  bin(root, "echo ready; exec sleep 60");
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]]) {
    const run = start(root, "main");
    await until(() => run.stdout === "ready\n", "the program");
    run.node.kill(signal);
    assert.deepEqual(await run.ended, { code, signal: null });
    await groupIsGone(run.node.pid);
  }
});

test("a_missing_program_is_a_warning", options, async (t) => {
  const root = action(t);
  const shown = root.replace("%", "%25");
  assert.deepEqual(await finish(root, "main"), {
    code: 0,
    signal: null,
    stdout:
      "::warning title=sccache-step::sccache-step did not run `pre`: this job has no compiler cache%0A" +
      `cause: no program for ${process.platform}-${process.arch} in \`${shown}\`%0A` +
      `help:  use a released version of this action, or run \`cargo build --release\` in \`${shown}\` before\n`,
    stderr: "",
  });
  const post = await finish(root, "post");
  assert.equal(post.code, 0);
  assert.match(post.stdout, /^::warning title=sccache-step::sccache-step did not run `post`: the server was not stopped/);
});

test("a_missing_program_fails_the_job_under_fail_fast", options, async (t) => {
  const root = action(t);
  for (const value of ["true", "True", "TRUE"]) {
    const { code, stdout } = await finish(root, "main", { "INPUT_FAIL-FAST": value });
    assert.equal(code, 1);
    assert.match(stdout, /^::error title=sccache-step::/);
  }
});

test("a_program_that_cannot_be_executed_is_a_warning", options, async (t) => {
  const root = action(t);
  const program = bin(root, "");
  const assertWarned = async (cause) => {
    const { code, stdout } = await finish(root, "main");
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`^::warning title=sccache-step::.*%0Acause: .* did not start: spawn ${cause}.*%0Ahelp: `));
  };
  if (process.platform === "linux") {
    const open = fs.openSync(program, "r+"); // being written: node throws this one
    await assertWarned("ETXTBSY");
    fs.closeSync(open);
  }
  fs.chmodSync(program, 0o644); // node emits this one
  await assertWarned(".*EACCES");
});

test("a_checkout_uses_what_cargo_built_and_a_release_its_own", options, async (t) => {
  const root = action(t);
  for (const directory of ["target/debug", "target/release", `bin/${TARGET}`]) {
    write(path.join(root, directory, "sccache-step"), `echo ${directory}`);
    assert.equal((await finish(root, "main")).stdout, `${directory}\n`);
  }
});

test("a_checkout_without_a_program_is_built_once", options, async (t) => {
  const root = action(t);
  fs.writeFileSync(path.join(root, "Cargo.toml"), "");
  const cargo = path.join(root, "tools", "cargo");
  const env = { PATH: `${path.dirname(cargo)}:${process.env.PATH}`, CARGO_BUILD_TARGET: "elsewhere" };

  write(cargo, "echo cargo; exit 101");
  const failed = await finish(root, "main", env);
  assert.equal(failed.code, 0);
  assert.match(failed.stdout, /^cargo\n::warning .*, and cargo ended with 101%0A/);

  const absent = await finish(root, "main", { PATH: "/nowhere" });
  assert.match(absent.stdout, /, and cargo did not start: spawn cargo ENOENT%0A/);

  write(
    cargo,
    `echo "cargo $*$CARGO_BUILD_TARGET"; mkdir -p target/release
     printf '#!/bin/sh\\necho "program $*"; exit 3' > target/release/sccache-step; chmod +x target/release/sccache-step`,
  );
  assert.match((await finish(root, "post", env)).stdout, /^::warning /); // post builds nothing
  const first = await finish(root, "main", env);
  assert.equal(first.stdout, `cargo build --release --locked --target-dir ${root}/target\nprogram pre\n`);
  assert.equal(first.code, 3);
  assert.equal((await finish(root, "main", env)).stdout, "program pre\n");
});

test("a_signal_during_the_build_ends_it", options, async (t) => {
  const root = action(t);
  fs.writeFileSync(path.join(root, "Cargo.toml"), "");
  write(path.join(root, "tools", "cargo"), "echo building; exec sleep 60");
  const run = start(root, "main", { PATH: `${path.join(root, "tools")}:${process.env.PATH}` });
  await until(() => run.stdout === "building\n", "the build");
  run.node.kill("SIGTERM");
  assert.deepEqual(await run.ended, { code: 143, signal: null });
  assert.equal(run.stdout, "building\n");
  await groupIsGone(run.node.pid);
});

test("the_shim_stays_small", () => {
  const directory = path.join(REPOSITORY, "action");
  const lines = (name) => fs.readFileSync(path.join(directory, name), "utf8").split("\n").length - 1;
  assert.ok(fs.readdirSync(directory).map(lines).reduce((sum, count) => sum + count) < 100);
});
