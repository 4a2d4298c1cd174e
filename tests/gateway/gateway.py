"""A gateway that up.sh has brought up: its API, its database, and the file in which seeds leave ids and keys."""
import json
import os
import pathlib
import subprocess
import tempfile
import time
import urllib.error
import urllib.request


# What a key needs that shows everything and can neither call a model nor change anything (its user is a viewer).
READER = ["management_routes", "spend_tracking_routes", "/tag/daily/activity", "/tag/daily/activity/aggregated", "/tag/list", "/customer/list",
          "/customer/daily/activity", "/budget/list"]


def run_directory():
    """Where up.sh left what it started; the same words as in settings.sh."""
    given = os.environ.get("GATEWAY_RUN")
    return pathlib.Path(given or f"{os.environ.get('TMPDIR') or '/tmp'}/aifinops-gateway-{os.getuid()}")


def binary(given=None):
    """The aifinops to take: what is given, $AIFINOPS, or the release build of this checkout."""
    built = pathlib.Path(__file__).resolve().parent.parent.parent / "target" / "release" / "aifinops"
    found = pathlib.Path(given or os.environ.get("AIFINOPS") or built).resolve()
    if not os.access(found, os.X_OK):
        raise SystemExit(f"there is no {found}: build it, or set AIFINOPS")
    return str(found)


def quoted(value):
    """A text as SQL has it."""
    return "'" + str(value).replace("'", "''") + "'"


class Refused(Exception):
    """The gateway answered something else than success."""


class Gateway:
    def __init__(self):
        self.run = run_directory()
        try:
            about = json.loads((self.run / "instance.json").read_text(encoding="utf-8"))
        except OSError:
            raise SystemExit(f"no gateway in {self.run}: run tests/gateway/up.sh, or set GATEWAY_RUN")
        self.url, self.master, self.version, self.upstream, self.psql = (about[name] for name in ("url", "master_key", "version", "upstream", "psql"))

    # The API

    def call(self, method, path, body=None, key=None, headers=None):
        """The status and the answer of a request, whatever it is."""
        given = {"Authorization": f"Bearer {key or self.master}", "Content-Type": "application/json", **(headers or {})}
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(self.url + path, method=method, data=data, headers=given)
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                status, raw = answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            status, raw = refused.code, refused.read().decode()
        try:
            return status, json.loads(raw)
        except ValueError:
            return status, raw

    def ask(self, method, path, body=None, **more):
        status, answer = self.call(method, path, body, **more)
        if status >= 300:
            raise Refused(f"{method} {path}: {status} {answer}")
        return answer

    def user(self, name, role="internal_user", **more):
        """A user without a key."""
        given = {"user_id": name, "user_alias": name.title(), "user_email": f"{name}@example.com", "user_role": role, "auto_create_key": False}
        self.ask("POST", "/user/new", given | more)

    def team(self, alias, **more):
        return self.ask("POST", "/team/new", {"team_alias": alias, **more})["team_id"]

    def key(self, alias, **more):
        """A virtual key, and the hash under which the database knows it."""
        made = self.ask("POST", "/key/generate", {"key_alias": alias, **more})
        return {"key": made["key"], "token": made.get("token_id") or made["token"]}

    def staff(self):
        """Keys that pay for no call: one that sees, one that sees a little more, and one that changes."""
        self.user("watch", "proxy_admin_viewer")
        self.user("chief", "proxy_admin")
        return {
            "viewer": self.key("watch-key", user_id="watch", key_type="management"),
            # A management key is refused tags, customers and budgets.
            "reader": self.key("watch-reader", user_id="watch", allowed_routes=READER),
            "admin": self.key("chief-key", user_id="chief", key_type="management"),
        }

    # The database

    def sql(self, query):
        """The rows of a query, as objects."""
        done = self.psql_run("-Atc", f"select coalesce(json_agg(row_), '[]') from ({query}) row_")
        return json.loads(done)

    def do(self, *statements):
        """Statements in one transaction."""
        self.psql_run("-1", *(part for statement in statements for part in ("-c", statement)))

    def psql_run(self, *given, text=None):
        done = subprocess.run([*self.psql, *given], input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"psql: {done.stderr.strip()}")
        return done.stdout

    def settle(self, rows=0, where="true", quiet=5.0, longest=60):
        """Waits until the gateway has so many rows, and then writes no more: spend is written seconds after the answer."""
        tables = ("SpendLogs", "DailyUserSpend", "DailyTeamSpend", "DailyTagSpend", "DailyEndUserSpend", "VerificationToken")
        watched = [f'"LiteLLM_SpendLogs" where {where}', *(f'"LiteLLM_{table}"' for table in tables)]
        # A call that was refused costs nothing and may make no row of its own: the sums of a day count it.
        moved = [f"(select count(*) || ':' || coalesce(sum(spend), 0) from {table})" for table in watched]
        moved += [f'(select sum(api_requests) from "LiteLLM_{table}")' for table in tables if table.startswith("Daily")]
        query = "select " + ", ".join(moved)
        state, since, end = None, time.monotonic(), time.monotonic() + longest
        while time.monotonic() < end:
            now = self.psql_run("-Atc", query)
            if now != state:
                state, since = now, time.monotonic()
            elif int(now.partition(":")[0]) >= rows and time.monotonic() - since >= quiet:
                return
            time.sleep(0.25)
        raise SystemExit(f"the gateway does not come to rest at {rows} rows: {state}")

    def budgets_begin(self, longest=30):
        """Waits until every budget knows when it is set back: LiteLLM begins those of tags some time after they were made, and from nothing."""
        end = time.monotonic() + longest
        while self.sql('select 1 as one from "LiteLLM_BudgetTable" where budget_duration is not null and budget_reset_at is null'):
            if time.monotonic() > end:
                raise SystemExit("budgets do not begin")
            time.sleep(0.5)

    def answered(self):
        """How many calls the upstream has answered."""
        with open(self.run / "upstream.jsonl", encoding="utf-8") as journal:
            return sum(1 for line in map(json.loads, journal) if line["kind"] == "call" and not line["plan"]["fail"])


def write_private(path, value):
    """A file that only its owner reads, whole or not at all."""
    path = pathlib.Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
    os.replace(name, path)
