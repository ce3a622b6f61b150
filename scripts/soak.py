"""A build loop under random faults; see soak.sh."""

import argparse
import collections
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

UNITS = 12
WRAPPER = """#!/bin/sh
for source; do
  case $source in *.c) case " $* " in
    *" -E "*) ;;
    *) echo "$PPID ${source##*/}" >> 'ROOT/compilations' ;;
  esac ;; esac
done
exec cc "$@"
"""


class Job:
    """One job: `pre`, builds, `post`, and what the faults need to know of it."""

    def __init__(self, step, sccache, root):
        self.step, self.sccache, self.root = step, sccache, root
        for name in ("home", "tmp", "work"):
            (root / name).mkdir()
        wrapper = root / "counted-cc"
        wrapper.write_text(WRAPPER.replace("ROOT", str(root)))
        wrapper.chmod(0o755)
        self.variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(root / "home"),
            "TMPDIR": str(root / "tmp"),
            "CC": str(wrapper),
            "SCCACHE_STEP_SCCACHE": sccache,
            "SCCACHE_STEP_STATE": str(root / "state/state.json"),
            "SCCACHE_STEP_CACHE_DIR": str(root / "cache"),
        }
        objects = " ".join(f"unit{unit}.o" for unit in range(UNITS))
        makefile = f"prog: {objects} main.c\n\t@cc -o $@ main.c {objects}\n%.o: %.c\n\t@$(CC) -c $< -o $@\n"
        (root / "work/Makefile").write_text(makefile)

    def call(self, *arguments):
        return subprocess.run([self.step, *arguments], env=self.variables, cwd=self.root / "work",
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)

    def pre(self):
        done = self.call("pre", "--wrap", "cc", "--shell", "sh")
        (self.root / "exports").write_text(done.stdout)
        if "SCCACHE_SERVER_UDS" not in done.stdout:
            sys.exit(f"`pre` failed: {done.stderr}")

    def build(self, number):
        """One build of which a third is new; its exit code, and what it said when it was wrong."""
        work = self.root / "work"
        for old in [*work.glob("*.o"), work / "prog"]:
            old.unlink(missing_ok=True)
        value = {unit: number // 3 if unit % 3 else number for unit in range(UNITS)}
        for unit in range(UNITS):
            (work / f"unit{unit}.c").write_text(f"int unit{unit}(void) {{ return {value[unit]}; }}\n")
        declared = "".join(f"int unit{unit}(void);\n" for unit in range(UNITS))
        total = " + ".join(f"unit{unit}()" for unit in range(UNITS))
        main = f"#include <stdio.h>\n{declared}int main(void) {{ printf(\"%d\\n\", {total}); }}\n"
        (work / "main.c").write_text(main)
        script = '. ../exports && make -s -j4 CC="$CC" && ./prog'
        done = subprocess.run(["sh", "-c", script], env=self.variables, cwd=work, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=180, check=False)
        is_right = done.returncode == 0 and done.stdout == f"{sum(value.values())}\n"
        return None if is_right else f"exit {done.returncode}\n{done.stdout}{done.stderr}"

    def state(self):
        return json.loads((self.root / "state/state.json").read_text())["server"]

    def history(self):
        entries = []
        for line in (pathlib.Path(self.state()["run_dir"]) / "history.jsonl").read_text().splitlines():
            try:
                entries.append(json.loads(line))
            except ValueError:
                pass
        return entries

    def server(self):
        started = [entry["server"]["pid"] for entry in self.history() if entry["event"] == "started"]
        return started[-1] if started else None

    def supervisor(self):
        return [entry["supervisor"]["pid"] for entry in self.history() if entry["event"] == "supervised"][-1]

    def processes(self):
        """Those that have our directory in their arguments or environment."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                arguments = (entry / "cmdline").read_bytes()
                if str(self.root).encode() in arguments + (entry / "environ").read_bytes():
                    found[int(entry.name)] = arguments.replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                pass
        return found


def kill(pid, number):
    try:
        os.kill(pid, number)
    except (ProcessLookupError, TypeError):
        pass


def faults(job):
    """The faults by name; each breaks something of the job."""
    def clients():
        server = {entry["server"]["pid"] for entry in job.history() if entry["event"] == "started"}
        return [pid for pid, arguments in job.processes().items()
                if arguments.startswith(job.sccache + " ") and pid not in server]

    def stop():
        variables = {"PATH": os.environ["PATH"], "HOME": str(job.root / "home"),
                     "SCCACHE_SERVER_UDS": job.state()["address"]["socket"]}
        subprocess.run([job.sccache, "--stop-server"], env=variables, capture_output=True, timeout=60, check=False)

    return {
        "supervisor killed": lambda: kill(job.supervisor(), signal.SIGKILL),
        "server killed": lambda: kill(job.server(), signal.SIGKILL),
        "server terminated": lambda: kill(job.server(), signal.SIGTERM),
        "server stopped by a signal": lambda: kill(job.server(), signal.SIGSTOP),
        "server told to stop": stop,
        "socket removed": lambda: os.unlink(job.state()["address"]["socket"]),
        "client killed": lambda: [kill(pid, signal.SIGKILL) for pid in clients()[:1]],
    }


def main():
    parser = argparse.ArgumentParser()
    for name in ("--step", "--sccache"):
        parser.add_argument(name, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    random.seed(given.seed)
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="step-soak-", ignore_cleanup_errors=True) as root:
        job = Job(given.step, given.sccache, pathlib.Path(root))
        sys.exit(soak(job, given))


def soak(job, given):
    job.pre()
    end, over = time.monotonic() + given.minutes * 60, threading.Event()
    broken, client_killed = collections.Counter(), []

    def breaker():
        while not over.wait(random.uniform(1, 4)):
            name, act = random.choice(list(faults(job).items()))
            try:
                if name == "client killed":
                    client_killed.append(time.monotonic())
                act()
                broken[name] += 1
            except (OSError, ValueError, KeyError, subprocess.TimeoutExpired):
                pass

    thread = threading.Thread(target=breaker)
    thread.start()
    builds, excused, failed = 0, 0, []
    while time.monotonic() < end:
        began = time.monotonic()
        builds += 1
        trouble = job.build(builds)
        if trouble is None:
            continue
        if any(began <= at <= time.monotonic() for at in client_killed) and "Killed" in trouble:
            excused += 1
        else:
            failed.append(trouble)
            print(f"build {builds} failed: {trouble}", flush=True)
            break
    over.set()
    thread.join()
    servers = {entry["server"]["pid"] for entry in job.history() if entry["event"] == "started"}
    post = job.call("post", "--format", "json")
    report = json.loads(post.stdout)
    deadline = time.monotonic() + 5
    while (left := job.processes()) and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in left:
        kill(pid, signal.SIGKILL)
    lines = [line.split(" ") for line in (job.root / "compilations").read_text().splitlines()]
    counted = sum(int(by) in servers for by, _ in lines)
    incidents = " ".join(incident["cost"] or "" for incident in report["incidents"])
    loss = sum(map(int, re.findall(r"up to (\d+) requests? not counted", incidents)))
    within = report["misses"] <= counted <= report["misses"] + loss
    print(f"{builds} builds of {UNITS} units, {len(failed)} failed, {excused} whose client was killed; "
          + ", ".join(f"{name}: {number}" for name, number in sorted(broken.items())))
    print(f"{len(report['incidents'])} incidents; {report['hits']} hits, {report['misses']} misses told, "
          f"{counted} compilations by servers counted, {len(lines) - counted} by clients, up to {loss} stated as lost")
    print(f"{len(left)} processes left {list(left.values())}")
    return 0 if not failed and not left and within else 1


if __name__ == "__main__":
    main()
