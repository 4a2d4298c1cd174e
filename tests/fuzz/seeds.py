#!/usr/bin/env python3
"""Makes the fuzz targets' first inputs, tests/fuzz/corpus, out of the fixtures and the literals of the tests.

The last byte of an input says how it is read, so a fixture is one as it is; several in one are parted by 0xff, which no JSON, TOML or
page holds.

    tests/fuzz/seeds.py
"""
import json
import pathlib
import re
import sqlite3
import tempfile
import warnings

warnings.filterwarnings("ignore", category=DeprecationWarning)  # escapes of Rust that Python does not know
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FIXTURES, OUT, BETWEEN = ROOT / "tests/fixtures", ROOT / "tests/fuzz/corpus", b"\xff"


def put(target, name, data):
    place = OUT / target
    place.mkdir(parents=True, exist_ok=True)
    (place / re.sub(r"[^\w.-]", "_", name)[-150:]).write_bytes(data)


def text(path):
    return (ROOT / path).read_text()


def plain(literal):
    return literal.encode().decode("unicode_escape", "ignore")


def literals(path):
    """The string literals of a file of Rust."""
    return [plain(found) for found in re.findall(r'"((?:[^"\\\n]|\\.)*)"', text(path)) if len(found) > 1]


def logs():
    for which, (agent, target) in enumerate((("claude-code", "claude_code"), ("codex", "codex"), ("gemini-cli", "gemini_cli"))):
        for path in (FIXTURES / "sources" / agent).rglob("*"):
            if not path.is_file() or ".expect." in path.name or path.suffix not in (".jsonl", ".json", ".zst"):
                continue
            data, name = path.read_bytes(), str(path.relative_to(FIXTURES))
            if path.suffix == ".zst":
                put("tail", name, data + b"\x81")
                continue
            put(target, name, data)
            put(target, name + ".1", data + b"\x07")
            put("json", name, data.split(b"\n")[0])
            put("tail", name, data + bytes([(3 if path.suffix == ".json" else which) + 4 * 20]))
            put("store", name, data + bytes([which + 3 * 10]))
    hostile = re.findall(r'^    r#"(\{.*\})"#,$', text("tests/it/hostile.rs"), re.M)
    for i, line in enumerate(hostile):
        put("json", f"hostile{i}", line.encode())
    for target in ("claude_code", "codex", "gemini_cli", "opencode"):
        put(target, "hostile", ("\n".join(hostile) + "\n").encode())


def joined(rows):
    """The rows of a database, each as the line that its reader makes of it (src/sources/table.rs)."""
    by_id = {table: {row["id"]: row for row in rows if row.get("table") == table} for table in ("session", "message")}
    for row in rows:
        if row.get("table") not in ("message", "part", "session_message"):
            continue
        line = {name: row[name] for name in ("table", "id", "type", "message_id", "session_id", "time_created") if row.get(name) is not None}
        wanted = ("parent_id", "directory", "version", "time_created", "fork_session_id")
        session = by_id["session"].get(row.get("session_id"), {})
        line["session"] = {name: session[name] for name in wanted if session.get(name) is not None}
        if row["table"] == "part":
            line["message"] = {"data": by_id["message"].get(row.get("message_id"), {}).get("data")}
            line["twins"] = 0
        elif row["table"] == "message":
            line["parts"] = any(other.get("message_id") == row["id"] for other in rows)
        else:
            line["older"] = any(other.get("table") == "message" and other.get("session_id") == row.get("session_id") for other in rows)
        yield json.dumps({**line, "data": row.get("data")}, separators=(",", ":")).encode()


