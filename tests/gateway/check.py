#!/usr/bin/env python3
"""Compares every number that `aifinops team` shows with the gateway's database: check.py [--url URL] [--token-env VAR]

Adds the gateway to an aifinops in a scratch home, reads it (`gateway sync`), and compares `team --by user|team|key|model|tag
--json` with SQL: spend of today, 7 and 30 days (UTC, this day included), calls, failed calls, budgets and what is spent of
them. What aifinops asks the gateway goes through a counter on loopback. Prints what was compared, how much time of the
processor and how many requests the first reading took and a second one that finds nothing new; ends with 1 on any difference.

The binary is $AIFINOPS (target/release/aifinops). Without --token-env the key is the `reader` that a seed has left.
"""
import argparse
import collections
import http.client
import http.server
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.dont_write_bytecode = True

from gateway import Gateway, binary  # noqa: E402

PARTS = {"today": 1, "week": 7, "month": 30}  # days, this one included
# Kind of row: the table of days, what its rows are told apart by, and the same in the table of calls.
DAYS = {
    "user": ("User", "user_id", '"user"'),
    "team": ("Team", "team_id", "team_id"),
    "key": ("User", "api_key", "api_key"),
    "model": ("User", "model", "model"),
    "tag": ("Tag", "tag", None),
}
# Budgets that a row may show: what it is of, whose it is, what was spent of it, and where that stands.
BUDGETS = {
    "user": [("user", "t.user_id", "t.spend", "t", '"LiteLLM_UserTable" t'),
             ("member", "t.user_id", "t.spend", "b", '"LiteLLM_TeamMembership" t join "LiteLLM_BudgetTable" b on b.budget_id = t.budget_id')],
    "team": [("team", "t.team_id", "t.spend", "t", '"LiteLLM_TeamTable" t')],
    "key": [("key", "t.token", "t.spend", "t", '"LiteLLM_VerificationToken" t')],
    "tag": [("tag", "t.tag_name", "t.spend", "b", '"LiteLLM_TagTable" t join "LiteLLM_BudgetTable" b on b.budget_id = t.budget_id')],
    "model": [],
}


