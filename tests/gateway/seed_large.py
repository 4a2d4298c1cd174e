"""The large seed: a month of a company, written into the database as LiteLLM writes it.

What a row looks like is LiteLLM's own: one real call per model, and one that fails, give the rows of which all others are
made. The daily tables are summed up from the rows, as LiteLLM does it call by call.
"""
import csv
import datetime
import hashlib
import io
import json
import random
import time
import uuid

CALLS, DAYS, FAILED = 10_000, 30, 0.03
TEAMS = {"platform": 60.0, "payments": 40.0, "mobile": None, "data": 12.0, "research": 25.0}
NAMES = """ada ali amara anton bea bjorn carla chen dario dina edgar elif emil farah felix gita goran hana hugo ines
           ivo jana jonas kaya kofi lara leo lin mara milo nadia nils olga omar petra quinn rosa sami tara yuki""".split()
TAGS = ["feature:billing", "feature:search", "feature:signup", "refactor", "bug", "tests", "docs"]
CLAUDE, CODEX, SCRIPT = "claude-cli/2.1.330 (external, cli)", "codex_cli_rs/0.169.0 (Linux; x86_64)", "openai-python/2.20.0"
# Model: share of all calls, agent, and the most that a prompt may have without being priced higher.
MODELS = {
    "claude-opus-5-5": (0.24, CLAUDE, 180_000),
    "claude-sonnet-4-5": (0.26, CLAUDE, 180_000),
    "claude-haiku-4-5": (0.08, CLAUDE, 90_000),
    "gpt-5.2-codex": (0.18, CODEX, 200_000),
    "gpt-6-sol": (0.16, CODEX, 200_000),
    "gpt-5-mini": (0.08, SCRIPT, 60_000),
}
EVER = "'-infinity'::timestamp"
# A spend that counts from the beginning of a budget's window, as LiteLLM sets it back.
WINDOW = """case {of}.budget_duration when '1d' then date_trunc('day', now() at time zone 'utc')
            when '30d' then date_trunc('month', now() at time zone 'utc') else '-infinity'::timestamp end"""


def secret(name):
    return f"sk-{name}-for-tests"


def hashed(key):
    return hashlib.sha256(key.encode()).hexdigest()


