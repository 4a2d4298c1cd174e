#!/usr/bin/env python3
"""`top` and `watch` beside each other on one store for hours, while ten agents write, files are rotated and the machine is suspended.

Shown is that memory is flat (5 MB at most between the first and the last tenth of the time after the warm-up), that handles and threads
are, that nothing is left watched of what is gone, that both idle afterwards as at the start, and that every total is exact in the end.

Sessions end and others begin all the time, and files of sessions that have been quiet for a while are deleted, as agents do after 30 days:
what they have spent still counts. Now and then somebody looks at another view. A suspend is SIGSTOP to both and to the writers, and a jump
of the wall clock (shim.c) by up to eight hours; what the program's clock says is what the logs say.

The store has a history of thirty days when they begin, so what is kept at hand of it does not grow into the hours that are measured.

With --speed N there are N times as many tasks, rotations, ends of sessions, deletions and suspends in a minute: what is written, and so
what could pile up, is compressed, and so is how long a session lives. What goes by time alone is not: how often is looked, drawn and
sampled, how long the machine sleeps. The clock of timers (CLOCK_MONOTONIC) stands still in a real suspend and goes on in this one.

    tests/soak/soak.py [--minutes 240] [--speed 1] [--quiet 60] [--history 200] [--seed N]
    tests/soak/soak.py --minutes 4 --speed 30 --quiet 20 --history 50      a short form
"""
import collections
import contextlib
import signal
import time

import shim
import terminal
import usage
import world

WRITERS = ["claude-code"] * 6 + ["subagent"] * 2 + ["codex"] * 2
MINUTE = {"tasks": 100, "rotations": 1, "suspends": 0.1}  # at --speed 1; a task is three calls, so each writer makes one every two seconds
LIFE, KEPT = (5 * 60, 40 * 60), 15 * 60  # of a session, and of its files once it is quiet: seconds at --speed 1
READ = 30  # so long a file stays in any case: what nobody could have read is nobody's fault
JUMPS = (90, 600, 3600, 8 * 3600)
VIEWS = "2141516171\t1\r\x1b"


class Soaked(world.World):
    """A world in which whoever starts has the clock of the shim."""

    def environment(self, **more):
        return super().environment(**self.clock.variables(), **more)


class Life:
    """Whoever writes: sessions that begin, go on, end, and are deleted."""

    def __init__(self, here, speed):
        self.here, self.speed, self.awake = here, speed, 0.0
        self.ended, self.counts = collections.deque(), collections.Counter()
        self.logs = [None] * len(WRITERS)
        for n in range(len(WRITERS)):
            self.begin(n)

    def begin(self, n):
        """A new session at this place; a subagent is one of a session that goes on."""
        kind = WRITERS[n]
        parent = self.here.rng.choice(self.logs[:6]) if kind == "subagent" else None
        log = world.Log(self.here, "claude-code" if parent else kind, parent)
        log.end = self.awake + self.here.rng.uniform(*LIFE) / self.speed
        self.logs[n] = log
        self.counts["sessions"] += 1

    def write(self):
        n = self.here.rng.randrange(len(self.logs))
        if self.logs[n].end < self.awake:
            self.logs[n].settle()
            self.ended.append((self.awake + max(READ, KEPT / self.speed), self.logs[n]))
            self.begin(n)
        self.logs[n].grow(self.here.clock.now())
        self.counts["tasks"] += 1

    def rotate(self):
        self.counts["rotations"] += self.here.rng.choice(self.logs).rotate() is not None

    def clean(self):
        """Deletes the files of who has been quiet for long, and directories in which nothing is left."""
        while self.ended and self.ended[0][0] < self.awake:
            log = self.ended.popleft()[1]
            for file in log.path.parent.glob(f"*{log.path.stem}*"):
                if file.is_file():
                    file.unlink()
                    self.counts["deleted"] += 1
            with contextlib.suppress(OSError):  # others still write there
                log.path.parent.rmdir()
                log.path.parent.parent.rmdir()


def history(here, size):
    """What was written in the thirty days before; its files are gone, as after the agents' clean-up."""
    at, logs = here.clock.now() - 30 * 86_400, [world.Log(here, kind) for kind in ("claude-code", "codex") for _ in range(40)]
    step = 29 * 86_400 / max(1, size / 30_000)
    while here.written < size:
        at += step
        here.rng.choice(logs).grow(at, tear=0)
    here.ask("report", "daily", "--all", "--json")
    for log in logs:
        log.path.unlink(missing_ok=True)


def suspend(here, programs):
    """The machine sleeps for a while, and wakes up much later."""
    for program in programs:
        program.started.send_signal(signal.SIGSTOP)
    time.sleep(here.rng.uniform(1, 5))
    here.clock.set_clock(here.clock.now() + here.rng.choice(JUMPS))
    for program in programs:
        program.started.send_signal(signal.SIGCONT)