def databases():
    for path in (FIXTURES / "sources/opencode").rglob("*.jsonl"):
        data = path.read_bytes()
        lines = data.split(b"\n")
        rows = list(joined([json.loads(line) for line in lines if line.strip()]))
        gone = b'{"table":"part","id":"prt_11","gone":true}'
        for how in (1, 2):
            put("opencode", f"{path.parent.name}_{path.stem}.{how}", b"\n".join([*rows, gone]) + b"\n" + bytes([how]))
        half = len(lines) // 2
        put("sqlite", path.name, data + b"\x01")
        put("sqlite", path.name + ".2", b"\n".join(lines[:half]) + BETWEEN + b"\n".join(lines[half:]) + b"\x01")
    with tempfile.TemporaryDirectory() as place:
        path = pathlib.Path(place) / "seed.db"
        conn = sqlite3.connect(path)
        conn.executescript("CREATE TABLE part (id text primary key, message_id, session_id, data);"
                           """INSERT INTO part VALUES ('p', 'm', 's', '{"type":"step-finish","tokens":{"input":1}}');""")
        conn.close()
        put("sqlite", "bytes", path.read_bytes() + b"\x00")


def gateways():
    answers = {path.stem: path.read_bytes() for path in (FIXTURES / "gateways/litellm").glob("*.json")}
    source = text("tests/it/gateways/litellm.rs")

    def constant(name):
        return re.search(rf'const {name}: &str = r#"(.*?)"#;', source, re.S).group(1).encode()

    team = json.loads(answers["team_info"])
    row = json.dumps([dict(team["team_info"], team_memberships=team.get("team_memberships"))]).encode()
    developer = [answers[name] for name in ("key_info", "user_info", "days", "tags", "keys", "team_info")]
    put("gateways", "developer", BETWEEN.join([*developer, constant("MEMBER"), constant("VERSION"), answers["calls"]]) + bytes([4, 0]))
    master = [constant("MASTER") + b"\xfe\x05", *(answers[name] for name in ("days", "tags", "keys", "users")), constant("LAST_USERS"), row,
              answers["customers"], answers["tag_budgets"], constant("VERSION"), answers["calls"]]
    put("gateways", "master", BETWEEN.join(master) + bytes([4, 0]))
    for name, data in answers.items():
        put("gateways", name, data + bytes([4, 0]))
    # The others' answers are built in their tests; a body with the members that they share answers a question of each.
    common = {"data": [{"id": "a", "hash": "h", "name": "n", "date": "2026-11-21", "starting_at": "2026-11-21T00:00:00Z", "start_time": 1795219200,
                        "results": [{"amount": {"value": "1.5", "currency": "usd"}, "input_tokens": 5, "model": "m", "line_item": "m, x"}],
                        "usage": {"output_tokens": "7"}, "cost": {"amount": "12.5"}}], "has_more": False,
              "usageEvents": [{"timestamp": "1795305600000", "userEmail": "a@b", "chargedCents": "1.5"}], "teamMemberSpend": [{"email": "a@b", "spendCents": 3}]}
    for which in range(1, 7):
        for how in (0, 4, 21):
            put("gateways", f"common{which}_{how}", json.dumps(common).encode() + bytes([how, which]))


def gpus():
    pages = {path.name: path.read_bytes() for path in (FIXTURES / "gpus").iterdir() if path.is_file()}
    for name, data in pages.items():
        if name.endswith(".prom"):
            put("exposition", name, data)
    put("exposition", "tgi", pages["tgi.prom"] + BETWEEN + pages["tgi_info.json"])
    put("exposition", "llama", BETWEEN.join(pages[name] for name in ("llama_cpp.prom", "llama_models.json", "llama_slots.json")))
    put("exposition", "ollama", BETWEEN + pages["ollama_ps.json"])
    put("prometheus", "query", pages["prometheus_query.json"])
    for name, page in pages.items():
        # What a Prometheus server would say of the same page.
        found = re.findall(r"^([\w:]+)(?:\{(.*)\})? ([^ ]+)", page.decode(), re.M) if name.endswith(".prom") else []
        samples = [{"metric": {"__name__": what, "instance": f"h{i % 2}:9400", **dict(re.findall(r'(\w+)="([^"]*)"', labels))}, "value": [1795305600.5, value]}
                   for i, (what, labels, value) in enumerate(found)]
        if samples:
            answer = {"status": "success", "data": {"resultType": "vector", "result": samples[:60]}}
            put("prometheus", name, json.dumps(answer, separators=(",", ":")).encode())
    for path in (FIXTURES / "gpus/nvidia_smi").glob("*.csv"):
        put("nvidia_smi", path.name, path.read_bytes())
    for path in (FIXTURES / "gpus/sysfs").glob("*.txt"):
        for i, found in enumerate(re.findall(r"^proc/\d+/fdinfo/\d+ = (.*)$", path.read_text(), re.M)):
            put("fdinfo", f"{path.stem}{i}", found.replace("\\n", "\n").encode())