class Counter(http.server.BaseHTTPRequestHandler):
    """Passes requests on to the gateway, and counts them by path."""
    protocol_version = "HTTP/1.1"
    target, seen, lock = "", collections.Counter(), threading.Lock()

    def log_message(self, *_):
        pass

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
        there = http.client.HTTPConnection(self.target, timeout=120)
        there.request(self.command, self.path, body, {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")})
        answer = there.getresponse()
        raw = answer.read()
        with self.lock:
            self.seen[urllib.parse.urlsplit(self.path).path] += 1
            self.seen["bytes"] += len(raw)
            self.seen["refused"] += answer.status >= 400
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)
        there.close()

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = pass_on


class Check:
    def __init__(self, gateway, program, token):
        self.gateway, self.program, self.token = gateway, program, token
        self.home = tempfile.TemporaryDirectory(prefix="gateway-check-")
        self.compared, self.differences = collections.Counter(), []

    def aifinops(self, *given):
        env = {"PATH": "/usr/bin:/bin", "HOME": self.home.name, "AIFINOPS_HOME": self.home.name, "AIFINOPS_TIMEZONE": "UTC", "NO_COLOR": "1", "GATEWAY_TOKEN": self.token}
        done = subprocess.run([self.program, *given], env=env, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            raise SystemExit(f"aifinops {' '.join(given)}: {done.stdout}{done.stderr}")
        return done.stdout

    def measured(self, what, *given):
        """One run: its time, that of the processor, and what it asked of the gateway."""
        Counter.seen.clear()
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        self.aifinops(*given)
        took, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        paths = {path: count for path, count in sorted(Counter.seen.items()) if path.startswith("/")}
        asked = ", ".join(f"{count} x {path}" if count > 1 else path for path, count in paths.items())
        total = f"{sum(paths.values())} requests, {Counter.seen['refused']} of them refused, {Counter.seen['bytes'] / 1e6:.2f} MB"
        print(f"{what}: {cpu * 1000:.0f} ms of the processor, {took:.2f} s, {total}: {asked}")

    def same(self, where, found, wanted):
        self.compared[where[0]] += 1
        if found != wanted:
            self.differences.append(f"{' '.join(map(str, where))}: aifinops has {found}, the database {wanted}")

    def spent(self, by):
        """What the database has for each row of a kind, and for all of them."""
        table, column, called = DAYS[by]
        since = "to_char((now() at time zone 'utc')::date - {}, 'YYYY-MM-DD')".format
        sums = ", ".join(f"coalesce(round(sum(spend) filter (where date > {since(days)})::numeric * 1e9), 0)::bigint as {name}" for name, days in PARTS.items())
        query = f"""select {{id}} as id, {sums}, sum(api_requests)::bigint as requests, sum(failed_requests)::bigint as failed
                    from "LiteLLM_Daily{table}Spend" where date > {since(30)} group by 1"""
        rows = {row.pop("id"): row for row in self.gateway.sql(query.format(id=f"coalesce({column}, '')"))}
        if called:
            # Refusals are told of by the calls only.
            over = self.gateway.sql(f"""select coalesce({called}, '') as id, count(*) as over_budget from "LiteLLM_SpendLogs" where "startTime" >= {since(29)}::timestamp
                                        and metadata #>> '{{error_information,error_class}}' = 'BudgetExceededError' group by 1""")
            counts = {row["id"]: row["over_budget"] for row in over}
            for ident, row in rows.items():
                row["over_budget"] = counts.get(ident, 0)
        return rows, self.gateway.sql(query.format(id="''"))[0]

    def budgets(self, by):
        """The budgets of each row of a kind: {id: [(of, limit, spent, when it is set back)]}."""
        found = collections.defaultdict(list)
        for of, ident, spent, holder, tables in BUDGETS[by]:
            query = f"""select {ident} as id, round({holder}.max_budget::numeric * 1e9)::bigint as top, round({spent}::numeric * 1e9)::bigint as spent,
                        to_char({holder}.budget_reset_at, 'YYYY-MM-DD"T"HH24:MI') as reset from {tables} where {holder}.max_budget is not null"""
            for row in self.gateway.sql(query):
                found[row["id"]].append((of, row["top"], row["spent"], row["reset"]))
        return found

    def kind(self, by):
        told = json.loads(self.aifinops("team", "--by", by, "--json"))
        # Some releases show calls to nobody but an admin; tags are not in the table of refusals.
        sees_calls = DAYS[by][2] and "calls" not in told["gateway"].get("cannot", [])
        wanted, total = self.spent(by)
        budgets, seen = self.budgets(by), {}
        for row in told["rows"]:
            ident = row.get("id") or ""
            if by == "team" and ident == "Unassigned":  # LiteLLM's word for none
                ident = ""
            if ident in seen:
                self.same((by, ident), "two rows", "one row")
            seen[ident] = row
        for ident in wanted:
            # Tags that LiteLLM makes of what the caller is need not be shown.
            if ident in seen or not (by == "tag" and ident.startswith("User-Agent: ")):
                self.same((by, ident), "a row" if ident in seen else "no row", "a row")
        for ident, row in seen.items():
            numbers = wanted.get(ident, {})
            for part in PARTS:
                self.same((by, ident, part), row[part]["nano_usd"], numbers.get(part, 0))
            for part in ("requests", "failed", *(["over_budget"] if sees_calls else [])):
                self.same((by, ident, part), row[part], numbers.get(part, 0))
            self.budget(by, ident, row.get("budget"), budgets[ident])
        if by != "tag":  # calls have several tags
            for part in PARTS:
                self.same((by, "total", part), told["total"][part]["nano_usd"], total[part])
            for part in ("requests", "failed"):
                self.same((by, "total", part), told["total"][part], total[part])

    def budget(self, by, ident, found, wanted):
        """Of several budgets the one counts that is used up first."""
        if not found or not wanted:
            return self.same((by, ident, "budget"), bool(found), bool(wanted))
        of, limit, spent, reset = max(wanted, key=lambda budget: budget[2] / budget[1] if budget[1] else 1)
        self.same((by, ident, "budget of"), found.get("of", of), of)
        self.same((by, ident, "limit"), found["limit"]["nano_usd"], limit)
        self.same((by, ident, "spent"), found["spent"]["nano_usd"], spent)
        self.same((by, ident, "left"), found["left"]["nano_usd"], max(0, limit - spent))
        self.same((by, ident, "permille"), found["permille"], spent * 1000 // limit)
        return self.same((by, ident, "reset"), (found["resets_at"] or "")[:16] or None, reset)

    def consistent(self):
        """The database's own daily tables against its calls: a seed that went wrong would prove nothing."""
        for table, source in (("User", ""), ("Team", ""), ("Tag", "cross join jsonb_array_elements_text(request_tags)")):
            sums = "select round(sum(spend)::numeric * 1e9)::bigint as nano, {}::bigint as calls from {}"
            calls = self.gateway.sql(sums.format("count(*)", f'"LiteLLM_SpendLogs" {source}'))[0]
            days = self.gateway.sql(sums.format("sum(api_requests)", f'"LiteLLM_Daily{table}Spend"'))[0]
            self.same(("database", f"{table} days and calls"), days, calls)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="the gateway's address, if it is not the one of up.sh")
    parser.add_argument("--token-env", help="the variable that has the key")
    options = parser.parse_args()
    gateway = Gateway()
    if options.token_env:
        token = os.environ[options.token_env]
    else:
        token = json.loads((gateway.run / "state.json").read_text(encoding="utf-8"))["reader"]["key"]
    Counter.target = urllib.parse.urlsplit(options.url or gateway.url).netloc
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Counter)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    check = Check(gateway, binary(), token)
    print(f"LiteLLM {gateway.version}")
    check.aifinops("gateway", "add", "team", f"http://127.0.0.1:{server.server_port}", "--token-env", "GATEWAY_TOKEN")
    check.measured("first reading", "gateway", "sync")
    check.measured("second reading", "gateway", "sync")
    check.consistent()
    for by in DAYS:
        check.kind(by)
    print(f"{'':10}{'compared':>9}{'differ':>8}")
    for kind, count in check.compared.items():
        print(f"{kind:10}{count:9}{sum(line.startswith(kind + ' ') for line in check.differences):8}")
    for line in check.differences[:50]:
        print(line)
    return 1 if check.differences else 0


if __name__ == "__main__":
    sys.exit(main())
