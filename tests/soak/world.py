"""Agents that write, what they spent, and the program that counts it.

What is spent is counted here while it is written and never read back, so a fault of the program's reading cannot hide in the truth.
Standard library only.
"""
import argparse
import collections
import datetime
import gzip
import json
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOKENS = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
MODELS = {"claude-code": ("claude-opus-4-6", "claude-sonnet-4-5", "claude-haiku-4-5"), "codex": ("gpt-5.1", "gpt-5")}
WORDS = 'Größe 漢字 🦀 "quoted" \\ tab\t {"usage":{"input_tokens":123456,"output_tokens":99}} fn main() { loop {} } '


def options(doc, seed, **more):
    """The options that every script has."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "target" / "release" / "aifinops"), help="the program (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=seed, help="chance, the same every time (default: %(default)s)")
    parser.add_argument("--keep", action="store_true", help="leave the world where it is, to look at")
    for name, (default, words) in more.items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(default), default=default, help=f"{words} (default: %(default)s)")
    args = parser.parse_args()
    if not os.access(args.binary, os.X_OK):
        parser.error(f"there is no program at {args.binary}: build it (cargo build --release), or name it with --binary")
    print(f"{parser.prog}: seed {args.seed}", flush=True)
    return args


class World:
    """A home with logs, a store and settings that are nobody else's."""

    def __init__(self, args):
        self.args = args
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="aifinops-soak-"))
        self.home, self.data, self.config = self.dir / "home", self.dir / "data", self.dir / "config.toml"
        self.home.mkdir()
        self.rng = random.Random(args.seed)
        self.calls = collections.defaultdict(collections.Counter)  # by (day, model, session)
        self.facts = collections.defaultdict(collections.Counter)  # by session
        self.written = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.args.keep:
            print(f"left in {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def environment(self, **more):
        """What the program is started with: nothing of the user's."""
        own = {"HOME": self.home, "AIFINOPS_HOME": self.home, "AIFINOPS_DATA_DIR": self.data, "AIFINOPS_CONFIG": self.config, "TZ": "UTC"}
        own |= {"AIFINOPS_ALERTS": "ways=none", "TERM": "xterm-256color", "PATH": os.environ["PATH"]} | more
        return {name: str(value) for name, value in own.items()}

    def start(self, *words, **how):
        """The program, begun."""
        how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": self.environment()} | how
        return subprocess.Popen([self.args.binary, *map(str, words)], **how)

    def ask(self, *words):
        """What the program prints; an exception with its own words if it fails."""
        done = subprocess.run([self.args.binary, *map(str, words)], env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(f"aifinops {' '.join(map(str, words))} ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def counted(self):
        """What the program counts, in the form of the truth."""
        calls, facts = collections.defaultdict(collections.Counter), {}
        for line in self.ask("export", "calls", "--all", "--format", "jsonl", "-q").splitlines():
            call = json.loads(line)
            calls[call["at"][:10], call["model"], call["session"]].update({"calls": 1, **{name: call["tokens"][name] for name in TOKENS}})
        for row in json.loads(self.ask("sessions", "--all", "--json"))["sessions"]:
            facts[row["id"]] = collections.Counter(prompts=row["prompts"], tools=row["tool_calls"])
        return calls, facts

    def differences(self):
        """Where the program and the truth are not of one mind: none is what should be."""
        calls, facts = self.counted()
        pairs = [("calls of", self.calls, calls), ("session", self.facts, facts)]
        found = [f"{what} {key}: is {dict(have.get(key, {}))}, should be {dict(want.get(key, {}))}"
                 for what, want, have in pairs for key in sorted(set(want) | set(have)) if +collections.Counter(want.get(key, {})) != +collections.Counter(have.get(key, {}))]
        cells = self.sums(json.loads(self.ask("report", "daily", "--all", "--json"))["rows"])
        truth = collections.defaultdict(collections.Counter)
        for (day, model, _), sums in self.calls.items():
            truth[day, model].update(sums)
        return found + [f"report {key}: is {dict(cells.get(key, {}))}, should be {dict(truth.get(key, {}))}"
                        for key in sorted(set(cells) | set(truth)) if +cells.get(key, collections.Counter()) != +truth.get(key, collections.Counter())]

    @staticmethod
    def sums(rows):
        """A report's rows by day and model."""
        return {(row["day"], row["model"]): collections.Counter({"calls": row["calls"], **{name: row["tokens"][name] for name in TOKENS}}) for row in rows}

    def history(self):
        """Everything that the store holds, each record in words that no order of reading changes."""
        sessions, records = [], []
        for line in gzip.decompress(self.ask("store", "export", "-", "-q")).splitlines()[1:]:
            (kind, record), = json.loads(line).items()
            if kind == "session":
                sessions.append((record["agent"], record["uid"]))
            if "session" in record and isinstance(record["session"], int):
                record["session"] = sessions[record["session"]]
            records.append(json.dumps([kind, record], sort_keys=True))
        return sorted(records)

    def is_sound(self):
        """What `doctor --rebuild` finds: sums that are not those of the rows, or a store that is damaged."""
        for _ in range(50):
            done = subprocess.run([self.args.binary, "doctor", "--rebuild", "--json"], env=self.environment(), capture_output=True)
            if b'"code":"busy"' not in done.stdout + done.stderr:
                break
            time.sleep(0.2)  # what a hook has left to do behind it
        return done.returncode == 0, done.stdout.decode(errors="replace")[-2000:] + done.stderr.decode(errors="replace")


class Log:
    """One session of one agent, and the file that it is written to."""

    def __init__(self, world, agent, parent=None):
        self.world, self.agent, self.parent, rng = world, agent, parent, world.rng
        self.uid = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        self.begun, self.rest, self.totals = False, b"", [0, 0, 0]
        home = world.home
        if agent == "codex":
            self.path = home / f".codex/sessions/2026/03/02/rollout-2026-03-02T08-00-00-{self.uid}.jsonl"
        elif parent:
            self.agent_id = f"{rng.getrandbits(32):08x}"
            self.path = home / f".claude/projects/-work-app/{parent.uid}/subagents/agent-{self.agent_id}.jsonl"
            self.uid = f"{parent.uid}/{self.agent_id}"
        else:
            self.path = home / f".claude/projects/-work-app/{self.uid}.jsonl"

    def id(self, kind):
        return f"{kind}_{self.world.rng.getrandbits(64):016x}"

    def task(self, at):
        """A prompt and a few steps, as lines; the truth has them from now on."""
        lines, rng = [], self.world.rng
        filler = WORDS * rng.randrange(1, 60)
        if self.agent == "codex":
            if not self.begun:
                lines.append(self.codex(at, "session_meta", {"id": self.uid, "timestamp": stamp(at), "cwd": "/work/app", "originator": "codex_cli", "cli_version": "0.156.0"}))
            model = rng.choice(MODELS["codex"])
            lines.append(self.codex(at, "turn_context", {"turn_id": self.id("turn"), "cwd": "/work/app", "model": model}))
            lines.append(self.codex(at, "event_msg", {"type": "user_message", "message": filler}))
        else:
            model = rng.choice(MODELS["claude-code"])
            lines.append(self.claude(at, "user", {"role": "user", "content": filler}))
        self.begun = True
        # What a subagent is told to do is its parent's words, and no prompt of a person.
        self.world.facts[self.uid]["prompts"] += self.parent is None
        for _ in range(rng.randrange(1, 6)):
            lines += self.step(at, model, filler)
        return lines

    def step(self, at, model, filler):
        """A call of the model with a call of a tool."""
        rng, sums = self.world.rng, self.world.calls[day(at), model, self.uid]
        self.world.facts[self.uid]["tools"] += 1
        output, read = rng.randrange(1, 900), rng.randrange(100, 90_000)
        if self.agent == "codex":
            last = [read + rng.randrange(1, 500), read, output]
            self.totals = [a + b for a, b in zip(self.totals, last)]
            usage = [dict(zip(("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens", "total_tokens"), (*c, 0, c[0] + c[2]))) for c in (self.totals, last)]
            count = {"type": "token_count", "info": {"total_token_usage": usage[0], "last_token_usage": usage[1], "model_context_window": 258_400}, "rate_limits": None}
            sums.update(calls=1, input=last[0] - read, cache_read=read, output=output)
            call = {"type": "function_call", "name": "shell", "call_id": self.id("call"), "arguments": json.dumps({"command": filler})}
            # The same counters are often told twice.
            return [self.codex(at, "response_item", call)] + [self.codex(at, "event_msg", count)] * rng.choice((1, 1, 2))
        five, hour = rng.choice(((0, 0), (rng.randrange(9000), 0), (0, rng.randrange(9000)), (70, 80)))
        usage = {"input_tokens": rng.randrange(1, 400), "cache_read_input_tokens": read, "cache_creation_input_tokens": five + hour,
                 "cache_creation": {"ephemeral_5m_input_tokens": five, "ephemeral_1h_input_tokens": hour}, "output_tokens": output}
        sums.update(calls=1, input=usage["input_tokens"], cache_read=read, cache_write_5m=five, cache_write_1h=hour, output=output)
        message = {"id": self.id("msg"), "model": model, "role": "assistant", "stop_reason": None, "usage": usage | {"output_tokens": min(output, 2)}}
        tool = {"type": "tool_use", "id": self.id("toolu"), "name": "Bash", "input": {"command": filler, "usage": {"output_tokens": 1}}}
        # A response is written block by block, and only the last line has all of its tokens.
        return [self.claude(at, "assistant", message | {"content": [{"type": "text", "text": filler}]}),
                self.claude(at, "assistant", message | {"content": [tool], "usage": usage})]

    def claude(self, at, kind, message):
        who = {"isSidechain": True, "agentId": self.agent_id} if self.parent else {"isSidechain": False}
        line = {"parentUuid": None, "cwd": "/work/app", "sessionId": (self.parent or self).uid, "version": "2.1.241", "gitBranch": "main", **who}
        return json.dumps(line | {"message": message, "type": kind, "uuid": self.id("u"), "timestamp": stamp(at)}, ensure_ascii=self.world.rng.random() < 0.5)

    def codex(self, at, kind, payload):
        return json.dumps({"timestamp": stamp(at), "type": kind, "payload": payload}, separators=(",", ":"))

    def grow(self, at, tear=0.3):
        """Goes on for a task; now and then the last line is only begun, at any byte of it."""
        text = self.rest + "".join(line + "\n" for line in self.task(at)).encode()
        self.rest = b""
        if self.world.rng.random() < tear:
            last = text[:-1].rfind(b"\n") + 1
            cut = self.world.rng.randrange(last, len(text))
            text, self.rest = text[:cut], text[cut:]
        self.append(text)

    def settle(self):
        """Writes the rest of a line that was begun."""
        rest, self.rest = self.rest, b""
        self.append(rest)

    def append(self, text):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(text)
        self.world.written += len(text)

    def rotate(self):
        """The file is exchanged below its writer, in one of the ways in which that happens; what was written stays findable."""
        if not self.path.exists():
            return None
        self.settle()  # half a line in each of two files is nowhere a line
        how = self.world.rng.choice(("rename", "replace", "copytruncate"))
        # A rollout's name ends with its thread, and a piece without a header belongs to the thread of its name.
        old = self.id("old")
        beside = self.path.with_name(f"rollout-{old}-{self.uid}.jsonl" if self.agent == "codex" else f"{self.path.stem}-{old}.jsonl")
        if how == "rename":
            self.path.rename(beside)
        elif how == "replace":
            shutil.copyfile(self.path, self.path.with_suffix(".tmp"))
            self.path.with_suffix(".tmp").rename(self.path)
        else:
            shutil.copyfile(self.path, beside)
            os.truncate(self.path, 0)
        return how


def stamp(at):
    return datetime.datetime.fromtimestamp(at, datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def day(at):
    return stamp(at)[:10]


def crowd(world, claude=6, subagents=2, codex=4):
    """So many sessions of each kind."""
    mains = [Log(world, "claude-code") for _ in range(claude)]
    return mains + [Log(world, "claude-code", mains[i % claude]) for i in range(subagents)] + [Log(world, "codex") for _ in range(codex)]


def until(what, seconds, words):
    """Waits until something holds; an exception with these words if it never does."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise AssertionError(words() if callable(words) else words)
        time.sleep(0.05)
