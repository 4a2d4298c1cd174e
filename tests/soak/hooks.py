#!/usr/bin/env python3
"""R15: whatever is broken, a hook answers in time: by the caps where it can tell, else by `on_failure`, and never without a word.

Asked are the hooks of Claude Code and Codex past a cap that no session reaches alone. So "go on" is only right with `open` where the
guard cannot tell, and where that is written down: in `aifinops.log`, or on standard error where nothing can be written. The store is
well, held by another process for ten seconds (for writing; or whole, so that nobody can read), missing, damaged; so is the ledger.
There is no HOME, no directory that can be written. Standard input is closed, empty, of 1 MB, no JSON, broken off. Hooks are killed in
the middle, and a hundred ask at once. Standard output is empty or one object of JSON, and after each case the cap holds again.

In time is the program's own deadline (50 ms, and 250 ms with `closed`: README, "Guards") and its start. The start is what the same
question takes where no cap is set, asked in turns with the others. Compared are the median of each case, which shows what is always
late, and p99 and the slowest of all; of the hundred, the slowest. Of more at once than there are cores that is
promised of a release build on a quiet machine; --slack is what another one may take longer there.

    tests/soak/hooks.py [--questions 1000] [--locked 10] [--at-once 100] [--slack 0] [--seed N]
"""
import collections
import concurrent.futures
import contextlib
import json
import os
import sqlite3
import subprocess
import threading
import time

import world

DEADLINE = {"open": 50, "closed": 250}  # milliseconds
EVENTS = {"claude-code": ("UserPromptSubmit", "PostToolBatch"), "codex": ("UserPromptSubmit", "PostToolUse")}
# Nobody's logs but the world's are read, also where there is no HOME.
SETTINGS = """on_failure = "{mode}"
roots = {{ claude-code = "{home}/.claude/projects", codex = "{home}/.codex/sessions", gemini-cli = "{home}/none", opencode = "{home}/none" }}
caps.day.limit = "${limit:.2f}"
"""