def people(gateway, rng):
    """Teams, users and a key each, through the API; always the same ones."""
    for team, limit in TEAMS.items():
        gateway.team(team, team_id=team, **({"max_budget": limit, "budget_duration": "1d"} if limit else {}))
    gateway.ask("POST", "/tag/new", {"name": TAGS[0], "max_budget": 50.0, "budget_duration": "30d"})
    staff = {}
    for at, name in enumerate(NAMES):
        team = list(TEAMS)[at * len(TEAMS) // len(NAMES)]
        daily = {"max_budget": rng.choice([0.5, 2.0, 8.0]), "budget_duration": "1d"}
        gateway.user(name, **(daily if at % 3 == 0 else {"max_budget": 300.0, "budget_duration": "30d"} if at % 3 == 1 else {}))
        gateway.key(f"{name}-laptop", key=secret(name), user_id=name, team_id=team, **(daily if at % 4 == 0 else {}))
        staff[name] = team
    for team in TEAMS:
        members = [{"role": "user", "user_id": name} for name in NAMES if staff[name] == team]
        gateway.ask("POST", "/team/member_add", {"team_id": team, "member": members, "max_budget_in_team": 20.0})
    return staff


def templates(gateway):
    """A real row for each model, and a failed one; what their calls left in the database is taken out again."""
    key = gateway.key("template", key=secret("template"))
    plan = {"in": 10, "cached": 20, "write": 5, "write1h": 5, "out": 7, "reasoning": 3}

    def call(model, agent, plan):
        said = [{"role": "user", "content": json.dumps(plan)}]
        who = json.dumps({"device_id": "0" * 64, "account_uuid": "", "session_id": str(uuid.UUID(int=0))})
        path, body = {
            CLAUDE: ("/v1/messages", {"messages": said, "max_tokens": 64, "metadata": {"user_id": who}}),
            CODEX: ("/v1/responses", {"input": said, "store": False}),
            SCRIPT: ("/v1/chat/completions", {"messages": said}),
        }[agent]
        gateway.call("POST", path, {"model": model, **body}, key=key["key"], headers={"User-Agent": agent})

    for model, (_, agent, _) in MODELS.items():
        call(model, agent, plan)
    call("claude-opus-5-5", CLAUDE, {"fail": 529})
    mine = f"api_key = '{key['token']}'"
    # Spend of tags may come seconds after all the rest.
    gateway.settle(len(MODELS) + 1, mine, quiet=8.0)
    rows = gateway.sql(f'select * from "LiteLLM_SpendLogs" where {mine}')
    # /key/delete fails in some releases; of the session LiteLLM has made a customer.
    gateway.do(*(f'delete from "LiteLLM_{table}" where {mine}' for table in ("SpendLogs", "DailyUserSpend", "DailyTeamSpend", "DailyTagSpend", "DailyEndUserSpend")),
               f"""delete from "LiteLLM_VerificationToken" where token = '{key["token"]}'""",
               f"""delete from "LiteLLM_EndUserTable" where user_id like '%{uuid.UUID(int=0)}%'""")
    by_model = {row["model_group"]: row for row in rows if row["status"] == "success"}
    failed = next(row for row in rows if row["status"] == "failure")
    return by_model, failed


def prices(gateway):
    """Dollars per token: prompt, read from a cache, written to one for five minutes and for an hour, answer."""
    names = ("input_cost_per_token", "cache_read_input_token_cost", "cache_creation_input_token_cost", "cache_creation_input_token_cost_above_1hr", "output_cost_per_token")
    return {entry["model_name"]: [entry["model_info"].get(name) or 0.0 for name in names] for entry in gateway.ask("GET", "/model/info")["data"]}


class Month:
    """Invents calls: who, when, in which session, of which model, with how many tokens."""

    def __init__(self, rng, staff, now):
        self.rng, self.staff, self.now = rng, staff, now
        self.shares = {name: rng.lognormvariate(0, 0.8) for name in NAMES}
        self.midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)

    def uuid(self):
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def begin(self):
        """When a session begins: by day and mostly on weekdays, on this one not later than now."""
        while True:
            back = self.rng.randrange(DAYS)
            day = self.midnight - datetime.timedelta(days=back)
            if day.weekday() < 5 or self.rng.random() < 0.25 or back == 0:
                break
        until = (self.now - self.midnight).total_seconds() if back == 0 else 86_400
        return day + datetime.timedelta(seconds=self.rng.triangular(0, until, until * 0.6))

    def tokens(self, model, most):
        rng = self.rng
        if MODELS[model][1] == CLAUDE:
            write = min(int(rng.lognormvariate(7, 1)), 12_000)
            hour = write if rng.random() < 0.3 else 0
            return [rng.randint(3, 1500), min(int(rng.lognormvariate(10.3, 0.9)), most - 15_000), write - hour, hour, min(int(rng.lognormvariate(5.6, 1.1)), 8000), 0]
        out = min(int(rng.lognormvariate(5.8, 1)), 8000)
        return [rng.randint(200, 9000), min(int(rng.lognormvariate(9.5, 1)), most - 10_000), 0, 0, out, out // 2]

    def sessions(self):
        """Sessions of one to 30 calls, until there are enough: (user, model, session, tags, time, tokens, failed)."""
        left = CALLS
        while left:
            name = self.rng.choices(NAMES, [self.shares[name] for name in NAMES])[0]
            model = self.rng.choices(list(MODELS), [share for share, _, _ in MODELS.values()])[0]
            session, at = self.uuid(), self.begin()
            tags = self.rng.sample(TAGS, self.rng.choice([0, 1, 1, 2]))
            for _ in range(min(left, self.rng.randint(1, 30))):
                yield name, model, session, tags, at, self.tokens(model, MODELS[model][2]), self.rng.random() < FAILED
                left -= 1
                # Not beyond now, and not into another day: a session of this seed has one.
                at = min(at + datetime.timedelta(seconds=self.rng.expovariate(1 / 40)), at.replace(hour=23, minute=59, second=50), self.now)


def counted(part, tokens):
    """LiteLLM's usage object, for these tokens."""
    fresh, read, write, hour, out, thought = tokens
    prompt = fresh + read + write + hour
    about = dict(part.get("prompt_tokens_details") or {})
    for name, number in {"cached_tokens": read, "text_tokens": fresh, "cache_creation_tokens": write + hour, "cache_write_tokens": write + hour}.items():
        if about.get(name) is not None:
            about[name] = number
    if about.get("cache_creation_token_details"):
        about["cache_creation_token_details"] = {"ephemeral_5m_input_tokens": write, "ephemeral_1h_input_tokens": hour}
    answer = dict(part.get("completion_tokens_details") or {})
    if answer.get("reasoning_tokens") is not None:
        answer["reasoning_tokens"] = thought
    if answer.get("text_tokens") is not None:
        answer["text_tokens"] = out - thought
    known = {"prompt_tokens": prompt, "completion_tokens": out, "total_tokens": prompt + out, "prompt_tokens_details": about, "completion_tokens_details": answer,
             "cache_read_input_tokens": read, "cache_creation_input_tokens": write + hour}
    return part | {name: value for name, value in known.items() if name in part}


def row_of(template, call, price, month):
    """A row for a call, as the template has it."""
    name, model, session, tags, at, tokens, failed = call
    fresh, read, write, hour, out, _ = tokens = [0] * 6 if failed else tokens
    prompt, agent = fresh + read + write + hour, MODELS[model][1]
    parts = [number * rate for number, rate in zip((fresh, read, write, hour, out), price)]
    spend, token, team, call_id = sum(parts), hashed(secret(name)), month.staff[name], month.uuid()
    took = datetime.timedelta(milliseconds=300 + out * 12)
    ids = {CLAUDE: f"msg_{month.uuid()}", CODEX: f"resp_{month.uuid()}", SCRIPT: f"chatcmpl-{month.uuid()}"}
    about = template["metadata"]
    about = about | {"user_api_key": token, "user_api_key_alias": f"{name}-laptop", "user_api_key_user_id": name, "user_api_key_team_id": team, "user_api_key_team_alias": team,
                     "user_agent": agent, "litellm_call_id": call_id, "original_model_group": model}
    for part in ("usage_object", "additional_usage_values"):
        if about.get(part):
            about[part] = counted(about[part], tokens)
    if about.get("cost_breakdown"):
        told = {"input_cost": spend - parts[4], "output_cost": parts[4], "total_cost": spend, "original_cost": spend, "cache_read_cost": parts[1],
                "cache_creation_cost": parts[2] + parts[3]}
        about["cost_breakdown"] = about["cost_breakdown"] | {name: value for name, value in told.items() if name in about["cost_breakdown"]}
    customer = json.dumps({"device_id": hashed(name), "account_uuid": "", "session_id": session}, separators=(",", ":")) if agent == CLAUDE and not failed else ""
    known = {
        "request_id": call_id if failed else ids[agent], "api_key": token, "spend": spend, "prompt_tokens": prompt, "completion_tokens": out, "total_tokens": prompt + out,
        "startTime": at.isoformat(), "endTime": (at + took).isoformat(), "completionStartTime": (at + took / 3).isoformat(), "created_at": (at + took).isoformat(),
        "updated_at": (at + took).isoformat(), "user": name, "team_id": team, "end_user": customer, "session_id": session, "litellm_call_id": call_id, "metadata": about,
        "request_tags": [f"User-Agent: {agent.split('/')[0]}", f"User-Agent: {agent}", *tags], "request_duration_ms": int(took.total_seconds() * 1000),
        "model_group": model,
    }
    return template | {column: value for column, value in known.items() if column in template}


def write(gateway, rows):
    """Into the table of calls, in one go."""
    columns = list(rows[0])
    out = io.StringIO()
    writer = csv.writer(out)
    for row in rows:
        cells = (row[column] for column in columns)
        writer.writerow("\\N" if cell is None else json.dumps(cell, separators=(",", ":")) if isinstance(cell, (dict, list)) else cell for cell in cells)
    names = ", ".join(f'"{column}"' for column in columns)
    gateway.psql_run("-c", f"\\copy \"LiteLLM_SpendLogs\" ({names}) from pstdin with (format csv, null '\\N')", text=out.getvalue())


def sum_up(gateway):
    """The daily tables and what everybody has spent, from the rows."""
    route = "case call_type when 'aresponses' then '/responses' when 'acompletion' then '/chat/completions' else '' end"
    numbers = {
        "prompt_tokens": "sum(prompt_tokens)", "completion_tokens": "sum(completion_tokens)", "spend": "sum(spend)", "api_requests": "count(*)",
        "successful_requests": "count(*) filter (where status = 'success')", "failed_requests": "count(*) filter (where status = 'failure')",
        "cache_read_input_tokens": "coalesce(sum((metadata #>> '{additional_usage_values,cache_read_input_tokens}')::bigint), 0)",
        "cache_creation_input_tokens": "coalesce(sum((metadata #>> '{additional_usage_values,cache_creation_input_tokens}')::bigint), 0)",
    }
    group = {"date": "to_char(\"startTime\", 'YYYY-MM-DD')", "api_key": "api_key", "model": "model", "model_group": "model_group", "custom_llm_provider": "custom_llm_provider",
             "mcp_namespaced_tool_name": "''", "endpoint": route}
    statements = []
    for table, column, value, source in [
        ("User", "user_id", '"user"', ""),
        ("Team", "team_id", "team_id", ""),
        ("EndUser", "end_user_id", "end_user", "where end_user <> ''"),
        ("Tag", "tag", "tag", "cross join jsonb_array_elements_text(request_tags) as tag"),
    ]:
        by = {column: value, **group}
        statements.append(f"""insert into "LiteLLM_Daily{table}Spend" (id, updated_at, {", ".join(by)}, {", ".join(numbers)})
                              select gen_random_uuid(), max("endTime"), {", ".join(by.values())}, {", ".join(numbers.values())} from "LiteLLM_SpendLogs" {source}
                              group by {", ".join(str(at + 3) for at in range(len(by)))}""")
    statements.append("""insert into "LiteLLM_EndUserTable" (user_id, spend, blocked) select end_user, sum(spend), false from "LiteLLM_SpendLogs"
                         where end_user <> '' group by end_user on conflict do nothing""")
    # Whose spend it is; members have no budget that is set back.
    member = 's.team_id = t.team_id and s."user" = t.user_id'
    since = {
        "VerificationToken": ("s.api_key = t.token", WINDOW.format(of="t")),
        "UserTable": ('s."user" = t.user_id', WINDOW.format(of="t")),
        "TeamTable": ("s.team_id = t.team_id", WINDOW.format(of="t")),
        "TeamMembership": (member, EVER),
        "TagTable": ("s.request_tags ? t.tag_name", "date_trunc('month', now() at time zone 'utc')"),
    }
    statements += [spent(table, "spend", *of) for table, of in since.items()]
    if gateway.sql("select 1 as one from information_schema.columns where table_name = 'LiteLLM_VerificationToken' and column_name = 'total_spend'"):
        statements += [spent("VerificationToken", "total_spend", "s.api_key = t.token", EVER), spent("TeamMembership", "total_spend", member, EVER)]
    gateway.do(*statements)
    gateway.psql_run("-c", "analyze")


def spent(table, column, mine, since):
    """Sets what somebody has spent since a time."""
    return f"""update "LiteLLM_{table}" t set {column} = coalesce((select sum(s.spend) from "LiteLLM_SpendLogs" s where {mine} and s."startTime" >= {since}), 0)"""


def seed(gateway):
    began = time.monotonic()
    rng = random.Random(20_261_126)
    staff = people(gateway, rng)
    keys = gateway.staff()
    gateway.budgets_begin()
    by_model, failed = templates(gateway)
    rates = prices(gateway)
    month = Month(rng, staff, datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None, microsecond=0))
    rows = []
    for call in month.sessions():
        good = by_model[call[1]]
        # A failed call is told of as LiteLLM tells of one, with the model and the route that it had.
        template = failed | {name: good[name] for name in ("model", "model_id", "custom_llm_provider", "call_type", "api_base")} if call[6] else good
        if call[6] and "/" not in failed["model"]:  # older releases leave the provider out
            template["model"] = call[1]
        rows.append(row_of(template, call, rates[call[1]], month))
    write(gateway, rows)
    sum_up(gateway)
    size = gateway.sql("""select avg(pg_column_size(metadata))::int as stored, avg(length(metadata::text))::int as text, sum(spend)::numeric(12, 4) as usd
                          from "LiteLLM_SpendLogs" """)[0]
    print(f"{len(rows)} rows of {size['text']} bytes ({size['stored']} stored), ${size['usd']}, {time.monotonic() - began:.0f} s")
    return {"users": NAMES, "teams": {team: team for team in TEAMS}, "keys": {f"{name}-laptop": {"key": secret(name), "token": hashed(secret(name))} for name in NAMES}, **keys}