def idle(programs, seconds):
    """How much of a core each uses while nobody writes, in per cent."""
    time.sleep(min(20, seconds))  # by then what was written last is read, and what is usual looked up
    before = [program.cpu() for program in programs]
    time.sleep(seconds)
    return [(program.cpu() - was) / seconds * 100 for program, was in zip(programs, before)]


def soak(here, life, programs, top, minutes, warm_up):
    """The hours themselves."""
    begun, last = time.monotonic(), time.monotonic()
    due = dict.fromkeys([*MINUTE, "sample", "view", "report"], 0.0)
    every = {name: 60 / n / life.speed for name, n in MINUTE.items()} | {"sample": 5 if minutes > 30 else 1, "view": warm_up / 3 / len(VIEWS), "report": max(60, minutes * 60 / 24)}
    due |= {"suspends": every["suspends"], "report": every["report"]}
    views = n = 0
    while time.monotonic() - begun < minutes * 60:
        now = time.monotonic()
        life.awake, last = life.awake + now - last, now
        for name in due:
            late = now - begun >= due[name]
            due[name] += every[name] * late
            if late and name == "tasks":
                life.write()
            elif late and name == "rotations":
                life.rotate()
                life.clean()
            elif late and name == "suspends":
                suspend(here, programs)
                last = time.monotonic()
                life.counts["suspends"] += 1
            elif late and name == "view":
                top.press(VIEWS[views % len(VIEWS)])
                views += 1
            elif late and name == "sample":
                for program in programs:
                    assert program.started.poll() is None, f"{program.name} has ended with {program.started.returncode}"
                    program.sample()
                if now - begun < warm_up:
                    for program in programs:
                        program.samples = program.samples[-1:]
                top.bytes.clear()
            elif late and name == "report":
                print(f"{(now - begun) / 60:5.0f} min, {here.written >> 20:5} MiB written, {life.counts['sessions']:5} sessions; {'; '.join(program.shown() for program in programs)}", flush=True)
        time.sleep(max(0.0, min(0.05, min(due.values()) - (time.monotonic() - begun))))


def main():
    args = world.options(__doc__, 20_260_318, minutes=(240.0, "how long"), speed=(1.0, "how much of it in a minute"), quiet=(60.0, "seconds in which nobody writes, before and after"),
                         history=(200.0, "MiB of logs of the thirty days before"))
    if shim.missing():
        print(f"skipped: {shim.missing()}")
        return
    with Soaked(args) as here, contextlib.ExitStack() as ending:
        here.clock = shim.Shim(here)
        history(here, int(args.history * 2**20))
        life = Life(here, args.speed)
        for log in life.logs * 3:
            log.grow(here.clock.now())
        top = terminal.Terminal(here, "top")
        programs = [usage.Program("top", top), usage.Program("watch", here.start("watch", "--json"))]
        for program in programs:
            ending.callback(program.started.send_signal, signal.SIGKILL)  # where it has not ended by itself
        world.until(lambda: top.bytes, 20, "top draws nothing")
        time.sleep(2)
        for program in programs:
            here.clock.must_be_in(program.started)
        # All views have been looked at three times by then.
        warm_up = max(30, args.minutes * 6)
        before = idle(programs, args.quiet)
        print(f"idle before: {', '.join(f'{program.name} {part:.3f} %' for program, part in zip(programs, before))}; the first {warm_up:.0f} s are warm-up", flush=True)
        soak(here, life, programs, top, args.minutes, warm_up)
        for log in life.logs:
            log.settle()
        top.press("\x1b\x1b1")
        after = idle(programs, args.quiet)
        print(f"idle after: {', '.join(f'{program.name} {part:.3f} %' for program, part in zip(programs, after))}")
        faults = [fault for program in programs for fault in program.faults()]
        # What is rare falls into one of the two times and not into the other: that all directories are walked, or what is usual looked up.
        faults += [f"{program.name}: {now:.3f} % of a core while nobody writes, before {was:.3f} %" for program, was, now in zip(programs, before, after) if now > was * 1.25 + 3 / args.quiet]
        there = sum(1 for _ in here.home.rglob("*"))
        faults += [f"{program.name}: watches {program.samples[-1]['watched']} files, of which there are {there}" for program in programs if program.samples[-1]["watched"] > there + 20]
        differences = here.differences()
        top.leave()
        programs[1].started.send_signal(signal.SIGTERM)
        faults += [f"{program.name} ended with {code}" for program in programs if (code := program.started.wait(20)) not in (0, -signal.SIGTERM)]
        sound, words = here.is_sound()
        faults += differences[:20] + ([] if sound else [f"doctor --rebuild: {words}"])
        print(f"{args.minutes:g} minutes at {args.speed:g} times the speed: {', '.join(f'{n} {what}' for what, n in life.counts.items())}, {sum(sums['calls'] for sums in here.calls.values())} calls in {here.written >> 20} MiB,"
              f" {len(differences)} differences, {len(faults)} faults")
        print("\n".join(faults))
        raise SystemExit(bool(faults))


if __name__ == "__main__":
    main()
