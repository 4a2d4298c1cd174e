#!/usr/bin/env python3
"""R10 and R3: the system tells no changes, the clock lies, or a line stays torn; five seconds after the fault everything is in the store.

For `watch` and for `top` in a terminal, beside ten writers:

- overflow   the queue of inotify overflows while the program is stopped, and a directory is made that nobody is told of
- full       there are more directories than may be watched (64)
- filling    the limit is reached while the program runs
- deaf       there is no inotify at all
- anew       an agent's directory is moved away, and made anew
- clock      the wall clock jumps by -1 h and +1 d, and over both changes of Europe/Zurich's time
- mtime      logs were changed in 2099 and in 1970, as their dates say
- torn       the last line of each log stays half a line for a minute, is nothing until then, and counts once when it is whole; another
             half is followed by a line of another writer's: both are skipped and counted as such, and what comes next is right

What the program has stored is read from its store, so that no other program reads the logs in its place.

    tests/soak/events.py [--only overflow,clock] [--seconds 2] [--torn 60] [--seed N]
"""
import collections
import datetime
import json
import os
import pathlib
import shutil
import signal
import time

import scene
import shim
import world

EVENTS = pathlib.Path("/proc/sys/fs/inotify/max_queued_events")
DAYS = {2099: datetime.datetime(2099, 1, 1).timestamp(), 1970: 1}
# Of 2026: the hour is left out at 01:00 UTC in March, and comes twice in October.
SPRING, AUTUMN = 1_774_746_000, 1_792_890_000
YEAR, HOUR = 365 * 86_400, 3600
# By so much, or to a moment, over which the writers write.
JUMPS = {"by -1 h": -HOUR, "by +1 d": 24 * HOUR, "over the midnight before 23 hours": SPRING - 2 * HOUR, "over the end of winter time": SPRING,
         "over the midnight after 23 hours": SPRING + 21 * HOUR, "over the midnight before 25 hours": AUTUMN - 3 * HOUR,
         "over the end of summer time": AUTUMN, "over the midnight after 25 hours": AUTUMN + 22 * HOUR, "by a year back": -YEAR}


def limited(name, number):
    """What a program is started with so that this limit holds for it: those of a user namespace are for who is in it."""
    return ["unshare", "-Ur", "sh", "-c", 'echo "$1" > "/proc/sys/user/$0" && shift && exec "$@"', name, str(number)]


def cannot_limit():
    return scene.cannot(*limited("max_inotify_watches", 64), "true")