def wires():
    source = text("tests/it/wires.rs")
    for which, (name, body) in enumerate(re.findall(r"const (ANTHROPIC|RESPONSES|CHAT|GEMINI): &str = concat!\((.*?)\n\);", source, re.S)):
        stream = "".join(map(plain, re.findall(r'"((?:[^"\\]|\\.)*)"', body))).encode()
        for size in (0, 5):
            put("wires", f"{name}{size}", stream + bytes([which + 4 * size]))
    for i, found in enumerate(re.findall(r'r#"(.*?)"#', source, re.S)):
        put("wires", f"raw{i}", found.encode() + bytes([i % 4]))


def prices():
    """A book of each shape of line that the built-in one has, and lists as they are fetched, with a field of each kind."""
    lines = text("src/pricing/book.tsv").splitlines()
    head, shapes = [line for line in lines if line.startswith("#") and not line.startswith("# models")], {}
    for line in lines[len(head) + 1:]:
        shapes.setdefault(re.sub(r"[\d.]+", "N", line.split("\t", 1)[1]), line)
    for i, line in enumerate(shapes.values()):
        put("prices", f"shape{i}", "\n".join([*head, "# models: 1", line, ""]).encode() + b"\x01")
    kinds = ("input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost", "cache_creation_input_token_cost",
             "cache_creation_input_token_cost_above_1hr")
    usual = {"litellm_provider": "openai", "mode": "chat", "max_input_tokens": 200000, kinds[0]: 1.25e-06, kinds[1]: 1e-05}
    for behind in ("", "_above_200k_tokens", "_priority", "_flex", "_batches", "_above_272k_tokens_priority"):
        put("prices", f"list{behind}", json.dumps({"gpt-5": {**usual, **{kind + behind: 2.5e-07 for kind in kinds}}}).encode() + b"\x00")
    search = {"search_context_cost_per_query": {"search_context_size_medium": 0.01}, "input_cost_per_token_cache_hit": "1e-7"}
    put("prices", "search", json.dumps({"sample_spec": usual, "claude-x": {**usual, **search}, "junk": 7}).encode() + b"\x02")
    for i, found in enumerate(re.findall(r'r#"(.*?)"#', text("tests/it/pricing/books.rs"), re.S)):
        put("prices", f"raw{i}", found.encode() + b"\x00")


def hooks():
    """What each agent asks at each moment."""
    events = ("UserPromptSubmit", "PreToolUse", "PostToolUse", "PostToolBatch", "BeforeAgent", "BeforeModel", "chat.params", "SessionStart")
    for i, event in enumerate(events):
        question = {"session_id": "s1", "transcript_path": "/h/p/s1.jsonl", "cwd": "/w", "hook_event_name": event, "prompt": "say \"hi\"\n",
                    "tool_name": "Bash", "tool_use_id": "t1", "tool_input": {"command": "ls"}, "agent_id": "a1", "turn_id": "t", "model": "m"}
        for which in range(4):
            put("hook", f"{event}{which}", json.dumps(question).encode() + bytes([which + 4 * (i % 6)]))


