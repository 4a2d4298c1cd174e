#!/usr/bin/env python3
"""What the gateway calls instead of Anthropic and OpenAI: no network, no bill, usage as the caller wants it.

It is tests/agents/mock_llm.py (Messages, Responses and Chat Completions, streaming and plain; it does what the prompt says),
and takes beside that a JSON object in the last text of the user that has one:

  {"in": 100, "cached": 0, "write": 0, "write1h": 0, "out": 20, "reasoning": 0}   tokens of this call
  {"grow": 500}                 more `in` with every step of a task, as its prompt grows
  {"fail": 429}                 this status instead of an answer
  {"tier": "priority"}          the service tier that the answer names
  {"wait": 0.5}                 seconds before the answer

`in` are tokens that no cache had, on all wires; what is missing has the value above. Every call is a line of JSON in --log.
"""
import argparse
import json
import pathlib
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "agents"))

import mock_llm  # noqa: E402

PLAIN = {"in": 100, "cached": 0, "write": 0, "write1h": 0, "out": 20, "reasoning": 0, "grow": 0, "fail": 0, "tier": None, "wait": 0}
CALL = threading.local()
FAILURES = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 429: "rate_limit_error", 529: "overloaded_error"}


def asked_for(text):
    """The last JSON object in a text that has one of our names."""
    decoder, found, at = json.JSONDecoder(), None, text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except ValueError:
            value, end = None, at + 1
        if isinstance(value, dict) and PLAIN.keys() & value.keys():
            found = value
        at = text.find("{", end)
    return found


def plan_of(body):
    """What the last text of the user that says so wants; what tools answer does not count."""
    given = body.get("messages") or body.get("input") or []
    given = [{"role": "user", "content": given}] if isinstance(given, str) else given
    for at in range(len(given) - 1, -1, -1):
        if given[at].get("role") == "user" and (found := asked_for(mock_llm.text_of(given[at].get("content")))):
            plan = PLAIN | found
            return plan | {"in": plan["in"] + plan["grow"] * (len(given) - 1 - at)}
    return dict(PLAIN)


class Usage:
    """The tokens of the call that this thread answers, under the names of mock_llm."""

    def __getitem__(self, name):
        plan = CALL.plan
        return {"input": plan["in"], "cache_read": plan["cached"], "cache_write": plan["write"] + plan["write1h"], "output": plan["out"]}[name]


def complete(value):
    """Adds what mock_llm leaves out of an answer: the split of the caches, thinking, the tier."""
    if isinstance(value, list):
        for part in value:
            complete(part)
    if not isinstance(value, dict):
        return value
    for part in value.values():
        complete(part)
    plan, usage = CALL.plan, value.get("usage")
    if isinstance(usage, dict):
        if "cache_creation_input_tokens" in usage:
            usage["cache_creation"] = {"ephemeral_5m_input_tokens": plan["write"], "ephemeral_1h_input_tokens": plan["write1h"]}
            usage["service_tier"] = plan["tier"] or "standard"
        elif "completion_tokens" in usage:
            usage["completion_tokens_details"] = {"reasoning_tokens": plan["reasoning"]}
        elif "output_tokens_details" in usage:
            usage["output_tokens_details"]["reasoning_tokens"] = plan["reasoning"]
    if plan["tier"] and (value.get("object") in ("response", "chat.completion", "chat.completion.chunk")):
        value["service_tier"] = plan["tier"]
    return value


class Handler(mock_llm.Handler):
    def body(self):
        """Once per call, before mock_llm looks at it: so the plan is made here."""
        raw = super().body()
        try:
            asked = json.loads(raw or b"{}")
        except ValueError:
            asked = {}
        CALL.plan = plan_of(asked)
        with mock_llm.LOCK, open(mock_llm.OPTIONS.log, "a", encoding="utf-8") as log:
            log.write(json.dumps({"ts": round(time.time(), 4), "kind": "call", "path": self.path, "model": asked.get("model"), "plan": CALL.plan}) + "\n")
        time.sleep(CALL.plan["wait"])
        return raw

    def refused(self):
        status = CALL.plan["fail"]
        error = {"type": FAILURES.get(status, "api_error"), "message": f"the scripted upstream answers {status}"}
        if "/messages" in self.path:
            return super().plain(status, {"type": "error", "error": error})
        return super().plain(status, {"error": {**error, "code": error["type"], "param": None}})

    def speak_anthropic(self, asked):
        return self.refused() if CALL.plan["fail"] else super().speak_anthropic(asked)

    def speak_responses(self, asked):
        return self.refused() if CALL.plan["fail"] else super().speak_responses(asked)

    def speak_chat(self, asked):
        return self.refused() if CALL.plan["fail"] else super().speak_chat(asked)

    def plain(self, status, value):
        return super().plain(status, complete(value) if hasattr(CALL, "plan") else value)

    def event(self, value, name=None):
        return super().event(complete(value), name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=4119)
    parser.add_argument("--log", default="/dev/null", help="a line of JSON per call")
    options = parser.parse_args()
    # mock_llm's own options, which its command line would have set.
    mock_llm.OPTIONS = argparse.Namespace(log=options.log, delay=0, gap=0, model="claude-opus-5-5", subagent="general-purpose")
    mock_llm.USAGE = Usage()
    # Ids are made of a number that counts; LiteLLM keeps rows by id, so a server that begins again must not begin at 1.
    mock_llm.STATE["seq"] = int(time.time() * 1000)
    server = mock_llm.Server(("127.0.0.1", options.port), Handler)
    print(server.server_port, flush=True)
    sys.exit(server.serve_forever())
