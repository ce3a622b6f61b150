#!/usr/bin/env node
// Bundles beside the reference client `@actions/cache` and `tar | zstd`: one directory, one server, one run.
//
// usage: scripts/bundles.mjs <directory with node_modules/@actions/cache> [objects:kibibytes ...]
//
// The server is a cache service v2 on loopback that keeps its blobs in files; it counts what it is asked. Times are the
// middle of several; memory is the peak of the client's process. Needs node, tar, zstd, GNU time and target/release/sccache-step.
import { spawn } from "node:child_process";
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
      const out = fs.createWriteStream(file);
      for (const [, id] of Buffer.concat(chunks).toString().matchAll(/<Latest>([^<]+)</g)) {
        await pipeline(fs.createReadStream(`${file}.${name(id)}`), out, { end: false });
        fs.rmSync(`${file}.${name(id)}`);
      }
      await new Promise((done) => out.end(done));
    } else {
      request.on("data", (chunk) => (counts.up += chunk.length));
      await pipeline(request, fs.createWriteStream(part ? `${file}.${name(url.searchParams.get("blockid"))}` : file));
    }
    response.statusCode = 201;
    return response.end();
  }
  const total = fs.statSync(file).size;
  const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range || request.headers["x-ms-range"] || "");
  const [start, end] = range ? [Number(range[1]), Math.min(Number(range[2]), total - 1)] : [0, total - 1];
  response.writeHead(range ? 206 : 200, {
    "Content-Length": end - start + 1,
    ...(range && { "Content-Range": `bytes ${start}-${end}/${total}` }),
  });
  if (request.method === "HEAD") return response.end();
  counts.down += end - start + 1;
  await pipeline(fs.createReadStream(file, { start, end }), response).catch(() => {});
});

// Runs a command; gives seconds, peak memory in MiB, and what the server was asked meanwhile.
function measured(command, environment = {}) {
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

async function row(name, times, run) {
  const all = [];
  for (let at = 0; at < times; at += 1) all.push(await run(at));
  all.sort((one, other) => one.secs - other.secs);
  const middle = all[Math.floor(all.length / 2)];
  const mib = (bytes) => (bytes / 2 ** 20).toFixed(1);
  console.log(`| ${name} | ${middle.secs.toFixed(2)} | ${middle.peak.toFixed(0)} | ${middle.requests} | ${mib(middle.up)} | ${mib(middle.down)} |`);
}

async function compare(objects, kibibytes) {
  const directory = path.join(root, "cache");
  const fresh = () => fs.rmSync(directory, { recursive: true, force: true });
  fs.rmSync(blobs, { recursive: true, force: true });
  fs.mkdirSync(blobs);
  fresh();
  // Lengths differ as those of real objects do: from a quarter to seven quarters of the average.
  for (let at = 0; at < objects; at += 1) put(directory, at, Math.round(kibibytes * 1024 * (0.25 + (1.5 * (at % 101)) / 100)));
  const copy = path.join(root, "copy");
  fs.rmSync(copy, { recursive: true, force: true });
  fs.cpSync(directory, copy, { recursive: true, preserveTimestamps: true });
  const service = {
    GITHUB_ACTIONS: "true", GITHUB_SERVER_URL: "https://github.com", ACTIONS_CACHE_SERVICE_V2: "1", GITHUB_WORKSPACE: root,
    RUNNER_TEMP: root, ACTIONS_RUNTIME_TOKEN: "none", ACTIONS_RESULTS_URL: `http://127.0.0.1:${server.address().port}/`,
  };
  const step = (action, at) =>
    measured([program, "cache", action, "--cache-dir", directory, "--cache-size", "20G", "--key", `k${at}`], service);
  const client = (action, at) =>
    measured(["node", "--input-type=module", "-e", reference, action, directory, `reference-${objects}-${at}`], {
      ...service, REFERENCE: path.resolve(modules, "node_modules/@actions/cache/lib/cache.js"),
    });
  const archive = path.join(root, "archive.tar.zst");
  const times = objects > 5000 ? 1 : 5;
  console.log(`\n${objects} objects of ${kibibytes} KiB on average\n`);
  console.log("| what | s | peak MiB | requests | MiB sent | MiB received |\n|---|---|---|---|---|---|");
  await row("save: bundle", times, (at) => step("save", at));
  await row("save: `@actions/cache`", times, (at) => client("save", at));
  await row("save: `tar \\| zstd`, to a file", times, () => measured(["sh", "-c", `tar -C ${root} -cf - cache | zstd -T0 -q -f -o ${archive}`]));
  await row("restore: bundle", times, (at) => (fresh(), step("restore", at)));
  await row("restore: `@actions/cache`", times, (at) => (fresh(), client("restore", at)));
  await row("restore: `tar \\| zstd`, from a file", times, () => (fresh(), measured(["sh", "-c", `zstd -d -c -q ${archive} | tar -C ${root} -xf -`])));
  fresh();
  await step("restore", 0);
  for (let at = 0; at < objects / 100; at += 1) put(directory, objects + at, kibibytes * 1024);
  await row("save of 1 % more: bundle", 1, () => step("save", 0));
  await row("save without news: bundle", 1, async () => (fresh(), await step("restore", 0), step("save", 0)));
  await row("save of 1 % more: `@actions/cache`", 1, () => client("save", "again"));
}

server.listen(0, "127.0.0.1", async () => {
  for (const size of sizes.length ? sizes : ["1000:24", "20000:100"]) await compare(...size.split(":").map(Number));
  process.exit(0);
});