class Hooks:
    """A world with a reached cap, and what came of asking in it."""

    def __init__(self, here):
        self.here, self.faults, self.told = here, [], collections.Counter()
        here.data = here.dir / "share" / "aifinops"  # where it lies without HOME, too
        self.logs = [world.Log(here, agent) for agent in EVENTS for _ in range(2)]
        for log in self.logs * 5:
            log.grow(time.time(), tear=0)
        spent = [session["cost"]["usd"] for session in json.loads(here.ask("sessions", "--all", "--json"))["sessions"]]
        self.limit = (sum(spent) + max(spent)) / 2
        self.free = here.dir / "free.toml"
        self.free.touch()

    def set(self, mode):
        self.mode, self.answers, self.starts = mode, [], []
        self.here.config.write_text(SETTINGS.format(mode=mode, home=self.here.home, limit=self.limit))

    def somebody(self):
        log = self.here.rng.choice(self.logs)
        return log, self.here.rng.choice(EVENTS[log.agent])

    def question(self, log, event):
        return json.dumps({"session_id": log.uid, "transcript_path": str(log.path), "cwd": "/work/app", "hook_event_name": event}).encode()

    def environment(self, case, **more):
        every = self.here.environment(XDG_DATA_HOME=self.here.data.parent, **case.get("environment", {}), **more)
        return {name: value for name, value in every.items() if name not in case.get("without", ())}

    def run(self, log, text, environment, after=None):
        """Milliseconds, and what the hook said; where it is killed after some seconds, what it had said by then. Without a text there is no standard input."""
        begun = time.monotonic()
        hook = subprocess.Popen([self.here.args.binary, "hook", log.agent], stdin=subprocess.PIPE if text is not None else None, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env=environment, preexec_fn=(lambda: os.close(0)) if text is None else None)
        timer = threading.Timer(after, hook.kill) if after else None
        if timer:
            timer.start()
        out, err = hook.communicate(text)
        return (time.monotonic() - begun) * 1000, hook.returncode, out, err

    def misses(self):
        """How often it was written down that a guard could not tell."""
        files = [self.here.data / name for name in ("aifinops.log", "aifinops.log.1")]
        return sum(file.read_text().count("cannot tell what was spent") for file in files if file.exists())

    def ask(self, name, case):
        """One question, and what it takes where no cap is set."""
        (log, event), misses = self.somebody(), self.misses()
        text = case.get("text", lambda text: text)(self.question(log, event))
        case.get("before", lambda: None)()
        took, *said = self.run(log, text, self.environment(case))
        self.answers.append(took)
        self.starts.append(self.run(log, text, self.environment(case, AIFINOPS_CONFIG=self.free))[0])
        self.judge(f"{name}, {self.mode}", *said, self.misses() > misses)

    def judge(self, where, code, out, err, is_noted):
        """Counts what was told, or a fault where that is not what was promised."""
        try:
            reply = json.loads(out or b"{}")
            # A hook that cannot know in which form it is asked has this way to block.
            words = reply.get("reason") or reply.get("stopReason") or (err.decode() if code == 2 else "")
        except ValueError:
            reply, words = None, ""
        if "cap is reached" in words:
            told = "by the cap"
        elif words and self.mode == "closed":
            told = "blocked"
        elif reply == {} and code == 0 and self.mode == "open" and (is_noted or b"cannot tell what was spent" in err):
            told = "let go"
        else:
            told = "wrong"
            what = "let go past the cap without a word" if reply == {} and code == 0 else f"code {code}, {out[:300]!r}, {err[:300]!r}"
            self.faults.append(f"{where}: {what}")
        self.told[told] += 1

    def is_well(self):
        log = self.logs[0]
        return b"cap is reached" in self.run(log, self.question(log, EVENTS[log.agent][0]), self.environment({}))[2]

    def in_time(self, name, answers, starts, parts, slack=0):
        """Compares what answers took with the deadline and the starts; prints both."""
        own, base = figures(answers), figures(starts)
        print(f"{self.mode:7}{name:24}{len(answers):5} answers: {' '.join(f'{own[part]:6.1f}' for part in own)} ms; starts: {' '.join(f'{base[part]:6.1f}' for part in base)} ms", flush=True)
        most = DEADLINE[self.mode] + slack
        self.faults += [f"{name}, {self.mode}: the {part} is {own[part]:.1f} ms, should be {most} + {base[part]:.1f} ms at most" for part in parts if own[part] > most + base[part]]