def words():
    for target, path, last in (("money", "tests/it/money.rs", b""), ("words", "tests/it/pricing/names.rs", b""), ("text", "src/model/text.rs", b"\x14"),
                               ("text", "src/model/remote.rs", b"\x14"), ("config", "tests/it/config/edit.rs", b"\x00"),
                               ("config", "tests/it/config/broken.rs", b"\x07"), ("policy", "tests/it/config/policy.rs", b"\x01"),
                               ("settings", "tests/it/guards/round_trips.rs", b"\x01"), ("guards", "tests/it/guards/round_trips.rs", b"\x00"),
                               ("prices", "tests/it/pricing/books.rs", b"\x00"), ("hook", "src/guards/ask.rs", b"\x00"),
                               ("statusline", "src/cli/statusline/template.rs", b"")):
        for i, found in enumerate(literals(path)):
            put(target, f"{pathlib.Path(path).stem}{i}", found.encode("utf-8", "ignore") + last)
    for path in (ROOT / "themes").glob("*.toml"):
        put("themes", path.name, path.read_bytes())


def single():
    """Those that no fixture gives."""
    questions = {"claude": {"session_id": "s1", "transcript_path": "/h/s1.jsonl", "cwd": "/w", "hook_event_name": "PostToolBatch", "tool_calls": [{"tool_use_id": "toolu_1"}]},
                 "codex": {"session_id": "s1", "turn_id": "t", "cwd": "/w", "hook_event_name": "UserPromptSubmit"},
                 "gemini": {"session_id": "s1", "cwd": "/w", "hook_event_name": "BeforeModel"}, "opencode": {"hook_event_name": "chat.params", "session_id": "ses_1"}}
    for which, (name, question) in enumerate(questions.items()):
        put("hook", name, json.dumps(question).encode() + bytes([which]))
    line = {"session_id": "s", "transcript_path": "/t.jsonl", "cwd": "/w", "model": {"id": "m", "display_name": "M"}, "cost": {"total_cost_usd": 0.25},
            "context_window": {"used_percentage": 34.56}, "rate_limits": {"five_hour": {"used_percentage": 92, "resets_at": 1795309200}, "seven_day": {"used_percentage": 36.04}}}
    put("statusline", "whole", json.dumps(line).encode() + BETWEEN + b"{session} {5h} {model}")
    put("span", "lines", b"a\nbb\n\nccc ccc ccc\nd\neeeeee\nlast without newline\x00\x02")
    for i, config in enumerate(("", "a = 1\n", "a = 1 # why\n\n# last\n", "a = 1\r\n[b]\r\nc = 2\r\n", "[hooks.state]\n", "hooks = { state = {} }\n")):
        put("guards", f"codex{i}", b"{}" + BETWEEN + config.encode() + b"\x01")
    archive = [{"aifinops_history": 1, "schema": 5, "version": "0.1.0", "machine": "desk", "at": 1795000000000},
               {"session": {"agent": "codex", "uid": "t", "first": 1, "last": 9, "cwd": "/w", "cwd_at": 1}}, {"session": {"agent": "claude-code", "uid": "s"}},
               {"call": {"key": "00000000000000aa", "session": 0, "task": "0000000000000001", "at": 5, "model": "gpt-5", "input": 10, "output": 3,
                         "also": [{"session": 1, "task": "0000000000000002"}]}},
               {"fact": {"key": "00000000000000bb", "session": 1, "task": "0000000000000002", "at": 6, "kind": 1, "name": "Bash"}},
               {"limit": {"session": 0, "minutes": 300, "at": 5, "permille": 420}}, {"end": {"sessions": 2, "calls": 1, "facts": 1, "limits": 1}}]
    put("archive", "small", "".join(json.dumps(part) + "\n" for part in archive).encode() + b"\x00")


def main():
    for make in (logs, databases, gateways, gpus, wires, prices, hooks, words, single):
        make()
    # What once broke a parser is a good beginning as well.
    for path in (ROOT / "tests/fuzz/found").rglob("*"):
        if path.is_file():
            put(path.parent.name, "found_" + path.name, path.read_bytes())
    for place in sorted(OUT.iterdir()):
        print(f"{place.name}: {len(list(place.iterdir()))}")


if __name__ == "__main__":
    main()
