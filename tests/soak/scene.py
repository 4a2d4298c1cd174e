"""A program beside ten writers while something goes wrong: what it stores is looked at from outside, and it has five seconds."""
import argparse
import collections
import contextlib
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import time

import screen
import terminal
import world

BOUND = 5.0  # seconds from the end of a fault until everything is in the store
LATE = 40.0  # for so long it is waited all the same, so that it can be said when it came
NOBODY = 65534
SUMS = ("calls", *world.TOKENS, "prompts", "tools")


def stored(here):
    """What stands in the store, all added up. No other program is asked: it would read the logs in the place of the one that runs."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{here.data}/aifinops.db?mode=ro", uri=True, timeout=2)) as store:
            row = store.execute(f"SELECT {', '.join(f'coalesce(sum({name}), 0)' for name in SUMS)} FROM rollup").fetchone()
    except sqlite3.OperationalError:  # there is no store yet, or no table in it
        row = [0] * len(SUMS)
    return dict(zip(SUMS, row))


def spent(here, without=()):
    """The truth, all added up; without these logs."""
    sums, left_out = collections.Counter(), {log.uid for log in without}
    for session, counts in [(key[2], counts) for key, counts in here.calls.items()] + list(here.facts.items()):
        if session not in left_out:
            sums.update(counts)
    return {name: sums[name] for name in SUMS}


def always():
    """Nothing is missing."""


def cannot(*command):
    """Why a command cannot be run here; nothing where it can."""
    try:
        done = subprocess.run(command, capture_output=True)
    except FileNotFoundError:
        return f"there is no {command[0]}"
    return done.stderr.decode(errors="replace").strip() or f"{command[0]} ends with {done.returncode}" if done.returncode else None


def drop():
    """What a program is started with so that rights count for it: root may do everything."""
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []


def unprivileged(here):
    """The same, in a world that is made ready for it."""
    if not drop():
        return []
    here.dir.chmod(0o755)
    here.data.mkdir(exist_ok=True)
    for path in (here.data, *here.data.iterdir()):
        os.chown(path, NOBODY, NOBODY)
    # Where the program lies, nobody may have no right to look.
    here.args = argparse.Namespace(**vars(here.args) | {"binary": shutil.copy(here.args.binary, here.dir)})
    return drop()


class Scene:
    """One program in a terminal, its writers, and what was not as it should be."""

    def __init__(self, here, name, words, command=(), variables=None, now=time.time):
        self.here, self.name, self.now = here, name, now
        self.logs = world.crowd(here, 5, 2, 3)
        self.slowest, self.faults = 0.0, []
        self.program = terminal.Terminal(here, *words, command=command, environment=here.environment(**(variables or {})))
        self.screen = screen.Screen(self.program)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.program.poll() is None:
            self.program.send_signal(signal.SIGCONT)
            self.program.send_signal(signal.SIGKILL)
        self.program.wait()

    def fault(self, words):
        """Something is not as promised."""
        self.faults.append(f"{self.name}: {words}")
        print(f"  {self.faults[-1]}", flush=True)

    def write(self, seconds, *logs):
        """These writers, or all of them, go on for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.here.rng.choice(logs or self.logs).grow(self.now())
            time.sleep(0.05)

    def settle(self):
        for log in self.logs:
            log.settle()

    def has_all(self, seconds, without=()):
        """Whether everything that is written is in the store in time; of these logs nothing is looked for."""
        self.settle()
        want, end = spent(self.here, without), time.monotonic() + seconds
        while stored(self.here) != want:
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def converges(self, after, without=()):
        """It must be in the store in time."""
        begun = time.monotonic()
        came = self.has_all(LATE, without)
        took = time.monotonic() - begun
        self.slowest = max(self.slowest, took)
        if not came:
            self.fault(f"{took:.0f} s after {after} the store has {stored(self.here)['calls']} calls of {spent(self.here, without)['calls']}")
        elif took > BOUND:
            self.fault(f"only {took:.1f} s after {after} everything was in the store")

    def shows(self, *words, seconds=BOUND):
        """Whether the screen has one of these words in time. News of caps and loops stay in the last line until a key is pressed."""
        end = time.monotonic() + seconds
        while not any(word in self.screen.text() for word in words):
            if time.monotonic() > end or self.program.poll() is not None:
                return False
            self.program.press("g")
            time.sleep(0.25)
        return True

    def answers(self, during):
        """The screen does what a key says within a second."""
        if self.program.poll() is not None:
            return self.fault(f"it ended with {self.program.returncode} during {during}")
        for what in ("opens", "closes"):
            begun = time.monotonic()
            self.program.press("?")
            while ("another key closes" in self.screen.text()) != (what == "opens"):
                if time.monotonic() - begun > 1:
                    return self.fault(f"`?` {what} nothing within a second during {during}")
                time.sleep(0.01)

    def end(self):
        """Ends it as a person would, and compares everything with the truth."""
        if self.program.poll() is None:
            self.program.press("\x03")
        try:
            code = self.program.wait(5)
        except subprocess.TimeoutExpired:
            return self.fault("ctrl-c does not end it within 5 s")
        if code != 0:
            self.fault(f"it ended with {code}")
        for words in self.here.differences()[:20]:
            self.fault(words)
        sound, words = self.here.is_sound()
        if not sound:
            self.fault(f"doctor --rebuild: {words}")


def project(log, name):
    """The log lies in a project's directory of its own."""
    log.path = pathlib.Path(log.world.home, ".claude/projects", name, log.path.name)
    return log


def play(args, faults, programs):
    """Each of the faults that are asked for, under each of the programs, in a world of its own."""
    os.umask(0o022)
    scenes, found, slowest = 0, [], 0.0
    for name in args.only.split(","):
        fault, missing = faults[name]
        if why := missing():
            print(f"{name}: skipped: {why}", flush=True)
            continue
        for program, words in programs.items():
            with world.World(args) as here:
                it = fault(here, f"{name}, {program}", words)
            scenes, slowest, found = scenes + 1, max(slowest, it.slowest), found + it.faults
            print(f"{it.name}: {spent(here)['calls']} calls, in the store after {it.slowest:.1f} s at most, {len(it.faults)} faults", flush=True)
    print(f"{scenes} scenes, in the store after {slowest:.1f} s at most, {len(found)} faults")
    print("\n".join(found[:20]))
    raise SystemExit(bool(found))