def overflow(here, name, words):
    with scene.Scene(here, name, words) as it:
        it.write(args.seconds)
        it.converges("the start")
        it.program.send_signal(signal.SIGSTOP)
        noise = it.logs[0].path.parent / "noise"
        for _ in range(int(EVENTS.read_text()) // 2):  # each is at least made, opened, closed and removed
            noise.touch()
            noise.unlink()
        unheard = scene.project(world.Log(here, "claude-code"), "-work-unheard")
        it.logs.append(unheard)
        it.write(args.seconds)
        it.write(0.1, unheard)
        it.program.send_signal(signal.SIGCONT)
        it.converges("the queue overflowed")
        for _ in range(2):
            it.write(args.seconds)
            it.write(0.1, unheard)
            it.converges("more was written, also where a directory was made unheard")
        it.end()
        return it


def projects(here, it, count):
    """So many sessions, each in a directory of its own."""
    for _ in range(count):
        it.logs.append(scene.project(world.Log(here, "claude-code"), f"-work-{len(it.logs)}"))
        it.logs[-1].grow(it.now())


def full(here, name, words):
    for n in range(80):
        (here.home / f".claude/projects/-work-{n}").mkdir(parents=True)
    with scene.Scene(here, name, words, command=limited("max_inotify_watches", 64)) as it:
        projects(here, it, 30)
        for _ in range(3):
            it.write(args.seconds)
            it.converges("more was written, with more directories than may be watched")
        projects(here, it, 30)
        it.converges("new directories came")
        it.end()
        return it


def filling(here, name, words):
    with scene.Scene(here, name, words, command=limited("max_inotify_watches", 64)) as it:
        it.write(args.seconds)
        it.converges("the start")
        projects(here, it, 80)
        it.converges("the limit was reached")
        for _ in range(2):
            it.write(args.seconds, *it.logs[-10:])
            it.converges("more was written where nothing can be watched")
        it.end()
        return it


def deaf(here, name, words):
    with scene.Scene(here, name, words, command=limited("max_inotify_instances", 0)) as it:
        for _ in range(3):
            it.write(args.seconds)
            it.converges("more was written, without inotify")
        projects(here, it, 20)
        it.converges("new directories came")
        it.end()
        return it


def anew(here, name, words):
    with scene.Scene(here, name, words) as it:
        it.write(args.seconds)
        it.converges("the start")
        root = here.home / ".claude/projects"
        root.rename(here.dir / "before")
        time.sleep(args.seconds)
        shutil.copytree(here.dir / "before", root)
        for _ in range(2):
            it.write(args.seconds)
            it.converges("more was written, where a root was made anew")
        it.end()
        return it


def zurich(at):
    """The day in Europe/Zurich, in 2026."""
    zone = datetime.timezone(datetime.timedelta(hours=1 + (SPRING <= at < AUTUMN)))
    return datetime.datetime.fromtimestamp(at, zone).date().isoformat()


def today(here, day):
    """What a day has cost, by the report, as the screen's first line has it."""
    rows = json.loads(here.ask("--timezone", "Europe/Zurich", "report", "daily", "--all", "--json"))["rows"]
    return f"${sum(float(row['cost']['usd']) for row in rows if row['day'] == day):.2f}"


def clock(here, name, words):
    lies = shim.Shim(here)
    lies.set_clock(1_772_438_400)
    with scene.Scene(here, name, ["--timezone", "Europe/Zurich", *words], variables=lies.variables(), now=lies.now) as it:
        it.write(args.seconds)
        it.converges("the start")
        lies.must_be_in(it.program)
        for what, at in JUMPS.items():
            lies.set_clock(at - args.seconds / 2 if at > YEAR else lies.now() + at)
            it.write(args.seconds)
            it.converges(f"the clock jumped {what}")
            if "top" in words and not it.shows(f"{today(here, zurich(lies.now()))} today"):
                it.fault(f"the clock jumped {what}: the screen's first line says another sum of today than the report")
        it.end()
    want = collections.Counter(zurich(datetime.datetime.fromisoformat(json.loads(line)["at"]).timestamp())
                               for line in here.ask("export", "calls", "--all", "--format", "jsonl", "-q").splitlines())
    have = collections.Counter()
    for row in json.loads(here.ask("--timezone", "Europe/Zurich", "report", "daily", "--all", "--json"))["rows"]:
        have[row["day"]] += row["calls"]
    if have != want:
        it.fault(f"days of Zurich: is {dict(have)}, should be {dict(want)}")
    return it


def mtime(here, name, words):
    with scene.Scene(here, name, words) as it:
        it.write(args.seconds)
        it.converges("the start")
        for year in (2099, 1970, 2099):
            it.write(args.seconds)
            for log in it.logs:
                log.settle()
                if log.path.exists():
                    os.utime(log.path, (DAYS[year], DAYS[year]))
            it.converges(f"logs were dated to {year}")
            it.write(args.seconds)
            it.converges(f"more was written behind {year}")
        it.end()
        return it


def torn(here, name, words):
    with scene.Scene(here, name, words) as it:
        it.write(args.seconds)
        it.converges("the start")
        before, rng = scene.stored(here), here.rng
        for log in it.logs:
            text = "".join(line + "\n" for line in log.task(it.now())).encode()
            cut = rng.randrange(1, text.index(b"\n") + 1)
            log.append(text[:cut])
            log.rest = text[cut:]
        end = time.monotonic() + args.torn
        while time.monotonic() < end:
            if (now := scene.stored(here)) != before:
                it.fault(f"half a line counts: is {now}, was {before}")
                break
            time.sleep(0.2)
        it.converges("the torn lines became whole")
        claude = [log for log in it.logs if log.agent == "claude-code"]
        for log in claude:
            line = log.claude(it.now(), "user", {"role": "user", "content": "nobody will ever know"}) + "\n"
            log.append(line.encode()[:rng.randrange(1, 60)])
            time.sleep(0.3)
            log.append(line.encode())
        it.write(args.seconds)
        it.converges("two writers' lines became one")
        it.end()
        skipped = sum(file["malformed"] for file in json.loads(here.ask("doctor", "--json"))["files"])
        if skipped != len(claude):
            it.fault(f"{skipped} lines are told as skipped, and {len(claude)} were")
        return it


FAULTS = {"overflow": (overflow, scene.always), "full": (full, cannot_limit), "filling": (filling, cannot_limit),
          "deaf": (deaf, cannot_limit), "anew": (anew, scene.always), "clock": (clock, shim.missing), "mtime": (mtime, scene.always),
          "torn": (torn, scene.always)}

if __name__ == "__main__":
    args = world.options(__doc__, 20_260_310, only=(",".join(FAULTS), "which faults"), seconds=(2.0, "how long the writers write between two looks"),
                         torn=(60.0, "how long half a line stays one, in seconds"))
    scene.play(args, FAULTS, {"watch": ["watch"], "top": ["top"]})
