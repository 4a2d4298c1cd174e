#!/usr/bin/env python3
"""A scripted model server for real agents: no network, no bill, every answer known beforehand.

Speaks Anthropic Messages, OpenAI Responses, OpenAI Chat Completions and Gemini, streaming and plain. What it answers
is written in the prompt (the last user text that holds one of these words):

  LOOP n      asks for a shell tool n times, then ends
  RUNAWAY     asks for a shell tool for ever, with other arguments each time
  WIDE n      asks for n tools in each answer
  FAILING     the tools that are asked for fail
  ORPHAN      the tool leaves a process behind, whose number it writes to orphan.pid, and takes eight seconds
  UNKNOWN     asks for a tool that does not exist
  IDLE        where the tool runs code (Codex), the code uses no tool
  DELEGATE    asks for a subagent first, whose prompt is the rest of the line; WIDE n DELEGATE for n at once

A request with a shell tool is a `main` call, any other (titles, summaries) a `side` call. `GET /__stats` counts both;
every request is a line of JSON in --log. All calls have the same usage, settable by --usage, so that a known price
makes a known cost: cost of n main calls = n x cost of one.
"""
import argparse
import gzip
import json
import re
import sys
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOCK = threading.Lock()
STATE = {"main": 0, "side": 0, "seq": 0}
USAGE = {"input": 1000, "cache_read": 0, "cache_write": 0, "output": 100}
OPTIONS = None

SHELLS = ["Bash", "bash", "exec_command", "shell_command", "shell", "run_shell_command", "exec"]
DELEGATES = ["Agent", "Task", "task", "spawn_agent", "generalist"]
DIRECTIVE = re.compile(r"\b(LOOP\s+\d+|RUNAWAY|WIDE\s+\d+|FAILING|ORPHAN|UNKNOWN|IDLE|DELEGATE)\b")


def text_of(content):
    """The text of a message, without tool results."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(text_of(part) for part in content)
    if isinstance(content, dict) and content.get("type") not in ("tool_result", "tool_use"):
        return text_of(content.get("text") or content.get("content") or "")
    return ""


def plan(turns):
    """turns: (kind, text) with kind user|call|other. Gives the directives in force and the calls made since."""
    for at in range(len(turns) - 1, -1, -1):
        kind, text = turns[at]
        if kind == "user" and DIRECTIVE.search(text):
            found = {word.split()[0]: int((word.split() + ["0"])[1]) for word in DIRECTIVE.findall(text)}
            return found, sum(1 for turn in turns[at:] if turn[0] == "call"), text
    return {}, 0, ""


def arguments(schema, command, prompt):
    """The smallest arguments that a tool's schema takes."""
    def value(name, kind):
        kind = kind or {}
        sort = kind.get("type")
        sort = str(sort[0] if isinstance(sort, list) and sort else sort).lower()
        if kind.get("enum"):
            return "general-purpose" if "general-purpose" in kind["enum"] else kind["enum"][0]
        if name in ("command", "cmd"):
            return ["bash", "-lc", command] if sort == "array" else command
        if name == "subagent_type":
            return OPTIONS.subagent
        if name in ("prompt", "message", "request"):
            return prompt
        if sort in ("integer", "number"):
            return int(kind.get("minimum", 1) or 1)
        return {"boolean": False, "array": [], "object": {}}.get(sort, "run")
    fields = (schema or {}).get("properties") or {}
    needed = list((schema or {}).get("required") or [])
    needed += [name for name in ("command", "cmd", "message") if name in fields and name not in needed][: 0 if needed else 1]
    return {name: value(name, fields.get(name)) for name in needed}


def decide(turns, tools):
    """What to answer: {"main", "calls": [(name, namespace, kind, arguments)], "text"}."""
    found, steps, prompt = plan(turns)
    by_name = {tool[0]: tool for tool in tools}
    shell = next((by_name[name] for name in SHELLS if name in by_name), None)
    with LOCK:
        STATE["main" if shell else "side"] += 1
        number = STATE["main"]
    answer = {"main": bool(shell), "calls": [], "text": "A title" if not shell else f"Done after {steps} steps."}
    if not shell:
        return answer
    rest = prompt.split("DELEGATE", 1)[-1].strip().splitlines()[0] if "DELEGATE" in prompt else ""
    delegate = next((by_name[name] for name in DELEGATES if name in by_name), None)
    if "DELEGATE" in found and delegate:
        if steps == 0:
            name, namespace, kind, schema = delegate
            answer["calls"] = [(name, namespace, kind, arguments(schema, "", rest)) for _ in range(max(1, found.get("WIDE", 1)))]
        return answer
    wide = max(1, found.get("WIDE", 1))
    limit = 10**9 if "RUNAWAY" in found else found.get("LOOP", 0) * wide
    if steps < limit:
        name, namespace, kind, schema = shell
        for part in range(wide):
            command = f"echo call-{number}-{part}" + ("; exit 3" if "FAILING" in found else "")
            if "ORPHAN" in found:
                command = "setsid sleep 987 >/dev/null 2>&1 & echo $! > orphan.pid; sleep 8"
            asked = ("no_such_tool", None, "function") if "UNKNOWN" in found else (name, namespace, kind)
            given = {"command": command, "idle": "IDLE" in found} if kind == "custom" else arguments(schema, command, "")
            answer["calls"].append((*asked, given))
    return answer


