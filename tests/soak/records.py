"""What each agent writes, with room for what is out of measure.

A line is a list of pieces: each is bytes and how often they are repeated, or a function that gives the bytes of each time. So no line
has to be held, but where a database is written, and that another process does.
"""
import collections
import itertools
import multiprocessing
import re
import sqlite3

import world

BEGIN = 1_772_438_400  # 2026-03-02, 08:00 UTC
# What an agent writes: where, what first, a call, a message with room in it (of some it is a call) and a block for that, and the same
# of tools, where one message may have many.
Agent = collections.namedtuple("Agent", "name path head call message block tools tool", defaults=(None, None))
CODEX_HEAD = ['{"timestamp":"<at>","type":"session_meta","payload":{"id":"<name>","timestamp":"<at>","cwd":"/work/app"}}',
              '{"timestamp":"<at>","type":"turn_context","payload":{"turn_id":"turn","model":"<name>"}}']
CODEX_CALL = ('{"timestamp":"<at>","type":"event_msg","payload":{"type":"token_count","info":{"total_token_usage":{"input_tokens":<sum>,"output_tokens":'
              '<n>0,"total_tokens":<total>},"last_token_usage":{"input_tokens":100,"output_tokens":10,"total_tokens":110}}}}')
CODEX_MESSAGE = '{"timestamp":"<at>","type":"response_item","payload":{"type":"message","role":"assistant","content":[<room>]}}'
CLAUDE = ('{"type":"assistant","uuid":"<name>-<n>","sessionId":"<name>","timestamp":"<at>","message":{"id":"msg_<name>_<n>","model":"<name>","role":'
          '"assistant","stop_reason":"end_turn","content":[<room>],"usage":{"input_tokens":<input>,"output_tokens":10}}}')
GEMINI = ('{"id":"<name>-<n>","timestamp":"<at>","type":"gemini","content":[<room>],"toolCalls":[],"model":"<name>","tokens":{"input":<input>,'
          '"output":10,"cached":0,"thoughts":0,"tool":0}}')
GEMINI_HEAD = '{"sessionId":"<name>","startTime":"<at>","lastUpdated":"<at>","kind":"main"'
GEMINI_TOOLS = GEMINI.replace("[<room>]", '""').replace("[]", "[<room>]")
# The part of a message that tells what it took. The message itself is written with it.
STEP = '{"type":"step-finish","text":[<room>],"tokens":{"input":<input>,"output":10,"reasoning":0,"cache":{"read":0,"write":0}}}'
CODEX_PLACE = ".codex/sessions/2026/03/02/rollout-2026-03-02T08-00-00-<name>.jsonl"
GEMINI_PLACE = ".gemini/tmp/app/chats/session-2026-03-02T08-00-<name>.json"
CODEX_BLOCK, GEMINI_BLOCKS = '{"type":"output_text"}', ('{"text":"."}', GEMINI_TOOLS, '{"id":"%05x"}')
AGENTS = [
    Agent("claude-code", ".claude/projects/-work-app/<name>.jsonl", [], CLAUDE, CLAUDE, '{"type":"text","text":"."}', CLAUDE, '{"type":"tool_use","id":"%05x"}'),
    Agent("codex", CODEX_PLACE, CODEX_HEAD, CODEX_CALL, CODEX_MESSAGE, CODEX_BLOCK),
    Agent("codex, compressed", CODEX_PLACE + ".zst", CODEX_HEAD, CODEX_CALL, CODEX_MESSAGE, CODEX_BLOCK),
    Agent("gemini-cli", GEMINI_PLACE + "l", [GEMINI_HEAD + "}"], GEMINI, GEMINI, *GEMINI_BLOCKS),
    Agent("gemini-cli, a document", GEMINI_PLACE, [GEMINI_HEAD + ',"messages":['], GEMINI, GEMINI, *GEMINI_BLOCKS),
    Agent("opencode", ".local/share/opencode/opencode-<name>.db", [], STEP, STEP, '{"type":"text"}'),
]


def fill(template, name, n, room=(), odd=None):
    """A record as a line. `odd` stands where a number of tokens should."""
    values = {"name": name, "n": n, "at": world.stamp(BEGIN + n), "input": odd or 100, "sum": odd or n * 100, "total": n * 110}
    first, *rest = re.sub("<(name|n|at|input|sum|total)>", lambda found: str(values[found[1]]), template).encode().split(b"<room>")
    return [(first, 1), *(piece for last in rest for piece in [*room, (last, 1)])]


def blocks(block, count):
    """So many of a block, each with an id of its own if it has one."""
    more = (lambda i: (block % i + ",").encode()) if "%" in block else block.encode() + b","
    return [(more, count - 1), ((block % count if "%" in block else block).encode(), 1)]


def chunks(line):
    """The bytes of a line, some at a time."""
    for piece, times in line:
        step = 4096 if callable(piece) else max(1, (64 << 10) // len(piece))
        for at in range(0, times, step):
            some = min(step, times - at)
            yield b"".join(map(piece, range(at, at + some))) if callable(piece) else piece * some


def write(path, lines):
    """Writes lines as the agent of such a file does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".db":
        writer = multiprocessing.get_context("fork").Process(target=write_rows, args=(path, lines))
        writer.start()
        writer.join()
        assert writer.exitcode == 0, f"the rows of {path} could not be written"
    elif path.suffix == ".zst":
        with path.open("wb") as file:
            file.writelines(frame(lines))
    else:
        with path.open("ab") as file:
            for i, line in enumerate(lines):
                end = b"\n" if path.suffix == ".jsonl" else b"]}" if i == len(lines) - 1 else b"," if i else b""
                file.writelines(itertools.chain(chunks(line), [end]))


def write_rows(path, lines):
    """The rows of a database: with each part its message."""
    base = sqlite3.connect(path)
    base.executescript(re.search('const SCHEMA: &str = "(.*?)";', (world.ROOT / "tests/it/opencode_db.rs").read_text(), re.S)[1])
    session, model, at = "ses_" + path.stem[-36:], path.stem[-36:], BEGIN * 1000
    base.execute("INSERT INTO session (id, project_id, slug, directory, title, version, time_created, time_updated) VALUES (?, '', '', '/w', '', '1.18.0', ?, ?)",
                 (session, at, at))
    for n, line in enumerate(lines, 1):
        at += 1000
        message = f'{{"role":"assistant","modelID":"{model}","providerID":"x","time":{{"created":{at},"completed":{at}}}}}'
        base.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?)", (f"msg_{n}", session, at, at, message))
        base.execute("INSERT INTO part VALUES (?, ?, ?, ?, ?, CAST(? AS TEXT))", (f"prt_{n}", f"msg_{n}", session, at, at, b"".join(chunks(line))))
    base.commit()


def frame(lines):
    """A frame of zstd, of blocks that are stored and blocks of one byte that is repeated."""
    block = lambda kind, size, data: (kind << 1 | size << 3).to_bytes(3, "little") + data
    most = 128 << 10
    yield b"\x28\xb5\x2f\xfd\x00\x58"
    for piece, times in (piece for line in lines for piece in [*line, (b"\n", 1)]):
        if callable(piece) or len(set(piece)) > 1:
            yield from (block(0, len(chunk[at:at + most]), chunk[at:at + most]) for chunk in chunks([(piece, times)]) for at in range(0, len(chunk), most))
        else:
            yield from (block(1, min(most, len(piece) * times - at), piece[:1]) for at in range(0, len(piece) * times, most))
    yield b"\x01\x00\x00"  # the last one, of nothing
