#!/usr/bin/env python3
"""Proves on real agents and a real gateway that every cent of a difference is named: prove.py [--binary FILE] [PROOF...]

A Codex and a Claude Code work through the gateway that up.sh has brought up, their logs lie in a home of their own, and
`aifinops gateway reconcile` must find no difference. Then one fault at a time is provoked, each with a user, a home and
agents of its own, and must be named as what it is, with the amount that it makes:

{proofs}

One line per proof; the exit status is 1 if one fails. Agents come from tests/agents/install.sh.
"""
import argparse
import json
import os
import pathlib
import sys
import time

sys.dont_write_bytecode = True

from gateway import Gateway, binary, quoted  # noqa: E402
from scene import Scene  # noqa: E402

# Models that all releases of LiteLLM have prices for.
CLAUDE_MODEL, CODEX_MODEL = "claude-sonnet-4-5", "gpt-5.2-codex"
CLAUDE_PLAN = {"in": 900, "cached": 4000, "write": 350, "out": 60, "grow": 70}
CODEX_PLAN = {"in": 1100, "cached": 2500, "out": 80, "reasoning": 30, "grow": 90}
# Answers to one prompt, for what is counted by hand.
ONE = {"in": 1000, "out": 100}
EQUAL = ("same", "rounding")


def work(scene, claude=True, codex=True):
    """Three calls of each agent, through the gateway."""
    if claude:
        scene.agent(scene.options.claude, CLAUDE_MODEL, "LOOP 2", CLAUDE_PLAN)
    if codex:
        scene.agent(scene.options.codex, CODEX_MODEL, "LOOP 2", CODEX_PLAN)


def price(gateway, model, plan):
    """What a call without caches costs at the gateway, in billionths of a dollar."""
    about = next(entry["model_info"] for entry in gateway.ask("GET", "/model/info")["data"] if entry["model_name"] == model)
    return round((plan["in"] * about["input_cost_per_token"] + plan["out"] * about["output_cost_per_token"]) * 1e9)


class Wrong(Exception):
    """A proof that failed, and how."""


def same(what, found, wanted):
    if found != wanted:
        raise Wrong(f"{what} is {found}, not {wanted}")


def named(scene, wanted, local, gateway):
    """The one class that is found is the one that is wanted, with its calls and amount, and the sums are right."""
    found = scene.reconciled()
    classes = {(entry["class"], entry.get("why")): (entry["calls"], abs(entry["nano_usd"])) for entry in found["classes"] if entry["calls"] and entry["class"] not in EQUAL}
    same("what differs", classes, wanted)
    same("the local sum", found["local"]["nano_usd"], local)
    same("the gateway's sum", found["gateway_total"]["nano_usd"], gateway)
    same("the difference", abs(found["difference"]["nano_usd"]), abs(local - gateway))
    told = ", ".join(f"{kind} ({why})" if why else kind for kind, why in wanted) or "no difference"
    return f"{told}, {sum(calls for calls, _ in wanted.values())} calls, ${abs(local - gateway) / 1e9:.9f}"


def total(rows):
    return sum(row["nano"] for row in rows)


# The proofs: each has a scene, and gives the line that is printed.

def agree(scene):
    """both agents, three calls each: no difference"""
    work(scene)
    rows = scene.rows()
    same("the gateway's rows", len(rows), 6)
    said = named(scene, {}, total(rows), total(rows))
    return f"{len(rows)} calls, ${total(rows) / 1e9:.9f} on both sides; {said}"


def bypassed(scene):
    """a session around the gateway: only-local, bypassed"""
    work(scene)
    scene.agent(scene.options.claude, CLAUDE_MODEL, "Hello", ONE, url=scene.gateway.upstream)
    rows, cost = scene.rows(), price(scene.gateway, CLAUDE_MODEL, ONE)
    return named(scene, {("only-local", "bypassed"): (1, cost)}, total(rows) + cost, total(rows))


def row_lost(scene):
    """a row that the gateway lost: only-local, row-lost"""
    work(scene)
    rows = scene.rows()
    lost = [rows[1], rows[-2]]  # one of each agent
    for row in lost:
        scene.gateway.do(f'delete from "LiteLLM_SpendLogs" where request_id = {quoted(row["request_id"])}')
    return named(scene, {("only-local", "row-lost"): (2, total(lost))}, total(rows), total(rows) - total(lost))