class Meeting:
    """Holds main calls until so many are under way at once, the first time only: so agents start their work together."""

    def __init__(self):
        self.wanted, self.here, self.met = 0, 0, threading.Event()

    def arrive(self):
        with LOCK:
            self.here += 1
            if self.here >= self.wanted:
                self.met.set()
        self.met.wait(30)


ALL_HERE = Meeting()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        if (self.headers.get("Transfer-Encoding") or "").lower() == "chunked":
            raw = b""
            while size := int(self.rfile.readline().split(b";")[0].strip() or b"0", 16):
                raw += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        packed = (self.headers.get("Content-Encoding") or "").lower()
        if packed == "gzip":
            return gzip.decompress(raw)
        return zlib.decompress(raw) if packed == "deflate" else raw

    def plain(self, status, value):
        raw = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def event(self, value, name=None):
        data = value if isinstance(value, str) else json.dumps(value)
        raw = ((f"event: {name}\n" if name else "") + f"data: {data}\n\n").encode()
        self.wfile.write(b"%x\r\n" % len(raw) + raw + b"\r\n")
        self.wfile.flush()

    def end(self):
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()
        # For whoever asks how long after the answer something was on disk.
        self.note(kind="answered", seq=self.seq)

    def note(self, **fields):
        with LOCK, open(OPTIONS.log, "a", encoding="utf-8") as log:
            log.write(json.dumps({"ts": round(time.time(), 4), "path": self.path, **fields}) + "\n")

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        if self.path == "/__stats":
            return self.plain(200, STATE)
        if self.path.split("?")[0].endswith("/models"):
            names = [{"id": OPTIONS.model, "object": "model", "type": "model", "display_name": OPTIONS.model}]
            return self.plain(200, {"object": "list", "data": names, "has_more": False, "models": []})
        return self.plain(404, {"error": {"type": "not_found_error", "message": "no such path"}})

    def do_POST(self):
        raw = self.body()
        path = self.path.split("?")[0]
        try:
            asked = json.loads(raw or b"{}")
        except ValueError:
            asked = {}
        with LOCK:
            STATE["seq"] += 1
            self.seq = STATE["seq"]
        gemini = re.search(r"/models/([^/:]+):(generateContent|streamGenerateContent|countTokens)$", path)
        try:
            if path.endswith("/messages/count_tokens"):
                return self.plain(200, {"input_tokens": len(raw) // 4 + 1})
            if path.endswith("/messages"):
                return self.speak_anthropic(asked)
            if path.endswith("/responses"):
                return self.speak_responses(asked)
            if path.endswith("/chat/completions"):
                return self.speak_chat(asked)
            if gemini:
                return self.speak_gemini(asked, gemini.group(1), gemini.group(2))
        except (BrokenPipeError, ConnectionResetError):
            return self.note(kind="gone", seq=self.seq)
        self.note(kind="other")
        return self.plain(404, {"error": {"type": "not_found_error", "message": "no such path"}})

    def decided(self, turns, tools):
        answer = decide(turns, tools)
        if answer["main"]:
            ALL_HERE.arrive()
        self.note(kind="main" if answer["main"] else "side", seq=self.seq, asks=[call[0] for call in answer["calls"]], tools=sorted(t[0] for t in tools)[:40])
        time.sleep(OPTIONS.delay)
        return answer

    def speak_anthropic(self, asked):
        turns = []
        for message in asked.get("messages") or []:
            content = message.get("content")
            if message.get("role") == "user":
                turns.append(("user", text_of(content)))
            else:
                blocks = content if isinstance(content, list) else []
                turns += [("call", "") for block in blocks if block.get("type") == "tool_use"]
        tools = [(t["name"], None, "function", t.get("input_schema")) for t in asked.get("tools") or [] if t.get("input_schema")]
        answer = self.decided(turns, tools)
        usage = {"input_tokens": USAGE["input"], "cache_read_input_tokens": USAGE["cache_read"],
                 "cache_creation_input_tokens": USAGE["cache_write"], "output_tokens": USAGE["output"]}
        blocks = [{"type": "tool_use", "id": f"toolu_{self.seq:06}{at}", "name": call[0], "input": call[3]} for at, call in enumerate(answer["calls"])]
        blocks = [{"type": "text", "text": "Next." if blocks else answer["text"]}] + blocks
        stop = "tool_use" if answer["calls"] else "end_turn"
        message = {"id": f"msg_{self.seq:06}", "type": "message", "role": "assistant", "model": asked.get("model"), "content": blocks,
                   "stop_reason": stop, "stop_sequence": None, "usage": usage}
        if not asked.get("stream"):
            return self.plain(200, message)
        self.stream()
        begun = dict(message, content=[], stop_reason=None, usage=dict(usage, output_tokens=1))
        self.event({"type": "message_start", "message": begun}, "message_start")
        for at, block in enumerate(blocks):
            if block["type"] == "text":
                empty, delta = dict(block, text=""), {"type": "text_delta", "text": block["text"]}
            else:
                empty, delta = dict(block, input={}), {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            self.event({"type": "content_block_start", "index": at, "content_block": empty}, "content_block_start")
            self.event({"type": "content_block_delta", "index": at, "delta": delta}, "content_block_delta")
            self.event({"type": "content_block_stop", "index": at}, "content_block_stop")
            time.sleep(OPTIONS.gap)
        self.event({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": usage}, "message_delta")
        self.event({"type": "message_stop"}, "message_stop")
        self.end()

    def speak_responses(self, asked):
        turns = []
        given = asked.get("input")
        for item in [{"role": "user", "content": given}] if isinstance(given, str) else given or []:
            kind = item.get("type", "message")
            if kind == "message" and item.get("role") == "user":
                turns.append(("user", text_of(item.get("content"))))
            elif kind in ("function_call", "custom_tool_call"):
                turns.append(("call", ""))
        tools = []

        def gather(listed, namespace=None):
            for tool in listed or []:
                if tool.get("type") == "namespace":
                    gather(tool.get("tools"), tool.get("name"))
                elif tool.get("type") in ("function", "custom"):
                    tools.append((tool.get("name"), namespace, tool["type"], tool.get("parameters")))

        gather(asked.get("tools"))
        # Models that run code get their tools as a part of the conversation.
        for item in given if isinstance(given, list) else []:
            if item.get("type") == "additional_tools":
                gather(item.get("tools"))
        answer = self.decided(turns, tools)
        read = USAGE["input"] + USAGE["cache_read"]
        usage = {"input_tokens": read, "input_tokens_details": {"cached_tokens": USAGE["cache_read"]}, "output_tokens": USAGE["output"],
                 "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": read + USAGE["output"]}
        items = []
        for at, (name, namespace, kind, args) in enumerate(answer["calls"]):
            item = {"id": f"fc_{self.seq:06}{at}", "call_id": f"call_{self.seq:06}{at}", "name": name, "status": "completed"}
            if kind == "custom":
                code = f'text("call-{self.seq}")' if args.get("idle") else \
                    f'const r = await tools.exec_command({{cmd:{json.dumps(args["command"])}}}); text(JSON.stringify(r));'
                item |= {"type": "custom_tool_call", "input": code}
            else:
                item |= {"type": "function_call", "arguments": json.dumps(args)}
            items.append(item | ({"namespace": namespace} if namespace else {}))
        if not items:
            items = [{"type": "message", "id": f"msg_{self.seq:06}", "status": "completed", "role": "assistant",
                      "content": [{"type": "output_text", "text": answer["text"], "annotations": []}]}]
        base = {"id": f"resp_{self.seq:06}", "object": "response", "created_at": int(time.time()), "model": asked.get("model"), "output": []}
        done = dict(base, status="completed", output=items, usage=usage)
        if not asked.get("stream"):
            return self.plain(200, done)
        self.stream()
        self.event({"type": "response.created", "response": dict(base, status="in_progress", usage=None)}, "response.created")
        for at, item in enumerate(items):
            self.event({"type": "response.output_item.added", "output_index": at, "item": item}, "response.output_item.added")
            self.event({"type": "response.output_item.done", "output_index": at, "item": item}, "response.output_item.done")
            time.sleep(OPTIONS.gap)
        self.event({"type": "response.completed", "response": done}, "response.completed")
        self.end()

    def speak_chat(self, asked):
        turns = []
        for message in asked.get("messages") or []:
            if message.get("role") == "user":
                turns.append(("user", text_of(message.get("content"))))
            turns += [("call", "")] * len(message.get("tool_calls") or [])
        tools = [(t["function"]["name"], None, "function", t["function"].get("parameters")) for t in asked.get("tools") or [] if t.get("function")]
        answer = self.decided(turns, tools)
        read = USAGE["input"] + USAGE["cache_read"]
        usage = {"prompt_tokens": read, "completion_tokens": USAGE["output"], "total_tokens": read + USAGE["output"],
                 "prompt_tokens_details": {"cached_tokens": USAGE["cache_read"]}}
        calls = [{"index": at, "id": f"call_{self.seq:06}{at}", "type": "function", "function": {"name": call[0], "arguments": json.dumps(call[3])}}
                 for at, call in enumerate(answer["calls"])]
        why = "tool_calls" if calls else "stop"
        base = {"id": f"chatcmpl-{self.seq:06}", "created": int(time.time()), "model": asked.get("model")}
        if not asked.get("stream"):
            message = {"role": "assistant", "content": answer["text"], **({"tool_calls": calls} if calls else {})}
            return self.plain(200, {**base, "object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": why}], "usage": usage})
        self.stream()
        chunk = {**base, "object": "chat.completion.chunk"}
        delta = {"role": "assistant", "content": "" if calls else answer["text"], **({"tool_calls": calls} if calls else {})}
        self.event({**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        self.event({**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": why}]})
        self.event({**chunk, "choices": [], "usage": usage})
        self.event("[DONE]")
        self.end()

    def speak_gemini(self, asked, model, verb):
        if verb == "countTokens":
            return self.plain(200, {"totalTokens": 1000})
        turns = []
        for message in asked.get("contents") or []:
            parts = message.get("parts") or []
            if message.get("role") == "model":
                turns += [("call", "") for part in parts if "functionCall" in part]
            else:
                turns.append(("user", "\n".join(part.get("text", "") for part in parts)))
        tools = [(f["name"], None, "function", f.get("parametersJsonSchema") or f.get("parameters"))
                 for t in asked.get("tools") or [] for f in t.get("functionDeclarations") or []]
        answer = self.decided(turns, tools)
        read = USAGE["input"] + USAGE["cache_read"]
        usage = {"promptTokenCount": read, "candidatesTokenCount": USAGE["output"], "totalTokenCount": read + USAGE["output"],
                 "cachedContentTokenCount": USAGE["cache_read"]}
        parts = [{"functionCall": {"name": call[0], "args": call[3], "id": f"call_{self.seq:06}{at}"}} for at, call in enumerate(answer["calls"])]
        wants = (asked.get("generationConfig") or {}).get("responseJsonSchema")
        text = "{}" if wants else answer["text"]
        whole = {"candidates": [{"content": {"role": "model", "parts": parts or [{"text": text}]}, "finishReason": "STOP", "index": 0}],
                 "usageMetadata": usage, "modelVersion": model, "responseId": f"resp_{self.seq:06}"}
        if verb == "generateContent":
            return self.plain(200, whole)
        self.stream()
        self.event(whole)
        self.end()


def usage(text):
    for pair in text.split(","):
        name, _, number = pair.partition("=")
        if name not in USAGE:
            raise argparse.ArgumentTypeError(f"{name}: one of {', '.join(USAGE)}")
        USAGE[name] = int(number)
    return text


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8399)
    parser.add_argument("--log", default="/dev/null", help="a line of JSON per request")
    parser.add_argument("--usage", type=usage, help="tokens of each call: input=1000,cache_read=0,cache_write=0,output=100")
    parser.add_argument("--delay", type=float, default=0.05, help="seconds before each answer")
    parser.add_argument("--gap", type=float, default=0.0, help="seconds between the parts of an answer")
    parser.add_argument("--model", default="mock-model", help="the one model that is listed")
    parser.add_argument("--subagent", default="general-purpose", help="the kind of subagent that DELEGATE asks for")
    parser.add_argument("--together", type=int, default=0, help="hold the first main calls until so many agents have made one")
    OPTIONS = parser.parse_args()
    ALL_HERE.wanted = OPTIONS.together
    server = Server(("127.0.0.1", OPTIONS.port), Handler)
    print(server.server_port, flush=True)
    sys.exit(server.serve_forever())
