#!/usr/bin/env node
// Bundles beside the reference client `@actions/cache` and `tar | zstd`: one directory, one server, one run.
//
// usage: scripts/bundles.mjs <directory with node_modules/@actions/cache> [objects:kibibytes[:times] ...]
//
// The server is a cache service v2 on loopback that keeps its blobs in files; it counts what it is asked. The contenders take
// turns, so that what else the machine does meets all of them; times are the middle of several with the least and the most,
// memory is the peak of the client's processes. Needs node, tar, zstd, GNU time and target/release/sccache-step.
import { spawn, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { createServer } from "node:http";
import os from "node:os";
import path from "node:path";
import { pipeline } from "node:stream/promises";

const [modules, ...sizes] = process.argv.slice(2);
const program = path.resolve(process.env.SCCACHE_STEP_PROGRAM || "target/release/sccache-step");
const root = fs.mkdtempSync(path.join(os.tmpdir(), "bundles-"));
process.on("exit", () => fs.rmSync(root, { recursive: true, force: true }));
const blobs = path.join(root, "blobs");
const entries = new Map();
// What was sent, by the blob's name and the block's: as in the real storage, a list of blocks copies nothing.
const parts = new Map();
const counts = { requests: 0, up: 0, down: 0 };

const server = createServer(async (request, response) => {
  counts.requests += 1;
  const url = new URL(request.url, "http://localhost");
  const method = url.pathname.split("/").pop();
  const json = (value) => response.end(JSON.stringify(value));
  const name = (key) => createHash("sha256").update(key).digest("hex");
  if (request.method === "POST") {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { key, restore_keys: more = [], version } = JSON.parse(Buffer.concat(chunks));
    const blob = (key) => `http://127.0.0.1:${server.address().port}/blob/${name(key + version)}?sig=none`;
    response.setHeader("Content-Type", "application/json");
    if (method === "CreateCacheEntry") return json({ ok: true, signed_upload_url: blob(key) });
    if (method === "FinalizeCacheEntryUpload") return entries.set(key, version), json({ ok: true, entry_id: "1" });
    const known = [...entries.keys()].filter((other) => entries.get(other) === version).reverse();
    const found = [key, ...more].map((key) => known.find((other) => other === key) || known.find((other) => other.startsWith(key)));
    const matched = found.find(Boolean);
    return json(matched ? { ok: true, matched_key: matched, signed_download_url: blob(matched) } : { ok: false });
  }
  const file = path.join(blobs, method);
  if (request.method === "PUT") {
    const part = url.searchParams.get("comp");
    if (part === "blocklist") {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const ids = [...Buffer.concat(chunks).toString().matchAll(/<Latest>([^<]+)</g)].map(([, id]) => id);
      parts.set(method, ids.map((id) => `${file}.${name(id)}`));
    } else {
      const target = part ? `${file}.${name(url.searchParams.get("blockid"))}` : file;
      request.on("data", (chunk) => (counts.up += chunk.length));
      await pipeline(request, fs.createWriteStream(target));
      if (!part) parts.set(method, [target]);
    }
    response.statusCode = 201;
    return response.end();
  }
  const files = parts.get(method).map((file) => [file, fs.statSync(file).size]);
  const total = files.reduce((sum, [, size]) => sum + size, 0);
  const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range || request.headers["x-ms-range"] || "");
  const [start, end] = range ? [Number(range[1]), Math.min(Number(range[2]), total - 1)] : [0, total - 1];
  response.writeHead(range ? 206 : 200, {
    "Content-Length": end - start + 1,
    ...(range && { "Content-Range": `bytes ${start}-${end}/${total}` }),
  });
  if (request.method === "HEAD") return response.end();
  counts.down += end - start + 1;
  // Each of the files listens for the end of the answer.
  response.setMaxListeners(0);
  let at = 0;
  for (const [file, size] of files) {
    const [from, to] = [Math.max(start - at, 0), Math.min(end - at, size - 1)];
    at += size;
    if (from > to) continue;
    await pipeline(fs.createReadStream(file, { start: from, end: to }), response, { end: false }).catch(() => response.destroy());
  }
  response.end();
});

