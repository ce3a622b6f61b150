"""The measurements of scripts/overhead.sh, which is how to call this.

A and B of each pair run one after the other, in alternating order, so that whatever else the machine does hits
both alike. The ratio is taken in each pair; printed are the median and the quartiles of these ratios.
"""

import argparse
import json
import os
import platform
import resource
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHIM_TARGETS = {
    ("Linux", "x86_64"): "x86_64-unknown-linux-musl",
    ("Linux", "aarch64"): "aarch64-unknown-linux-musl",
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--step", type=Path, required=True)
    parser.add_argument("--sccache", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--pairs", type=int)
    parser.add_argument("--supervisor", action="store_true")
    options = parser.parse_args()
    pairs = options.pairs or (5 if options.quick else 30)
    work = Path(tempfile.mkdtemp(prefix="overhead-"))
    bench = Bench(options.step, options.sccache, work)
    # An interruption must not leave a server behind: as an exception it passes the `finally` below.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        rows = [] if options.supervisor else bench.ratios(pairs) + bench.costs(pairs)
        rows += bench.supervisor(2 if options.quick else 30)
        rows.append(bench.size())
    finally:
        bench.clean_up()
        shutil.rmtree(work)
    version = subprocess.run([options.sccache, "--version"], capture_output=True, text=True, check=True)
    print(f"{pairs} pairs, {version.stdout.strip()}, {os.cpu_count()} cores, {platform.system()}\n")
    print_table(rows)


class Bench:
    def __init__(self, step, sccache, work):
        self.step, self.sccache, self.work = step, sccache, work
        self.servers = []
        base = {"PATH": f"{sccache.parent}:/usr/local/bin:/usr/bin:/bin", "HOME": str(work), "CI": "true"}
        self.node = shutil.which("node") or sys.exit("node is missing")
        self.ours = {
            **base,
            "SCCACHE_STEP_STATE": str(work / "ours.json"),
            "SCCACHE_STEP_CACHE_DIR": str(work / "our-cache"),
        }
        self.plain = {
            **base,
            "SCCACHE_SERVER_UDS": str(work / "plain.socket"),
            "SCCACHE_DIR": str(work / "plain-cache"),
            "SCCACHE_IDLE_TIMEOUT": "0",
        }
        self.github = self.runner(base)
        self.shim = self.release_layout()

    def runner(self, base):
        """The environment of a GitHub runner, with the input that names a cache directory."""
        temporary = self.work / "runner"
        temporary.mkdir()
        files = {name: str(temporary / name) for name in ("ENV", "OUTPUT", "STATE", "PATH", "STEP_SUMMARY")}
        for file in files.values():
            Path(file).touch()
        return {
            **base,
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self.work),
            "RUNNER_TEMP": str(temporary),
            "INPUT_CACHE-DIR": str(self.work / "github-cache"),
            **{f"GITHUB_{name}": file for name, file in files.items()},
        }

    def release_layout(self):
        """The action as it is released: the program beside the shim."""
        root = self.work / "action-release"
        shutil.copytree(ROOT / "action", root / "action")
        target = SHIM_TARGETS.get((platform.system(), platform.machine())) or sys.exit("not measured on this system")
        (root / "bin" / target).mkdir(parents=True)
        shutil.copy(self.step, root / "bin" / target)
        return root / "action"

    # What is measured. Each returns seconds.

    def our_start(self):
        return timed([self.step, "pre"], self.ours)

    def our_end(self):
        server = self.server_of(self.ours["SCCACHE_STEP_CACHE_DIR"])
        took = timed([self.step, "post"], self.ours)
        expect_gone(server)
        return took

    def plain_start(self):
        return timed([self.sccache, "--start-server"], self.plain)

    def plain_end(self):
        """Statistics and stop, until the process is gone: that is what `post` promises, too."""
        server = self.server_of(self.plain["SCCACHE_DIR"])
        handle = os.pidfd_open(server)
        took = timed([self.sccache, "--show-stats"], self.plain)
        took += timed([self.sccache, "--stop-server"], self.plain)
        began = time.perf_counter()
        if not select.select([handle], [], [], 20)[0]:
            sys.exit("the plain server did not end")
        os.close(handle)
        return took + time.perf_counter() - began

    def shim_job(self):
        took = timed([self.node, self.shim / "main.js"], self.github)
        server = self.server_of(self.github["INPUT_CACHE-DIR"])
        took += timed([self.node, self.shim / "post.js"], self.github)
        expect_gone(server)
        return took

    def bare_job(self):
        nodes = [timed([self.node, "-e", "0"], self.github) for _ in range(2)]
        return sum(nodes) + self.plain_start() + self.plain_end()

    def ratios(self, pairs):
        starts, ends, jobs = [], [], []
        for index in range(-1, pairs):
            ours = [(starts, 0, self.our_start), (ends, 0, self.our_end)]
            plain = [(starts, 1, self.plain_start), (ends, 1, self.plain_end)]
            github = [[(jobs, 0, self.shim_job)], [(jobs, 1, self.bare_job)]]
            halves = [ours, plain]
            if index % 2:
                halves.reverse()
                github.reverse()
            times = {}
            for table, side, measure in [*halves[0], *halves[1], *github[0], *github[1]]:
                times.setdefault(id(table), (table, {}))[1][side] = measure()
            # The first round only warms the machine's caches.
            if index >= 0:
                for table, pair in times.values():
                    table.append((pair[0], pair[1]))
        return [
            ratio_row("`pre` / `sccache --start-server`", starts, 1.0),
            ratio_row("`post` / `sccache --show-stats`, `--stop-server` and its end", ends, None),
            ratio_row("action, both steps / two `node -e 0` and sccache's own time", jobs, 1.3),
        ]

    def costs(self, rounds):
        """Processor time and memory of our own process: a script answers in sccache's place, and only the
        server is the real one."""
        directory = self.work / "stand-in"
        directory.mkdir()
        self.our_start()
        state = {**self.ours, **self.address()}
        statistics_json = run([self.sccache, "--show-stats", "--stats-format=json"], state)
        self.our_end()
        (directory / "stats.json").write_bytes(statistics_json)
        version = run([self.sccache, "--version"], self.plain).decode().strip()
        script = directory / "sccache"
        script.write_text(
            f'#!/bin/sh\ncase $1 in --version) echo "{version}" ;;\n--show-stats) cat "{directory}/stats.json" ;;\n'
            f'*) exec "{self.sccache}" "$@" ;; esac\n'
        )
        script.chmod(0o755)
        environment = {**self.ours, "SCCACHE_STEP_SCCACHE": str(script)}
        rows = []
        used = {"pre": [], "post": []}
        for _ in range(rounds):
            for phase, costs in used.items():
                costs.append(cost([self.step, phase], environment))
                if phase == "pre":
                    self.server_of(self.ours["SCCACHE_STEP_CACHE_DIR"])
        for phase, costs in used.items():
            cpu_ms, rss_mib = ([value for value in column] for column in zip(*costs))
            rows.append(value_row(f"`{phase}`: processor time", cpu_ms, "ms", 30))
            rows.append(value_row(f"`{phase}`: largest memory", rss_mib, "MiB", 12))
        return rows

    def supervisor(self, seconds):
        self.our_start()
        supervisor = parent_of(self.server_of(self.ours["SCCACHE_STEP_CACHE_DIR"]))
        pids = {"supervisor": supervisor, "holder of its address": parent_of(supervisor)}
        rows = []
        for when, act in [
            ("server idle", lambda: time.sleep(seconds)),
            ("compiler after compiler, all of them missing", lambda: self.compile(seconds, True)),
            ("nothing but hits, one after the other", lambda: self.compile(seconds, False)),
        ]:
            before = {pid: ticks(pid) for pid in pids.values()}
            began = time.monotonic()
            act()
            took = (time.monotonic() - began) * os.sysconf("SC_CLK_TCK")
            shares = [(ticks(pid) - before[pid]) * 100 / took for pid in pids.values()]
            # The budget is for a job's hours; a storm of hits is told, and has none.
            rows.append(value_row(f"both, {when}: share of a core", [sum(shares)], "%", None if "hits" in when else 0.2))
        for name, pid in pids.items():
            rows.append(value_row(f"{name}: resident memory", [status_mib(pid, "VmRSS")], "MiB", 4))
            rows.append(value_row(f"{name}: of this its own, not the program file's", [status_mib(pid, "RssAnon")], "MiB", None))
        rows.append(value_row("both: resident memory", [sum(status_mib(pid, "VmRSS") for pid in pids.values())], "MiB", None))
        rows.append(value_row("both: what they share counted once", [sum(pss_mib(pid) for pid in pids.values())], "MiB", None))
        self.our_end()
        return rows

    def compile(self, seconds, misses):
        sources = sorted((ROOT / "tests/fixtures/projects/make/src").glob("*.c"))
        environment = {**self.ours, **self.address()}
        until, number = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            for source in sources:
                number += misses
                define = f"-DNUMBER={number}"
                run([self.sccache, "cc", define, "-c", source, "-o", self.work / "object.o"], environment)

    def address(self):
        """Where the job finds the server: the supervisor passes requests on."""
        state = json.loads(Path(self.ours["SCCACHE_STEP_STATE"]).read_text())
        return {"SCCACHE_SERVER_UDS": state["server"]["address"]["socket"]}

    def size(self):
        return value_row("release binary", [self.step.stat().st_size / 1e6], "MB", 5)

    # The servers.

    def server_of(self, cache_dir):
        """The server process that keeps its cache there."""
        wanted = f"SCCACHE_DIR={cache_dir}".encode()
        for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()]:
            if executable(pid) == str(self.sccache) and wanted in environ(pid):
                if pid not in self.servers:
                    self.servers.append(pid)
                return pid
        sys.exit(f"there is no server with {wanted.decode()}")

    def clean_up(self):
        subprocess.run([self.step, "post"], env=self.ours, capture_output=True)
        subprocess.run([self.step, "post"], env=self.github, capture_output=True)
        for pid in self.servers:
            if executable(pid) == str(self.sccache):
                os.kill(pid, signal.SIGKILL)


