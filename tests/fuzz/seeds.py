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


def databases():
    for path in (FIXTURES / "sources/opencode").rglob("*.jsonl"):
        data = path.read_bytes()
        lines = data.split(b"\n")
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
    for make in (logs, databases, gateways, gpus, wires, words, single):
        make()
    # What once broke a parser is a good beginning as well.
    for path in (ROOT / "tests/fuzz/found").rglob("*"):
        if path.is_file():
            put(path.parent.name, "found_" + path.name, path.read_bytes())
    for place in sorted(OUT.iterdir()):
        print(f"{place.name}: {len(list(place.iterdir()))}")


if __name__ == "__main__":
    main()