def elsewhere(scene):
    """the same key on a second machine: only-gateway, elsewhere"""
    work(scene)
    here = total(scene.rows())
    other = scene.base / "other-home"
    other.mkdir()
    scene.agent(scene.options.claude, CLAUDE_MODEL, "Hello", ONE, home=other)
    scene.agent(scene.options.codex, CODEX_MODEL, "Hello", {"in": 1300, "out": 120}, home=other)
    rows = scene.rows()
    return named(scene, {("only-gateway", "elsewhere"): (2, total(rows) - here)}, here, total(rows))


def side_call(scene):
    """a title, which stands in no log: only-gateway, side-call"""
    work(scene, codex=False)
    here = total(scene.rows())
    # As Claude Code asks for one: in its session, of a small model, without tools.
    who = json.dumps({"device_id": "0" * 64, "account_uuid": "", "session_id": scene.claude_session()})
    body = {"model": "claude-haiku-4-5", "max_tokens": 64, "metadata": {"user_id": who}, "messages": [{"role": "user", "content": f"A title for this. {json.dumps(ONE)}"}]}
    scene.call("/v1/messages", body)
    rows = scene.rows()
    return named(scene, {("only-gateway", "side-call"): (1, total(rows) - here)}, here, total(rows))


def title(scene):
    """a title that OpenCode really asks for: only-gateway, side-call"""
    scene.agent(scene.options.opencode, "gpt-5-mini", "LOOP 1", {})
    rows = scene.rows()
    same("the gateway's rows", len(rows), 3)
    # Older releases of LiteLLM do not write down OpenCode's session: then nothing tells that the call is of this machine.
    why = "side-call" if rows[0]["session_id"].startswith("ses_") else "elsewhere"
    return named(scene, {("only-gateway", why): (1, rows[0]["nano"])}, total(rows[1:]), total(rows))


def gateway_unpriced(scene):
    """a model that the gateway has no price for: price, gateway-unpriced"""
    work(scene, codex=False)
    scene.aifinops("prices", "set", "house-model", "--input", "3", "--output", "15")
    scene.agent(scene.options.codex, "house-model", "Hello", ONE)
    rows, cost = scene.rows(), ONE["in"] * 3_000 + ONE["out"] * 15_000
    return named(scene, {("price", "gateway-unpriced"): (1, cost)}, total(rows) + cost, total(rows))


def local_unpriced(scene):
    """a model that this machine has no price for: price, local-unpriced"""
    work(scene, codex=False)
    here = total(scene.rows())
    scene.agent(scene.options.codex, "house-priced", "Hello", ONE)
    rows = scene.rows()
    same("the agreed price", total(rows) - here, ONE["in"] * 2_000 + ONE["out"] * 8_000)
    return named(scene, {("price", "local-unpriced"): (1, total(rows) - here)}, here, total(rows))


