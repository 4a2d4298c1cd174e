"""The small seed: people, budgets and calls through the gateway."""
import json
import time
from collections import Counter

CLAUDE, CODEX, SCRIPT = "claude-cli/2.1.330 (external, cli)", "codex_cli_rs/0.169.0 (Linux; x86_64)", "openai-python/2.20.0"
DAY = {"budget_duration": "1d"}


class Caller:
    """Makes calls as agents make them, and counts how they ended."""

    def __init__(self, gateway, keys):
        self.gateway, self.keys, self.ended = gateway, keys, Counter()
        self.before = gateway.sql('select count(*) as rows from "LiteLLM_SpendLogs"')[0]["rows"]

    def send(self, key, path, body, agent, session, tags):
        headers = {"User-Agent": agent}
        if session:
            headers["x-litellm-session-id"] = session
        if tags:
            headers["x-litellm-tags"] = ",".join(tags)
        status, _ = self.gateway.call("POST", path, body, key=self.keys[key]["key"], headers=headers)
        self.ended[status] += 1
        return status

    def settle(self):
        """Every call makes a row, also one that is refused."""
        self.gateway.settle(self.before + sum(self.ended.values()))

    def messages(self, key, model, plan, stream=False, session=None, tags=()):
        """As Claude Code: it names its session in the metadata too."""
        who = json.dumps({"device_id": "0" * 64, "account_uuid": "", "session_id": session or "00000000-0000-4000-8000-000000000000"})
        # Few, because the gateway sets aside what a call may cost at most.
        body = {"model": model, "max_tokens": 512, "stream": stream, "metadata": {"user_id": who}, "messages": [{"role": "user", "content": json.dumps(plan)}]}
        return self.send(key, "/v1/messages", body, CLAUDE, session, tags)

    def responses(self, key, model, plan, stream=False, session=None, tags=()):
        """As Codex."""
        said = {"role": "user", "content": [{"type": "input_text", "text": json.dumps(plan)}]}
        return self.send(key, "/v1/responses", {"model": model, "stream": stream, "store": False, "input": [said]}, CODEX, session, tags)

    def chat(self, key, model, plan, stream=False, session=None, tags=(), customer=None):
        """As a script, perhaps for a customer."""
        body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": json.dumps(plan)}]}
        body |= {"user": customer} if customer else {}
        body |= {"stream_options": {"include_usage": True}} if stream else {}
        return self.send(key, "/v1/chat/completions", body, SCRIPT, session, tags)


def people(gateway):
    """Two teams, four users with budgets of every kind, and the keys of those who look after the gateway."""
    gateway.ask("POST", "/budget/new", {"budget_id": "a-dollar-a-day", "max_budget": 1.0, "soft_budget": 0.8, **DAY})
    gateway.ask("POST", "/tag/new", {"name": "feature:checkout", "max_budget": 0.5, **DAY})
    gateway.ask("POST", "/customer/new", {"user_id": "northwind", "alias": "Northwind Ltd", "max_budget": 0.02, **DAY})
    gateway.ask("POST", "/customer/new", {"user_id": "contoso", "budget_id": "a-dollar-a-day"})
    gateway.user("ana", max_budget=10.0, **DAY)
    gateway.user("ben", max_budget=5.0, **DAY)
    gateway.user("cleo")
    gateway.user("dan", max_budget=20.0, budget_duration="30d")
    teams = {"payments": gateway.team("payments", max_budget=25.0, soft_budget=20.0, **DAY), "lab": gateway.team("lab", max_budget=0.05, **DAY)}
    members = [{"role": "user", "user_id": name} for name in ("ana", "ben", "dan")]
    gateway.ask("POST", "/team/member_add", {"team_id": teams["payments"], "member": members, "max_budget_in_team": 3.0})
    gateway.ask("POST", "/team/member_add", {"team_id": teams["lab"], "member": {"role": "user", "user_id": "cleo"}})
    payments = {"team_id": teams["payments"]}
    keys = {
        "ana-laptop": gateway.key("ana-laptop", user_id="ana", **payments),
        "ana-private": gateway.key("ana-private", user_id="ana"),
        "ben-laptop": gateway.key("ben-laptop", user_id="ben", max_budget=0.03, soft_budget=0.02, **payments, **DAY),
        "cleo-desk": gateway.key("cleo-desk", user_id="cleo", team_id=teams["lab"]),
        "dan-laptop": gateway.key("dan-laptop", user_id="dan", **payments),
        "nightly": gateway.key("nightly", metadata={"tags": ["nightly", "repo:shop"]}, **payments),
    }
    return teams, keys


