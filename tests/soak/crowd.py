#!/usr/bin/env python3
"""R11: `top` and `watch` on one store, eight agents that ask their hooks all the time, ten that write, and files that rotate.

Nothing may be lost: calls and tokens by day, model and session, the sums with the rows, the store's own check. Nobody may read
"database is locked", or of a panic: on a screen, in an output, in `aifinops.log`. A cap is reached on the way. Every hook ends with 0 and
says nothing, or that the cap is reached; a second after the first one was stopped, none goes on unless it is written down why.

In time is a hook within its deadline (50 ms: README, "Guards") and its start, which is what the same question takes where no cap is
set, asked in turns with the others. Compared are the medians; and p99 with the slowest start, which shows how long a machine that is
busy with all of this lets somebody wait.

    tests/soak/crowd.py [--seconds 60] [--hooks 8] [--pause 0.03] [--rotate 3] [--limit 0.5] [--seed N]
"""
import collections
import json
import random
import signal
import subprocess
import threading
import time

import screen
import terminal
import world

DEADLINE = 50  # milliseconds
EVENTS = {"claude-code": ("UserPromptSubmit", "PostToolBatch"), "codex": ("UserPromptSubmit", "PostToolUse")}
FORBIDDEN = ("database is locked", "panicked")
GRACE = 1.0  # seconds until what one hook has seen in its own log is in the store for all


class Asker(threading.Thread):
    """An agent that asks its hook again and again, and each time beside it what a start takes."""

    def __init__(self, here, logs, seed):
        super().__init__(daemon=True)
        self.here, self.logs, self.rng = here, logs, random.Random(seed)
        self.answers, self.starts, self.replies, self.ends = [], [], [], False
        self.free = here.environment(AIFINOPS_CONFIG=here.dir / "free.toml")

    def run(self):
        while not self.ends:
            log = self.rng.choice(self.logs)
            question = {"session_id": log.uid, "transcript_path": str(log.path), "cwd": "/work/app", "hook_event_name": self.rng.choice(EVENTS[log.agent])}
            begun = time.monotonic()
            reply = self.ask(log, question, self.here.environment(), self.answers)
            self.replies.append((begun, *reply))
            time.sleep(self.here.args.pause)
            self.ask(log, question, self.free, self.starts)
            time.sleep(self.here.args.pause)

    def ask(self, log, question, environment, times):
        begun = time.monotonic()
        done = subprocess.run([self.here.args.binary, "hook", log.agent], input=json.dumps(question).encode(), env=environment, capture_output=True)
        times.append((time.monotonic() - begun) * 1000)
        return done.returncode, done.stdout.decode(), done.stderr.decode()


def told(replies, journal):
    """How many went on and how many were stopped; and what is wrong with what was said."""
    faults, goes, stops = [], [], []
    for begun, code, out, err in replies:
        if code == 0 and not out:
            goes.append(begun)
        elif code == 0 and "cap is reached" in out:
            json.loads(out)
            stops.append(begun)
        else:
            faults.append(f"a hook ended with {code}: {out[:300]!r}, {err[:300]!r}")
        faults += [f"a hook says {word!r}: {out}{err}" for word in FORBIDDEN if word in out + err]
    misses = journal.count("cannot tell what was spent")
    late = [begun for begun in goes if stops and begun > min(stops) + GRACE]
    if not stops or not goes:
        faults.append(f"{len(goes)} hooks went on and {len(stops)} were stopped: the cap (--limit) was to be reached on the way")
    if len(late) > misses:
        faults.append(f"{len(late)} hooks went on past the cap, and only {misses} times it is written down why")
    return len(goes), len(stops), misses, faults


def figures(times):
    order = sorted(times)
    return order[len(order) // 2], order[int(len(order) * 0.99)], order[-1]


def in_time(askers):
    own, base = (figures([took for asker in askers for took in getattr(asker, name)]) for name in ("answers", "starts"))
    print("median, p99 and slowest of hooks:", *(f"{took:.1f}" for took in own), "ms; of starts:", *(f"{took:.1f}" for took in base), "ms")
    return [f"hooks are late: the {what} is {took:.1f} ms, should be {DEADLINE} + {start:.1f} ms at most"
            for what, took, start in (("median", own[0], base[0]), ("p99", own[1], base[2])) if took > DEADLINE + start]


def live(here, logs, programs, askers):
    """The time in which they all are at work; gives what the screen said that it must not."""
    args, faults = here.args, set()
    looks = [screen.Screen(program) for program in programs.values()]
    end, rotate, shown = time.monotonic() + args.seconds, time.monotonic() + args.rotate, time.monotonic()
    while time.monotonic() < end:
        here.rng.choice(logs).grow(time.time())
        if time.monotonic() > rotate:
            rotate += args.rotate
            here.rng.choice(logs).rotate()
        for look in looks:
            faults |= {f"on a screen: {word}" for word in FORBIDDEN if word in look.text()}
        if time.monotonic() > shown + 10:
            shown = time.monotonic()
            print(f"{here.written >> 20} MiB of logs, {sum(len(asker.answers) for asker in askers)} hooks", flush=True)
        time.sleep(0.05)
    for log in logs:
        log.settle()
    for asker in askers:
        asker.ends = True
    for asker in askers:
        asker.join()
    return sorted(faults)


def main():
    args = world.options(__doc__, 20_260_311, seconds=(60.0, "how long"), hooks=(8, "agents that ask"), pause=(0.03, "seconds between two questions of one of them"),
                         rotate=(3.0, "seconds from one exchange of a file to the next"), limit=(0.5, "the cap, in dollars for each second"))
    with world.World(args) as here:
        here.config.write_text(f'[caps.day]\nlimit = "${args.limit * args.seconds:.2f}"\n')
        (here.dir / "free.toml").touch()
        logs = world.crowd(here, 5, 2, 3)
        for log in logs:
            log.grow(time.time())
        askers = [Asker(here, logs, args.seed + n) for n in range(args.hooks)]
        programs = {name: terminal.Terminal(here, name) for name in ("top", "watch")}
        try:
            for asker in askers:
                asker.start()
            faults = live(here, logs, programs, askers)
            for name, program in programs.items():
                if program.poll() is None:
                    program.press("\x03")
                if (code := program.wait(10)) != 0:
                    faults.append(f"{name} ended with {code}")
                faults += [f"{name} wrote: {word}" for word in FORBIDDEN if word.encode() in program.bytes]
        finally:
            for program in programs.values():
                if program.poll() is None:
                    program.send_signal(signal.SIGKILL)
        journal = "".join(file.read_text() for file in sorted(here.data.glob("aifinops.log*")))
        bad = collections.Counter(line.split(" ", 1)[1] for line in journal.splitlines() if any(word in line for word in FORBIDDEN))
        faults += [f"{n} times in aifinops.log: {line}" for line, n in bad.most_common()]
        goes, stops, misses, wrong = told([reply for asker in askers for reply in asker.replies], journal)
        faults += wrong + in_time(askers) + here.differences()
        sound, words = here.is_sound()
        faults += [] if sound else [f"doctor --rebuild: {words}"]
        print(f"{goes + stops} hooks, {goes} went on, {stops} were stopped, {misses} times a guard could not tell; "
              f"{sum(sums['calls'] for sums in here.calls.values())} calls in {here.written >> 20} MiB, {len(faults)} faults")
        print("\n".join(faults[:20]))
        raise SystemExit(bool(faults))


if __name__ == "__main__":
    main()
