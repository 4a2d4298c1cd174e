"""Logs to be read in many ways: of sessions that copy each other, of the cases that the tests have, and of homes made elsewhere."""
import itertools
import json
import pathlib
import random
import re
import shutil
import sqlite3

import world

BEGIN = 1_772_438_400  # 2026-03-02, 08:00 UTC
LONG = 9 << 20
SOURCES = world.ROOT / "tests/fixtures/sources"
# Where each agent has its logs: those of a case with several files, and that of a case with one.
PLACES = {"claude-code": (".claude/projects/-work-api", ".claude/projects/-work-api"), "codex": (".codex", ".codex/sessions/2026/08/10"),
          "gemini-cli": (".gemini", ".gemini/tmp/api/chats"), "opencode": (".local/share/opencode", ".local/share/opencode")}
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Thread(world.Log):
    """A session; the ids of Codex' turns carry their time."""

    def task(self, at):
        self.now = f"{at * 1000:012x}"
        return super().task(at)

    def id(self, kind):
        return f"{self.now[:8]}-{self.now[8:]}-7000-8000-{self.world.rng.getrandbits(48):012x}" if kind == "turn" else super().id(kind)


class Copy(Thread):
    """A session whose file begins with another's history, in one of the ways in which agents do that."""

    def __init__(self, origin, how, at):
        super().__init__(origin.world, origin.agent, origin if how == "aside" else None)
        origin.settle()
        history = origin.path.read_text().splitlines()
        self.how, self.begun, self.after = how, True, (origin, origin.path.stat().st_size)
        if self.agent == "codex":
            # A header that says whose copy it is, the other's header and records, stamped anew or not, and its totals go on.
            self.totals = list(origin.totals)
            meta = {"id": self.uid, "timestamp": world.stamp(at), "cwd": "/work/app", "originator": "codex_cli", "forked_from_id": origin.uid}
            if how == "burst":
                history = [re.sub('(?<=^{"timestamp":")[^"]*', world.stamp(at + i / 1000), line) for i, line in enumerate(history)]
            lines = [self.codex(at, "session_meta", meta), *history]
        elif how == "aside":
            lines = [line.replace('"isSidechain": false', f'"isSidechain": true, "agentId": "{self.agent_id}"') for line in history]
        else:
            lines = [line.replace(f'"sessionId": "{origin.uid}"', f'"sessionId": "{self.uid}"') for line in history]
        if how == "marked":
            lines = [f'{line[:-1]}, "forkedFrom": {{"sessionId": "{origin.uid}", "messageUuid": "{json.loads(line)["uuid"]}"}}}}' for line in lines]
        elif how == "named":
            lines.append(json.dumps(json.loads(self.claude(at, "fork-context-ref", None)) | {"parentSessionId": origin.uid}))
        self.append("".join(line + "\n" for line in lines).encode())


class Corpus:
    """Logs to be written into a home in many ways; small files that lie beside them are there from the start."""

    def __init__(self, name, files, after=None):
        self.name, self.is_true = name, after is not None
        self.beside = {path: content for path, content in files.items() if not path.endswith((".jsonl", ".zst", ".db")) and "/session-" not in path}
        self.logs = {path: content for path, content in files.items() if path not in self.beside}
        # Which other log, up to which byte, is there before one begins.
        self.after = self.codex_after() if after is None else after

    def codex_after(self):
        """Rollouts begin after those whose threads they name, and compressed ones after the plain ones for which they are passed over."""
        after, rollouts = {}, [path for path in self.logs if "rollout-" in path]
        threads = {path.partition(".jsonl")[0][-36:]: path for path in sorted(rollouts, reverse=True)}
        for path in rollouts:
            named = UUID.findall(path + self.logs[path].partition(b"\n")[0].decode(errors="replace"))
            for of in {threads[thread] for thread in named if thread in threads} | {path.removesuffix(".zst")} & set(rollouts):
                if of != path:
                    after[path] = of, len(self.logs[of])
        return after

    def in_order(self, rng, after):
        """The logs in a random order, but none before what it is to come after."""
        paths, order = rng.sample(sorted(self.logs), len(self.logs)), []
        for path in paths:
            chain = [path]
            while chain[-1] in after:
                chain.append(after[chain[-1]][0])
            order += [one for one in reversed(chain) if one not in order]
        return order


def read(home):
    return {str(path.relative_to(home)): path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file()}


