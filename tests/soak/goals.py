#!/usr/bin/env python3
"""The goals of speed (README, "Performance"), measured on a home with logs: the first run and what is stored of it, later runs, the first
frame, a line's way to the screen, keys, what an open screen uses, a hook.

The home is only read but for a directory `-goals` in `.claude/projects`, where ten sessions are written; it is removed in the end. With
--cold, the logs' pages are dropped before the first run and the first frame (the disk's own cache stays). Nothing is judged: figures of
a machine that does something else at the same time say nothing. Linux, Python's standard library; `strace` for the syncs.

    tests/soak/goals.py HOME [--only first,frames,latency,idle,busy,keys,hooks] [--cold] [--seconds 60] [--binary P]
"""
import argparse
import contextlib
import datetime
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import tempfile
import time
import uuid

import screen
import terminal
import world


class Place:
    """A home, and a store of its own."""

    def __init__(self, args):
        self.args, self.home = args, pathlib.Path(args.home).resolve()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="aifinops-goals-"))
        self.data = self.dir / "data"
        (self.dir / "config.toml").write_text('[caps.day]\nlimit = "$1000000"\n[caps.week]\nlimit = "$1000000"\n')
        self.own = self.home / ".claude/projects/-goals"
        self.files = [path for root in (".claude", ".codex") for path in (self.home / root).rglob("*") if path.is_file()]
        self.size = sum(path.stat().st_size for path in self.files)

    def environment(self, **more):
        own = {"HOME": self.home, "AIFINOPS_HOME": self.home, "AIFINOPS_DATA_DIR": self.data, "AIFINOPS_CONFIG": self.dir / "config.toml", "TZ": "UTC"}
        return {name: str(value) for name, value in (own | {"AIFINOPS_ALERTS": "ways=none", "TERM": "xterm-256color", "PATH": os.environ["PATH"]} | more).items()}

    def forget(self):
        shutil.rmtree(self.data, ignore_errors=True)
        if self.args.cold:
            os.sync()
            for path in self.files:
                with contextlib.suppress(OSError), path.open("rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def run(self, *words, before=(), **how):
        """Seconds, seconds of CPU, MB at most."""
        begun = time.perf_counter()
        child = subprocess.Popen([*before, self.args.binary, *words], env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **how)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0, words
        return time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000

    def top(self, *words):
        return terminal.Terminal(self, "top", *words, columns=140, rows=45, environment=self.environment())


def points(times, unit=1000):
    order = sorted(times)
    at = lambda share: order[min(len(order) - 1, int(len(order) * share))] * unit
    return f"p50 {at(0.5):.1f}, p90 {at(0.9):.1f}, p99 {at(0.99):.1f}, max {order[-1] * unit:.1f} ms of {len(order)}"


def median(values):
    return sorted(values)[len(values) // 2]


def first(place):
    runs = []
    for _ in range(place.args.rounds):
        place.forget()
        runs.append(place.run("report", "daily", "--all", "--json"))
    stored = sum(path.stat().st_size for path in place.data.iterdir() if path.name.startswith("aifinops.db"))
    print(f"first run: {median([run[0] for run in runs]):.2f} s, {median([run[1] for run in runs]):.2f} s of CPU, {max(run[2] for run in runs):.0f} MB at most; store {stored / place.size:.2%} of the logs", flush=True)
    later = [place.run("report", "daily", "--all", "--json")[0] for _ in range(place.args.rounds)]
    print(f"later run: {median(later) * 1000:.0f} ms", flush=True)
    if shutil.which("strace"):
        place.forget()
        trace = place.dir / "trace"
        place.run("report", "daily", "--all", "--json", before=["strace", "-f", "-o", trace, "-e", "trace=fsync,fdatasync,sync_file_range,msync"])
        calls = re.findall(r"sync\w*\(", trace.read_text())
        print(f"syncs in a first run: {len(calls)}", flush=True)


def frame(place, *words, total):
    """Seconds until the screen says how many sessions there are."""
    begun = time.perf_counter()
    top = place.top(*words)
    look = screen.Screen(top, 140, 45)
    took = None
    while took is None and time.perf_counter() - begun < 20:
        now = time.perf_counter() - begun
        if re.search(rf"live of {total}\b" if total else r"live of \d+|catching up", look.text()):
            took = now
        time.sleep(0.001)
    top.leave()
    return took


def frames(place):
    sessions = len(json.loads(subprocess.run([place.args.binary, "sessions", "--all", "--json"], env=place.environment(), capture_output=True, check=True).stdout)["sessions"])
    rounds = range(place.args.rounds + 2)
    print(f"first frame with {sessions} sessions, all of them: {median([frame(place, '--all', total=sessions) for _ in rounds]) * 1000:.0f} ms; today's: {median([frame(place, total=None) for _ in rounds]) * 1000:.0f} ms", flush=True)
    cold = []
    for _ in range(3):
        place.forget()
        cold.append(frame(place, total=None))
    print(f"first frame on an empty store: {median(cold) * 1000:.0f} ms", flush=True)
    place.forget()
    writer = Writer(place)
    writer.write(writer.sessions[0])
    begun = time.perf_counter()
    top = place.top()
    look, took = screen.Screen(top, 140, 45), None
    while took is None and time.perf_counter() - begun < 60:
        if "goals" in look.text():
            took = time.perf_counter() - begun
        time.sleep(0.002)
    print(f"a session that is at work, on an empty store: on the screen after {took * 1000:.0f} ms", flush=True)
    # The keys of whoever does not wait for the end of the first reading.
    print(f"keys while everything is read: {keys_to_frames(top, 'jk', 100)}", flush=True)
    begun = time.perf_counter()
    top.press("q")
    top.wait(10)
    print(f"quit while everything is read: {(time.perf_counter() - begun) * 1000:.0f} ms", flush=True)
    place.run("report", "daily", "--all", "--json")


def key_times(top, keys, count):
    """Seconds from each key to the first byte that comes for it, and how often none came."""
    times, missed = [], 0
    for n in range(count):
        time.sleep(0.02)
        seen, begun = len(top.bytes), time.perf_counter()
        top.press(keys[n % len(keys)])
        while len(top.bytes) == seen and time.perf_counter() - begun < 0.5:
            time.sleep(0.0005)
        took = time.perf_counter() - begun
        missed += took >= 0.5
        times += [took] if took < 0.5 else []
    return times, missed


def keys_to_frames(top, keys, count):
    """From a key to the first byte that comes for it, in words."""
    times, missed = key_times(top, keys, count)
    return points(times) + (f", {missed} drew nothing" if missed else "") if times else "drew nothing"


class Writer:
    """Ten sessions of Claude Code."""

    def __init__(self, place):
        self.place, self.rng, self.bytes = place, random.Random(7), 0
        place.own.mkdir(parents=True, exist_ok=True)
        self.sessions = [str(uuid.UUID(int=self.rng.getrandbits(128), version=4)) for _ in range(10)]

    def write(self, session):
        at = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        usage = {"input_tokens": 1000, "cache_read_input_tokens": 90_000, "output_tokens": self.rng.randrange(100, 9000)}
        message = {"id": f"msg_{self.rng.getrandbits(64):x}", "model": "claude-opus-4-6", "role": "assistant", "content": [], "stop_reason": "tool_use", "usage": usage}
        line = json.dumps({"type": "assistant", "uuid": f"{self.rng.getrandbits(64):x}", "sessionId": session, "cwd": "/work/goals", "timestamp": at, "version": "2.1.226", "message": message}) + "\n"
        with (self.place.own / f"{session}.jsonl").open("a") as file:
            file.write(line)
        self.bytes += len(line)


def latency(place):
    """From a line to the first byte that comes for it, while nothing else changes."""
    writer, top, times, missed = Writer(place), place.top(), [], 0
    for session in writer.sessions:
        writer.write(session)
    time.sleep(5)
    for n in range(300):
        time.sleep(0.2 + writer.rng.random() * 0.25)
        seen, begun = len(top.bytes), time.perf_counter()
        writer.write(writer.sessions[n % 10])
        while len(top.bytes) - seen < 5 and time.perf_counter() - begun < 3:
            time.sleep(0.001)
        took = time.perf_counter() - begun
        missed += took >= 3
        times += [took] if took < 3 else []
    print(f"from a line to the screen: {points(times)}, {missed} missed", flush=True)
    top.leave()


def used(pid):
    """Nanoseconds of CPU, wake-ups, and bytes read of files."""
    cpu = wakes = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            cpu += int((task / "schedstat").read_text().split()[0])
            wakes += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", (task / "status").read_text(), re.M)[1])
    return cpu, wakes, int(re.search(r"rchar: (\d+)", pathlib.Path(f"/proc/{pid}/io").read_text())[1])


def open_screen(place, name, rate):
    """What an open screen uses while ten sessions write so many lines a second."""
    writer, top = Writer(place), place.top()
    for session in writer.sessions:
        writer.write(session)
    time.sleep(8)
    before, wrote, begun = used(top.pid), writer.bytes, time.monotonic()
    n = 0
    while time.monotonic() - begun < place.args.seconds:
        if rate and time.monotonic() - begun > n / rate:
            writer.write(writer.rng.choice(writer.sessions))
            n += 1
        time.sleep(0.005 if rate else 1)
    seconds = time.monotonic() - begun
    cpu, wakes, read = (now - was for now, was in zip(used(top.pid), before))
    rss = int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{top.pid}/status").read_text())[1]) / 1000
    wrote = writer.bytes - wrote
    print(f"{name}: {cpu / seconds / 1e7:.2f} % of a core, {wakes / seconds:.1f} wake-ups a second, {read} bytes read of {wrote} written in {n} lines, {rss:.0f} MB", flush=True)
    top.leave()


def idle(place):
    open_screen(place, "screen open, nothing happens", 0)


def busy(place):
    open_screen(place, "screen open, 5 lines a second", 5)
    open_screen(place, "screen open, 20 lines a second", 20)


def keys(place):
    top = place.top("--all")
    time.sleep(4)
    before = used(top.pid)[0]
    print(f"scrolling through all sessions: {keys_to_frames(top, ('j', chr(27) + '[6~'), 300)}, {(used(top.pid)[0] - before) / 300 / 1e6:.1f} ms of CPU each", flush=True)
    begun = time.perf_counter()
    top.press("q")
    top.wait(10)
    print(f"quit: {(time.perf_counter() - begun) * 1000:.0f} ms", flush=True)


def hooks(place):
    writer = Writer(place)
    session = writer.sessions[0]
    writer.write(session)
    place.run("report", "daily", "--all", "--json")
    question = json.dumps({"session_id": session, "transcript_path": str(place.own / f"{session}.jsonl"), "cwd": "/work/goals", "hook_event_name": "PostToolBatch"}).encode()

    def ask():
        begun = time.perf_counter()
        subprocess.run([place.args.binary, "hook", "claude-code"], input=question, env=place.environment(), capture_output=True)
        return time.perf_counter() - begun

    print(f"a hook, nothing new: {points([ask() for _ in range(1000)])}", flush=True)
    times = []
    for _ in range(1000):
        writer.write(session)
        times.append(ask())
    print(f"a hook, a new line each time: {points(times)}", flush=True)
    begun = time.perf_counter()
    many = [subprocess.Popen([place.args.binary, "hook", "claude-code"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=place.environment()) for _ in range(100)]
    for child in many:
        # Who had no time has not waited for the question.
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(question)
            child.stdin.close()
    for child in many:
        child.wait()
    print(f"a hundred hooks at once: all have ended after {(time.perf_counter() - begun) * 1000:.0f} ms", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home")
    parser.add_argument("--binary", default=str(world.ROOT / "target/release/aifinops"))
    parser.add_argument("--only", default="first,frames,latency,idle,busy,keys,hooks")
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    place = Place(parser.parse_args())
    print(f"{len(place.files)} files, {place.size / 1e9:.2f} GB{', cold' if place.args.cold else ''}", flush=True)
    try:
        place.run("report", "daily", "--all", "--json")
        for name in place.args.only.split(","):
            {"first": first, "frames": frames, "latency": latency, "idle": idle, "busy": busy, "keys": keys, "hooks": hooks}[name](place)
            shutil.rmtree(place.own, ignore_errors=True)
    finally:
        shutil.rmtree(place.own, ignore_errors=True)
        shutil.rmtree(place.dir, ignore_errors=True)


if __name__ == "__main__":
    main()