def run(command, environment):
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"{[str(word) for word in command]} ended with {done.returncode}:\n{done.stderr.decode()}")
    return done.stdout


def timed(command, environment):
    began = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        # Files, not pipes: a daemon that inherits a pipe keeps its reader waiting.
        code = subprocess.call(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        took = time.perf_counter() - began
        if code != 0:
            log.seek(0)
            sys.exit(f"{[str(word) for word in command]} ended with {code}:\n{log.read().decode()}")
    return took


def cost(command, environment):
    """Milliseconds of processor time and the peak of resident memory in MiB, the children it waited for included.

    By way of GNU time, because a program that this one starts itself begins with this one's own peak. The time
    is that of the kernel's clock for waited children, in which GNU time itself is a fraction of a millisecond.
    """
    with tempfile.NamedTemporaryFile("r") as report:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        timed(["/usr/bin/time", "-f", "%M", "-o", report.name, *command], environment)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        peak_kib = int(report.read())
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used * 1000, peak_kib / 1024


def ticks(pid):
    """Processor time, that of threads which have ended included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def status_mib(pid, field):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024


def pss_mib(pid):
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def executable(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return None


def environ(pid):
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def expect_gone(pid):
    if executable(pid) is not None:
        sys.exit(f"the server {pid} outlived `post`")


def quartiles(values):
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def verdict(value, budget):
    if budget is None:
        return "", ""
    return f"{budget:g}", "ok" if value <= budget else "MISSED"


def ratio_row(title, pairs, budget):
    ratios = [ours / theirs for ours, theirs in pairs]
    median, (low, high) = statistics.median(ratios), quartiles(ratios)
    ours, theirs = (statistics.median(column) * 1000 for column in zip(*pairs))
    text = f"{median:.2f} ({low:.2f} to {high:.2f})"
    return (title, text, f"{ours:.0f} / {theirs:.0f} ms", *verdict(median, budget))


def value_row(title, values, unit, budget):
    median, (low, high) = statistics.median(values), quartiles(values)
    spread = f" ({low:.2f} to {high:.2f})" if len(values) > 1 else ""
    limit, word = verdict(median, budget)
    return (title, f"{median:.2f} {unit}{spread}", "", f"{limit} {unit}" if limit else "", word)


def print_table(rows):
    head = ("what", "median (quartiles)", "medians", "budget", "")
    print("\n".join("| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *rows)))


main()