def crowd(here, seed):
    """The logs of a seed: sessions of each kind, and copies of them while they go on."""
    here.rng = rng = random.Random(seed)
    here.calls.clear()
    here.facts.clear()
    begin(here)
    logs, at = world.crowd(here, 6, 2, 0) + [Thread(here, "codex") for _ in range(5)], BEGIN
    living = list(logs)
    for _ in range(150):
        at += rng.randrange(10, 400)
        log = rng.choice(living)
        log.grow(at)
        if log.parent or rng.random() > 0.25 or len(logs) > 36:
            continue
        ways = ("burst", "kept") if log.agent == "codex" else ("marked", "named", "aside")
        if log.agent == "claude-code" and getattr(log, "how", "resumed") == "resumed":
            ways += ("resumed",)  # releases that did not mark copies resumed nothing that was marked
        copy = Copy(log, rng.choice(ways), at + 2)
        if copy.how == "resumed":
            # Nothing says whose the copy is, but that the one that was resumed says nothing more.
            living = [other for other in living if other is not log and other.parent is not log]
        copy.grow(at + 5)
        logs.append(copy)
        living.append(copy)
    # One is so long that it is read in parts, and in the middle of it the clock is set back.
    while (size := log.path.stat().st_size) < LONG:
        at += 10
        log.grow(at - 3600 * (size > LONG // 2))
    for log in logs:
        log.settle()
    names = {log: str(log.path.relative_to(here.home)) for log in logs}
    after = {names[log]: (names[log.after[0]], log.after[1]) for log in logs if isinstance(log, Copy)}
    return Corpus(f"seed {seed}", read(here.home), after)


def cases(agent):
    """Each case of an agent: its name, and the files where the agent would have them, as `tests/it/sources/case.rs` lays them out."""
    several, single = PLACES[agent]
    for name in sorted(path.name.removesuffix(".expect.json") for path in (SOURCES / agent).glob("*.expect.json")):
        files = {f"{several}/{path}": content for path, content in read(SOURCES / agent / name).items()}
        if agent == "opencode":
            files = {f"{path.removesuffix('.jsonl')}.db": content for path, content in files.items()}
        for file in (SOURCES / agent).glob(f"{name}.jsonl*"):
            files[f"{single}/{'opencode.db' if agent == 'opencode' else file.name}"] = file.read_bytes()
        yield name, files


def every(here, homes):
    for seed in range(here.args.seed, here.args.seed + here.args.seeds):
        yield crowd(here, seed)
    for together in itertools.zip_longest(*map(cases, PLACES)):
        together = [case for case in together if case]
        yield Corpus(", ".join(name for name, _ in together), {path: content for _, files in together for path, content in files.items()})
    for home in homes:
        yield Corpus(home, read(pathlib.Path(home)))


def begin(here, beside=()):
    """An empty store, and a home without logs."""
    for dir in (here.home, here.data):
        shutil.rmtree(dir, ignore_errors=True)
    here.home.mkdir()
    for path in beside:
        write(here, path, beside[path], 0, len(beside[path]))


def write(here, path, content, start, end):
    """Writes what a log has from one byte to another. A database gets the rows that end there."""
    file = here.home / path
    file.parent.mkdir(parents=True, exist_ok=True)
    if not path.endswith(".db"):
        with file.open("ab") as out:
            out.write(content[start:end])
        return
    start, end = (at if at == len(content) else content.rfind(b"\n", 0, at) + 1 for at in (start, end))
    base = sqlite3.connect(file)
    if not base.execute("SELECT 1 FROM sqlite_schema").fetchone():
        base.execute("PRAGMA journal_mode = WAL")
        base.executescript(re.search('const SCHEMA: &str = "(.*?)";', (world.ROOT / "tests/it/opencode_db.rs").read_text(), re.S)[1])
    for line in content[start:end].splitlines():
        put(base, json.loads(line))
    base.commit()
    base.close()


def put(base, row):
    """Writes a row, or takes it back, as `tests/it/opencode_db.rs` does."""
    if "delete" in row:
        return base.execute(f"DELETE FROM {row['delete']} WHERE id = ?", [row["id"]])
    table = row.pop("table")
    if "data" in row:
        row["data"] = json.dumps(row["data"])
    elif "raw" in row:
        row["data"] = row.pop("raw")
    row |= {"time_updated": row["time_created"]} | (dict.fromkeys(("project_id", "slug", "title"), "x") if table == "session" else {})
    sets = ", ".join(f"{name} = excluded.{name}" for name in row)
    marks = ", ".join("?" * len(row))
    return base.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {sets}", [*row.values()])