// Runs a command; gives seconds, peak memory in MiB, and what the server was asked meanwhile.
function measured(command, environment = {}) {
  // What was written before is not this command's affair.
  spawnSync("sync");
  Object.assign(counts, { requests: 0, up: 0, down: 0 });
  const began = process.hrtime.bigint();
  const child = spawn("/usr/bin/time", ["-f", "peak %M", ...command], {
    env: { PATH: process.env.PATH, HOME: root, TMPDIR: root, ...environment },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let told = "";
  child.stderr.on("data", (data) => (told += data));
  return new Promise((resolve, reject) =>
    child.on("close", (code) => {
      const secs = Number(process.hrtime.bigint() - began) / 1e9;
      const peak = Number(/peak (\d+)/.exec(told)?.[1]) / 1024;
      code === 0 ? resolve({ secs, peak, ...counts }) : reject(new Error(`${command}: ${told}`));
    }),
  );
}

const reference = `
  const [action, directory, key] = process.argv.slice(1);
  const cache = await import(process.env.REFERENCE);
  if (action === "save") await cache.saveCache([directory], key);
  else if (!(await cache.restoreCache([directory], key))) throw new Error("a miss");
  process.exit(0);`;

function put(directory, number, bytes) {
  const key = createHash("sha256").update(`object ${number}`).digest("hex");
  const file = path.join(directory, key[0], key[1], key);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, randomBytes(bytes));
}

const middle = (all, of) => [...all].map(of).sort((one, other) => one - other)[Math.floor(all.length / 2)];
const spread = (all, of, digits = 2) => {
  const [least, most] = [Math.min(...all.map(of)), Math.max(...all.map(of))].map((number) => number.toFixed(digits));
  const told = middle(all, of).toFixed(digits);
  return all.length > 1 ? `${told} (${least}–${most})` : told;
};

// One row for each contender: they take turns, so many times. Gives all that was measured.
async function rows(times, contenders) {
  const all = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let at = 0; at < times; at += 1) {
    for (const [name, run] of Object.entries(contenders)) all[name].push(await run(at));
  }
  const mib = (bytes) => (bytes / 2 ** 20).toFixed(1);
  for (const [name, runs] of Object.entries(all)) {
    const { requests, up, down } = runs[0];
    const peak = Math.max(...runs.map((run) => run.peak)).toFixed(0);
    console.log(`| ${name} | ${spread(runs, (run) => run.secs)} | ${peak} | ${requests} | ${mib(up)} | ${mib(down)} |`);
  }
  return all;
}

// How long the first took for each second of the second, pair by pair.
function ratio(what, [ours, theirs]) {
  const pairs = ours.map((run, at) => run.secs / theirs[at].secs);
  console.log(`${what}: ${spread(pairs, (pair) => pair)} of the time of \`@actions/cache\``);
}

async function compare(objects, kibibytes, times = 5) {
  const directory = path.join(root, "cache");
  const fresh = () => fs.rmSync(directory, { recursive: true, force: true });
  for (const old of [blobs, directory]) fs.rmSync(old, { recursive: true, force: true });
  fs.mkdirSync(blobs);
  // Lengths differ as those of real objects do: from a quarter to seven quarters of the average.
  for (let at = 0; at < objects; at += 1) put(directory, at, Math.round(kibibytes * 1024 * (0.25 + (1.5 * (at % 101)) / 100)));
  const service = {
    GITHUB_ACTIONS: "true", GITHUB_SERVER_URL: "https://github.com", ACTIONS_CACHE_SERVICE_V2: "1", GITHUB_WORKSPACE: root,
    RUNNER_TEMP: root, ACTIONS_RUNTIME_TOKEN: "none", ACTIONS_RESULTS_URL: `http://127.0.0.1:${server.address().port}/`,
  };
  const step = (action, at) =>
    measured([program, "cache", action, "--cache-dir", directory, "--cache-size", "20G", "--key", `k${objects}-${at}`], service);
  const client = (action, at) =>
    measured(["node", "--input-type=module", "-e", reference, action, directory, `reference-${objects}-${at}`], {
      ...service, REFERENCE: path.resolve(modules, "node_modules/@actions/cache/lib/cache.js"),
    });
  const archive = path.join(root, "archive.tar.zst");
  console.log(`\n${objects} objects of ${kibibytes} KiB on average, ${times} times\n`);
  console.log("| what | s | peak MiB | requests | MiB sent | MiB received |\n|---|---|---|---|---|---|");
  const saves = await rows(times, {
    "save: bundle": (at) => step("save", at),
    "save: `@actions/cache`": (at) => client("save", at),
    "save: `tar \\| zstd`, to a file": () => measured(["sh", "-c", `tar -C ${root} -cf - cache | zstd -T0 -q -f -o ${archive}`]),
  });
  const restores = await rows(times, {
    "restore: bundle": (at) => (fresh(), step("restore", at)),
    "restore: `@actions/cache`": (at) => (fresh(), client("restore", at)),
    "restore: `tar \\| zstd`, from a file": () => (fresh(), measured(["sh", "-c", `zstd -d -c -q ${archive} | tar -C ${root} -xf -`])),
  });
  fresh();
  await step("restore", 0);
  for (let at = 0; at < objects / 100; at += 1) put(directory, objects + at, kibibytes * 1024);
  await rows(1, {
    "save of 1 % more: bundle": () => step("save", 0),
    "save without news: bundle": async () => (fresh(), await step("restore", 0), step("save", 0)),
    "save of 1 % more: `@actions/cache`": () => client("save", "again"),
  });
  console.log();
  ratio("save", Object.values(saves));
  ratio("restore", Object.values(restores));
}

server.listen(0, "127.0.0.1", async () => {
  for (const size of sizes.length ? sizes : ["1000:24", "20000:24", "20000:100:2"]) await compare(...size.split(":").map(Number));
  process.exit(0);
});