def ordinary(caller):
    """Calls that are answered."""
    session = "a1a1a1a1-0000-4000-8000-00000000000{}".format
    for turn in range(8):
        plan = {"in": 40 + turn, "cached": 18_000 * turn, "write": 1400, "write1h": 600 if turn == 3 else 0, "out": 250 + 20 * turn}
        caller.messages("ana-laptop", "claude-opus-5-5", plan, turn % 2 == 0, session(1), ["feature:checkout"])
    for turn in range(6):
        caller.messages("ben-laptop", "claude-sonnet-5-5", {"in": 30, "cached": 9000, "write": 350, "out": 110 + turn}, True, session(2))
    for turn in range(8):
        caller.responses("ana-laptop", "gpt-5.3-codex", {"in": 900 + 50 * turn, "cached": 11_000, "out": 380, "reasoning": 240}, turn % 2 == 0, session(3), ["feature:search"])
    for _ in range(4):
        caller.messages("ana-private", "claude-haiku-4-5", {"in": 480, "out": 75})
    for turn in range(5):
        caller.responses("dan-laptop", "gpt-6-sol", {"in": 2600, "cached": 800 * turn, "out": 140}, True, session(4), ["feature:checkout", "spike"])
    for turn in range(6):
        caller.chat("nightly", "gpt-5-mini", {"in": 750, "cached": 512, "out": 90}, turn % 3 == 0)
    for customer in ("contoso", "contoso", "northwind"):
        caller.chat("nightly", "gpt-6-sol", {"in": 2000, "out": 1200}, customer=customer)
    for _ in range(3):
        caller.chat("dan-laptop", "house-model", {"in": 1000, "out": 500})
    for _ in range(2):
        caller.chat("dan-laptop", "house-priced", {"in": 1000, "out": 500})
    # Beyond the length from which a prompt is priced higher, and in another tier.
    caller.chat("dan-laptop", "gpt-6-sol", {"in": 290_000, "out": 900}, tags=["long"])
    caller.chat("dan-laptop", "gpt-5-mini", {"in": 1000, "out": 800, "tier": "priority"})


def failing(caller):
    """Calls that the upstream, or the gateway, refuses."""
    caller.messages("ana-laptop", "claude-opus-5-5", {"fail": 529})
    caller.responses("ana-laptop", "gpt-5.3-codex", {"fail": 500})
    caller.chat("dan-laptop", "gpt-5-mini", {"fail": 429})
    caller.chat("dan-laptop", "gpt-5-mini", {"fail": 400})
    caller.chat("dan-laptop", "no-such-model", {})
    caller.keys["nobody"] = {"key": "sk-nobody-has-this-key"}
    caller.chat("nobody", "gpt-5-mini", {})


def excessive(caller):
    """Uses up the budgets of a key, a team and a customer, and calls on: models that all releases of LiteLLM have prices for."""
    for _ in range(3):
        caller.messages("ben-laptop", "claude-sonnet-4-5", {"in": 40, "cached": 9000, "out": 2500}, True)
        caller.messages("cleo-desk", "claude-sonnet-4-5", {"in": 9000, "out": 1800}, True)
        caller.chat("nightly", "gpt-5-mini", {"in": 2500, "out": 10_500}, customer="northwind")
        caller.settle()


def seed(gateway):
    began = time.monotonic()
    teams, keys = people(gateway)
    staff = gateway.staff()
    gateway.budgets_begin()
    caller = Caller(gateway, dict(keys))
    ordinary(caller)
    failing(caller)
    caller.settle()
    excessive(caller)
    spent = gateway.sql('select round(sum(spend)::numeric, 7)::float as usd, count(*) as rows from "LiteLLM_SpendLogs"')[0]
    answers = ", ".join(f"{status}: {count}" for status, count in sorted(caller.ended.items()))
    print(f"{sum(caller.ended.values())} calls ({answers}), {spent['rows']} rows, ${spent['usd']}, {time.monotonic() - began:.0f} s")
    return {"users": ["ana", "ben", "cleo", "dan"], "teams": teams, "keys": keys, **staff}