def figures(times):
    order = sorted(times)
    return {"median": order[len(order) // 2], "p99": order[int(len(order) * 0.99)], "slowest": order[-1]}


@contextlib.contextmanager
def held(hooks, files, mode):
    """Databases that another process holds, at least for so many seconds; the questions are spread over them."""
    seconds = hooks.here.args.locked
    end = time.monotonic() + seconds
    with contextlib.ExitStack() as stack:
        for file in files:
            other = stack.enter_context(contextlib.closing(sqlite3.connect(hooks.here.data / file, isolation_level=None)))
            other.execute(f"PRAGMA locking_mode = {mode}")
            other.execute("BEGIN EXCLUSIVE")
        yield {"before": lambda: time.sleep(seconds / hooks.each / 2)}
        time.sleep(max(0, end - time.monotonic()))


@contextlib.contextmanager
def broken(hooks, file, content):
    """A database that is gone, or is none, at each question anew."""

    def before():
        hooks.here.ask("report", "daily", "--all", "--json")
        for name in (file + "-wal", file + "-shm", file):
            (hooks.here.data / name).unlink(missing_ok=True)
        if content:
            (hooks.here.data / file).write_bytes(content)

    yield {"before": before}


def large(rng, text):
    """A question of 1 MB; its fields stand before or behind that."""
    parts = [json.loads(text), {"tool_input": {"content": 'x\ny"' * 200_000}}]
    rng.shuffle(parts)
    return json.dumps(parts[0] | parts[1]).encode()


def cases(hooks):
    """What is broken, and how it is asked then."""
    rng, no, case = hooks.here.rng, hooks.here.dir / "no" / "data", contextlib.nullcontext
    no.parent.touch()  # a file, so nobody can make a directory below it
    store, ledger = ["aifinops.db"], ["ledger.db"]
    return {"nothing is broken": case({})} | {
        f"{name} held {how}": held(hooks, files, mode) for name, files in (("store", store), ("ledger", ledger), ("both", store + ledger))
        for how, mode in (("for writing", "NORMAL"), ("whole", "EXCLUSIVE"))} | {
        f"{name} {how}": broken(hooks, *files, content) for name, files in (("store", store), ("ledger", ledger)) for how, content in (("missing", None), ("damaged", bytes([7] * 8192)))} | {
        "no HOME": case({"without": ("HOME", "AIFINOPS_HOME", "AIFINOPS_DATA_DIR")}),
        "nowhere to write": case({"environment": {"AIFINOPS_DATA_DIR": no}}),
        "stdin closed": case({"text": lambda _: None}), "stdin empty": case({"text": lambda _: b""}),
        "stdin of 1 MB": case({"text": lambda text: large(rng, text)}),
        "stdin no JSON": case({"text": lambda _: b"\xff" + rng.randbytes(rng.randrange(4000))}),
        "stdin broken off": case({"text": lambda text: text[:rng.randrange(1, len(text))]}),
        "after a kill": case({"before": lambda: kill(hooks)}),
    }


def kill(hooks):
    """A hook that is killed at any moment has said nothing, or all of it."""
    job = hooks.somebody()
    _, _, out, _ = hooks.run(job[0], hooks.question(*job), hooks.environment({}), 0.0005 + hooks.here.rng.random() * 0.012)
    if out and not out.endswith(b"}\n"):
        hooks.faults.append(f"killed, {hooks.mode}: half an answer: {out!r}")


def at_once(hooks, count):
    """So many ask together, and beside them as many where no cap is set, whose starts are as slow."""
    jobs, gate = [hooks.somebody() for _ in range(count)], threading.Barrier(count * 2)
    environments = [hooks.environment({})] * count + [hooks.environment({}, AIFINOPS_CONFIG=hooks.free)] * count

    def one(job, environment):
        gate.wait()
        return hooks.run(job[0], hooks.question(*job), environment)

    misses = hooks.misses()
    with concurrent.futures.ThreadPoolExecutor(len(environments)) as pool:
        replies = list(pool.map(one, jobs * 2, environments))
    noted, silent = hooks.misses() - misses, sum(not out for _, _, out, _ in replies[:count])
    for _, *said in replies[:count]:
        hooks.judge(f"at once, {hooks.mode}", *said, noted >= silent)
    hooks.in_time(f"{count} at once", [reply[0] for reply in replies[:count]], [reply[0] for reply in replies[count:]], ["slowest"], hooks.here.args.slack)


def main():
    args = world.options(__doc__, 20_260_315, questions=(1000, "how many are asked"), locked=(10.0, "how many seconds a database is held"),
                         at_once=(100, "how many ask together"), slack=(0, "milliseconds more than promised, of those at once"))
    with world.World(args) as here:
        hooks = Hooks(here)
        print("median, p99 and slowest of")
        for mode in DEADLINE:
            hooks.set(mode)
            every = cases(hooks)
            hooks.each = max(1, -(-(args.questions // 2 - args.at_once) // len(every)))
            for name, case in every.items():
                with case as how:
                    for _ in range(hooks.each):
                        hooks.ask(name, how)
                hooks.in_time(name, hooks.answers[-hooks.each:], hooks.starts[-hooks.each:], ["median"])
                world.until(hooks.is_well, 20, f"after {name}: the cap does not hold again within 20 s")
            hooks.in_time("all of these", hooks.answers, hooks.starts, ["p99", "slowest"])
            at_once(hooks, args.at_once)
        # What was begun behind the last answers still goes on.
        world.until(lambda: "another aifinops is running" not in here.is_sound()[1], 20, "what a hook has begun does not end")
        sound, words = here.is_sound()
        faults = hooks.faults + ([] if sound else [f"doctor --rebuild: {words}"])
        asked = sum(hooks.told.values())
        print(f"{asked} questions, {asked - hooks.told['wrong']} answered as promised ({', '.join(f'{n} {told}' for told, n in sorted(hooks.told.items()))}), {len(faults)} faults")
        for fault, n in collections.Counter(faults).items():
            print(f"{fault}{f' ({n} times)' if n > 1 else ''}")
        raise SystemExit(bool(faults))


if __name__ == "__main__":
    main()
