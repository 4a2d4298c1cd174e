"""A developer on a gateway: a user with a key, a home, real agents in it, and the `aifinops` that reads both."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "agents"))

import agents  # noqa: E402
from gateway import quoted  # noqa: E402


class Claude(agents.Claude):
    """Claude Code, sent to a gateway as its documentation says."""
    url = key = ""

    def env(self):
        given = {name: value for name, value in super().env().items() if name != "ANTHROPIC_API_KEY"}
        return given | {"ANTHROPIC_BASE_URL": self.url, "ANTHROPIC_AUTH_TOKEN": self.key}


class Codex(agents.Codex):
    """Codex with a provider of its own."""
    url = key = ""

    def setup(self):
        super().setup()
        file = self.home / self.settings[0]
        agents.write(file, re.sub(r'base_url = ".*"', f'base_url = "{self.url}/v1"', file.read_text(encoding="utf-8")))

    def env(self):
        return {"MOCK_KEY": self.key}


class OpenCode(agents.OpenCode):
    """OpenCode with a provider of its own, and the price that the gateway has for the model: it keeps its own books."""
    url = key = upstream = ""
    cost = {"input": 0.25, "output": 2, "cache_read": 0.025}

    def setup(self):
        super().setup()
        file = self.home / self.settings[0]
        given = json.loads(file.read_text(encoding="utf-8"))
        provider = given["provider"]["mock"]
        provider["options"] = {"baseURL": f"{self.url}/v1", "apiKey": self.key}
        provider["models"][self.model]["cost"] = self.cost
        agents.write(file, json.dumps(given))

    def env(self):
        # It waits for a registry that does not answer, not for one that says no.
        return super().env() | {"npm_config_registry": f"{self.upstream}/"}


KINDS = {"claude": Claude, "codex": Codex, "opencode": OpenCode}


class Scene:
    """One developer. `options` has `binary`, `installed` (where agents are), `admin` (whose key aifinops has) and `keep`."""

    def __init__(self, gateway, name, options):
        self.gateway, self.options = gateway, options
        self.user = f"{name}-{os.urandom(3).hex()}"
        gateway.user(self.user)
        self.key = gateway.key(self.user, user_id=self.user)
        # Calls of this user that the gateway will have rows of.
        self.made = 0
        self.base = pathlib.Path(tempfile.mkdtemp(prefix=f"gateway-{name}-"))
        self.home = self.base / "home"
        self.project = self.base / "project"
        self.home.mkdir()
        subprocess.run(["git", "init", "-q", str(self.project)], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self.options.keep:
            shutil.rmtree(self.base, ignore_errors=True)

    def base_env(self, home):
        node = os.path.dirname(shutil.which("node") or "/usr/bin/node")
        path = os.pathsep.join([node, "/usr/local/bin", "/usr/bin", "/bin"])
        return {"PATH": path, "HOME": str(home), "TERM": "xterm-256color", "LANG": "C.UTF-8", "SHELL": "/bin/bash", "NO_COLOR": "1", "USER": "dev"}

    def agent(self, word, model, prompt, plan, home=None, url=None):
        """A real agent does a task, through the gateway unless told another address."""
        name, home = word.partition("@")[0], home or self.home
        kind = KINDS[name]
        agent = kind(home, str(pathlib.Path(self.options.installed) / word / "node_modules" / ".bin" / kind.program_name))
        agent.model, agent.url, agent.key = model, url or self.gateway.url, self.key["key"]
        agent.upstream = self.gateway.upstream
        agent.setup()
        before = self.gateway.answered()
        done = subprocess.run(agent.command(f"{prompt} {json.dumps(plan)}", False), env=self.base_env(home) | agent.env(), cwd=self.project, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120, check=False)
        self.made += self.gateway.answered() - before if url is None else 0
        if done.returncode != 0:
            raise RuntimeError(f"{word} ended with {done.returncode}: {(done.stdout + done.stderr)[-1500:]}")

    def call(self, path, body):
        """A call of this user that no agent makes."""
        self.gateway.ask("POST", path, body, key=self.key["key"])
        self.made += 1

    def rows(self):
        """What the gateway holds of this user, in the order of time."""
        mine = f""""user" = {quoted(self.user)} and status = 'success'"""
        self.gateway.settle(self.made, mine)
        query = f"""select request_id, session_id, model_group, prompt_tokens, completion_tokens, round(spend::numeric * 1e9)::bigint as nano
                    from "LiteLLM_SpendLogs" where {mine} order by "startTime" """
        return self.gateway.sql(query)

    def claude_session(self):
        """The session that Claude Code wrote last."""
        return max((self.home / ".claude" / "projects").glob("*/*.jsonl"), key=lambda file: file.stat().st_mtime).stem

    def aifinops(self, *given, **more):
        """A command of aifinops, with the key that it knows the gateway by in its environment, and `more` besides."""
        key = self.gateway.master if self.options.admin else self.key["key"]
        env = self.base_env(self.home) | {"AIFINOPS_HOME": str(self.home), "AIFINOPS_TIMEZONE": "UTC", "GATEWAY_KEY": key, **more}
        done = subprocess.run([self.options.binary, *given], env=env, cwd=self.project, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"aifinops {' '.join(given)}: {done.stdout}{done.stderr}")
        return done.stdout

    def join(self):
        """Tells aifinops of the gateway; the key stays in the environment."""
        self.aifinops("gateway", "add", "team", self.gateway.url, "--token-env", "GATEWAY_KEY")

    def reconciled(self):
        self.aifinops("gateway", "sync")
        whose = ["--user", self.user] if self.options.admin else []
        return json.loads(self.aifinops("gateway", "reconcile", *whose, "--json"))