def rate(scene):
    """a model that the gateway has at twice its price: price, rate"""
    work(scene, codex=False)
    here = total(scene.rows())
    scene.agent(scene.options.codex, "gpt-5.1-codex", "LOOP 1", ONE)
    rows = scene.rows()
    twice = total(rows) - here
    return named(scene, {("price", "rate"): (2, twice // 2)}, total(rows) - twice // 2, total(rows))


def tokens(scene):
    """the gateway counted other tokens: tokens"""
    work(scene)
    rows = scene.rows()
    more = 500
    by = round(next(entry["model_info"]["output_cost_per_token"] for entry in scene.gateway.ask("GET", "/model/info")["data"] if entry["model_name"] == CLAUDE_MODEL) * 1e9) * more
    counted = "jsonb_set(metadata, '{usage_object,completion_tokens}', to_jsonb(completion_tokens + %d))" % more
    scene.gateway.do(f"""update "LiteLLM_SpendLogs" set completion_tokens = completion_tokens + {more}, total_tokens = total_tokens + {more}, spend = spend + {by / 1e9:.9f},
                         metadata = {counted} where request_id = {quoted(rows[1]["request_id"])}""")
    return named(scene, {("tokens", None): (1, by)}, total(rows), total(rows) + by)


def duplicate(scene):
    """rows that stand twice: duplicate"""
    work(scene)
    rows = scene.rows()
    twice = [rows[1], rows[-2]]
    columns = [row["name"] for row in scene.gateway.sql("""select quote_ident(column_name) as name from information_schema.columns
                                                           where table_name = 'LiteLLM_SpendLogs' and column_name <> 'request_id'""")]
    for row in twice:
        scene.gateway.do(f"""insert into "LiteLLM_SpendLogs" (request_id, {", ".join(columns)}) select 'again-' || request_id, {", ".join(columns)}
                             from "LiteLLM_SpendLogs" where request_id = {quoted(row["request_id"])}""")
    return named(scene, {("duplicate", None): (2, total(twice))}, total(rows), total(rows) + total(twice))


def cap(scene):
    """a cap set from here stops the next call at the gateway"""
    scene.agent(scene.options.claude, CLAUDE_MODEL, "Hello", ONE)
    scene.rows()
    # Who sets budgets at the gateway is an admin; the developer's own key could not.
    chief = f"{scene.user}-chief"
    scene.gateway.user(chief, "proxy_admin")
    admin = scene.gateway.key(chief, key_type="management", user_id=chief)["key"]
    scene.aifinops("gateway", "cap", "set", scene.user, "0.000001/day", "--token-env", "ADMIN_KEY", ADMIN_KEY=admin)
    ask = {"model": CLAUDE_MODEL, "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]}
    end = time.monotonic() + 30
    while True:
        status, answer = scene.gateway.call("POST", "/v1/messages", ask, key=scene.key["key"])
        if status >= 300 or time.monotonic() > end:
            break
        time.sleep(1)
    same("the kind of the refusal", answer.get("error", {}).get("type"), "budget_exceeded")
    if status not in (400, 422, 429):
        raise Wrong(f"the status is {status}")
    try:
        scene.agent(scene.options.claude, CLAUDE_MODEL, "Hello", ONE)
    except RuntimeError as ended:
        same("whether Claude Code speaks of a budget", "budget" in str(ended).lower(), True)
        return f"the next call is refused with {status}, and Claude Code says why"
    raise Wrong("Claude Code still got an answer")


PROOFS = {proof.__name__.replace("_", "-"): proof for proof in
          (agree, bypassed, row_lost, elsewhere, side_call, title, gateway_unpriced, local_unpriced, rate, tokens, duplicate, cap)}


def main():
    proofs = "\n".join(f"  {name:17} {proof.__doc__}" for name, proof in PROOFS.items())
    parser = argparse.ArgumentParser(description=__doc__.replace("{proofs}", proofs), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("proofs", nargs="*", metavar="PROOF", help="only these")
    parser.add_argument("--binary", help="the aifinops to prove; $AIFINOPS, or the release build")
    parser.add_argument("--claude", default="claude", help="the Claude Code to take, such as claude@2.1.330")
    parser.add_argument("--codex", default="codex", help="the Codex to take, such as codex@0.169.0")
    parser.add_argument("--opencode", default="opencode", help="the OpenCode to take; without one its proof is left out")
    parser.add_argument("--admin", action="store_true", help="aifinops has an admin's key, and is told whose calls to look at, instead of the developer's own")
    parser.add_argument("--keep", action="store_true", help="leave homes and logs")
    options = parser.parse_args()
    if unknown := [name for name in options.proofs if name not in PROOFS]:
        parser.error(f"no such proof: {', '.join(unknown)}")
    options.binary = binary(options.binary)
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    options.installed = os.environ.get("AIFINOPS_AGENTS") or str(cache / "aifinops-agents")
    for word in (options.claude, options.codex):
        if not (pathlib.Path(options.installed) / word).is_dir():
            parser.error(f"{word} is not installed; tests/agents/install.sh {word}")
    gateway, failed = Gateway(), 0
    # LiteLLM 1.81 learns the prices of its configuration from the first chat with a model.
    for model in ("house-priced", "gpt-5.1-codex"):
        gateway.ask("POST", "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": "Hello"}]})
    print(f"LiteLLM {gateway.version}")
    for name in options.proofs or PROOFS:
        if name == "title" and not (pathlib.Path(options.installed) / options.opencode).is_dir():
            print(f"--    {name:17} {options.opencode} is not installed")
            continue
        began = time.monotonic()
        with Scene(gateway, name, options) as scene:
            try:
                scene.join()
                said, well = PROOFS[name](scene), True
            except (Wrong, RuntimeError) as error:
                said, well = str(error).strip(), False
        failed += not well
        print(f"{'ok  ' if well else 'FAIL'}  {name:17} {said}  [{time.monotonic() - began:.0f} s]", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
