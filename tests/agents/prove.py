#!/usr/bin/env python3
"""Proves that guards stop real agents: prove.py [--all | AGENT...] [--fake] [--binary FILE] [--keep]

Each agent runs a task that never ends by itself, against a scripted model server, in a network namespace that has
nothing but loopback, with a home of its own. `aifinops guard install` has been run in that home; it is all that stands
between the agent and endless calls. Four things are counted, each by the model server:

  after cap     calls after the one that used the cap up                  must be 0
  new prompt    calls for a prompt while the cap is used up               must be 0
  after raise   calls after the cap has been raised                       must be 1 or more
  settings      whether the agent's settings are, byte by byte, what they were before installing and uninstalling

The cap is `aifinops cap set`; with --fake, a wrapper around the binary halts from the n-th question on instead.
Needs Linux, root or unprivileged user namespaces, Node.js, and agents from install.sh.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
PORT = 8399
# Prices and usage make each call cost one cent: 1000 tokens in at $5, 200 out at $25 per million.
USAGE = "input=1000,output=200"
CALL_USD = 0.01
CAP_CALLS = 5
TEXT = "aifinops: "


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


class Agent:
    """One agent: how it is set up and how it is given a prompt."""
    model, subagent = "mock-model", "general-purpose"

    def __init__(self, home, program):
        self.home, self.program = home, program

    def setup(self):
        pass

    def env(self):
        return {}


class Claude(Agent):
    guard, program_name, model = "claude-code", "claude", "claude-sonnet-4-5"
    settings = [".claude/settings.json"]

    def setup(self):
        write(self.home / self.settings[0], '{\n  "cleanupPeriodDays": 30,\n  "hooks": {\n    "Stop": []\n  }\n}\n')

    def env(self):
        return {"ANTHROPIC_API_KEY": "sk-ant-none", "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{PORT}", "DISABLE_AUTOUPDATER": "1",
                "DISABLE_TELEMETRY": "1", "DISABLE_ERROR_REPORTING": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "IS_SANDBOX": "1"}

    def command(self, prompt, again):
        more = ["--continue"] if again else []
        return [self.program, "-p", prompt, *more, "--model", self.model, "--output-format", "stream-json", "--verbose", "--dangerously-skip-permissions"]


class Codex(Agent):
    guard, program_name, model = "codex", "codex", "gpt-5.2-codex"
    settings = [".codex/config.toml", ".codex/hooks.json"]

    def setup(self):
        write(self.home / self.settings[0], f'''# The mock's settings.
model = "{self.model}"
model_provider = "mock"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.mock]
name = "mock" # on loopback
base_url = "http://127.0.0.1:{PORT}/v1"
env_key = "MOCK_KEY"
wire_api = "responses"''')

    def env(self):
        return {"MOCK_KEY": "none"}

    def command(self, prompt, again):
        flags = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "--json"]
        return [self.program, "exec", *(["resume", "--last"] if again else []), *flags, prompt]


class CodexCode(Codex):
    """Models that use their tools from code."""
    model = "gpt-5.6-sol"


class Gemini(Agent):
    guard, program_name, model = "gemini-cli", "gemini", "gemini-2.5-pro"
    settings = [".gemini/settings.json"]

    def setup(self):
        write(self.home / self.settings[0], '''{
  // The mock's settings.
  "security": {"auth": {"selectedType": "gemini-api-key"}},
  "general": {"enableAutoUpdate": false},
  "privacy": {"usageStatisticsEnabled": false} // nothing leaves
}
''')

    def env(self):
        return {"GEMINI_API_KEY": "none", "GOOGLE_GEMINI_BASE_URL": f"http://127.0.0.1:{PORT}", "GEMINI_CLI_TRUST_WORKSPACE": "true",
                "GEMINI_TELEMETRY_ENABLED": "false"}

    def command(self, prompt, again):
        more = ["--resume", "latest"] if again else []
        return [self.program, "-p", prompt, *more, "-m", self.model, "--yolo", "--output-format", "stream-json"]


class OpenCode(Agent):
    guard, program_name, subagent = "opencode", "opencode", "general"
    settings = [".config/opencode/opencode.json", ".config/opencode/plugin/aifinops.js"]

    def setup(self):
        models = {self.model: {"name": "Mock", "limit": {"context": 200000, "output": 8192}, "cost": {"input": 5, "output": 25}}}
        options = {"baseURL": f"http://127.0.0.1:{PORT}/v1", "apiKey": "none"}
        write(self.home / self.settings[0], json.dumps({
            "$schema": "https://opencode.ai/config.json", "autoupdate": False, "share": "disabled", "permission": "allow", "model": f"mock/{self.model}",
            "provider": {"mock": {"npm": "@ai-sdk/openai-compatible", "name": "mock", "options": options, "models": models}}}, indent=1))

    def env(self):
        # It fetches a package for plugins at its start and waits for that: 70 seconds without a network, none with a "no".
        return {"npm_config_registry": f"http://127.0.0.1:{PORT}/", "npm_config_fetch_retries": "0", "OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1", "OPENCODE_DISABLE_SHARE": "1"}

    def command(self, prompt, again):
        return [self.program, "run", *(["--continue"] if again else []), "--format", "json", prompt]


AGENTS = {"claude": Claude, "codex": Codex, "codex-code": CodexCode, "gemini": Gemini, "opencode": OpenCode}


def stats():
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/__stats", timeout=5) as answer:
        return json.load(answer)


def inside(name, options):
    """One agent, within the namespace."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    base = pathlib.Path(tempfile.mkdtemp(prefix=f"prove-{name}-"))
    home, project = base / "home", base / "project"
    home.mkdir()
    project.mkdir()
    agent = AGENTS[name](home, options.program)
    agent.setup()
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    binary = base / "bin" / "aifinops"
    binary.parent.mkdir()
    shutil.copy(options.binary, binary)
    node = os.path.dirname(shutil.which("node") or "/usr/bin/node")
    path = os.pathsep.join([str(binary.parent), str(pathlib.Path(options.program).parent), node, "/usr/local/bin", "/usr/bin", "/bin"])
    env = {"PATH": path, "HOME": str(home), "TERM": "xterm-256color", "LANG": "C.UTF-8", "SHELL": "/bin/bash", "NO_COLOR": "1", "USER": "dev"} | agent.env()
    budget = Fake(binary) if options.fake else Cap(agent.model, lambda *args: aifinops(*args))

    def aifinops(*args):
        done = subprocess.run([str(binary), *args], env=env, cwd=project, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"aifinops {' '.join(args)}: {done.stdout}{done.stderr}")
        return done.stdout

    def contents():
        files = {file: (home / file) for file in agent.settings}
        return {file: path.read_bytes() if path.is_file() else None for file, path in files.items()}

    begun = contents()
    result = {"agent": name, "model": agent.model}
    version = subprocess.run([options.program, "--version"], env=env, capture_output=True, text=True, timeout=120, check=False).stdout.split()
    result["version"] = next((word for word in version if word[:1].isdigit()), "?")
    server = subprocess.Popen([sys.executable, str(HERE / "mock_llm.py"), "--port", str(PORT), "--log", str(base / "mock.jsonl"), "--usage", USAGE, "--subagent", agent.subagent,
                               "--gap", str(options.gap)], stdout=subprocess.PIPE, text=True)
    server.stdout.readline()

    def run(prompt, seconds, again=False, label=""):
        """Gives the number of calls that a run made, its seconds, and what it said."""
        before = stats()
        with open(base / f"out-{label}.txt", "w+", encoding="utf-8") as out:
            began = time.monotonic()
            running = subprocess.Popen(agent.command(prompt, again), env=env, cwd=project, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
            try:
                running.wait(seconds)
                ended = True
            except subprocess.TimeoutExpired:
                ended = False
                subprocess.run(["pkill", "-KILL", "-s", str(running.pid)], check=False)
                running.wait()
            took = time.monotonic() - began
            out.seek(0)
            said = out.read()
        time.sleep(1)
        after = stats()
        return {"calls": after["main"] - before["main"], "side": after["side"] - before["side"], "ended": ended, "seconds": round(took, 1), "said": TEXT in said}

    try:
        aifinops("guard", "install", agent.guard)
        aifinops("guard", "verify", agent.guard)
        budget.begin()
        loop = run(options.prompt, options.seconds, label="loop")
        # The hook is asked after the call that crosses the cap, so the call that is allowed last is the cap's own.
        result["before cap"] = min(loop["calls"], CAP_CALLS)
        result["after cap"] = loop["calls"] - CAP_CALLS
        result["side"] = loop["side"]
        result["ended"] = loop["ended"]
        result["seconds"] = loop["seconds"]
        result["said so"] = loop["said"]
        fresh = run("LOOP 2", options.seconds, label="fresh")
        result["new prompt"] = fresh["calls"] + fresh["side"]
        budget.lift()
        result["after raise"] = run("LOOP 1", options.seconds, again=True, label="raised")["calls"]
        aifinops("guard", "uninstall", agent.guard)
        ended = contents()
        result["settings"] = "identical" if ended == begun else f"DIFFER: {[file for file in begun if begun[file] != ended[file]]}"
        result["ok"] = result["after cap"] == 0 and result["new prompt"] == 0 and result["after raise"] >= 1 and ended == begun and loop["ended"]
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        result |= {"ok": False, "error": str(error)}
    finally:
        server.kill()
        server.wait()
        if options.keep:
            result["kept"] = str(base)
        else:
            shutil.rmtree(base, ignore_errors=True)
    return result


class Cap:
    """A real cap, in dollars."""

    def __init__(self, model, aifinops):
        self.model, self.aifinops = model, aifinops

    def begin(self):
        self.aifinops("prices", "set", self.model, "--input", "5", "--output", "25")
        self.aifinops("cap", "set", f"{CAP_CALLS * CALL_USD - CALL_USD / 2:.3f}", "--per", "day")

    def lift(self):
        self.aifinops("cap", "raise", "1")


class Fake:
    """No cap: once the guard is installed, the binary is wrapped, and halts once that many calls have been made."""

    def __init__(self, binary):
        self.binary, self.real = binary, binary.with_name("real-aifinops")

    def begin(self):
        self.binary.rename(self.real)
        write(self.binary, f"""#!/bin/bash
if [ "$1" = hook ]; then
  calls=$(curl -s http://127.0.0.1:{PORT}/__stats | sed 's/.*"main": \\([0-9]*\\).*/\\1/')
  [ "$calls" -ge {CAP_CALLS} ] && export AIFINOPS_HOOK_HALT='{TEXT}the daily cap is used up'
fi
exec '{self.real}' "$@"
""")
        self.binary.chmod(0o755)

    def lift(self):
        self.real.rename(self.binary)


def table(rows):
    columns = ["agent", "version", "model", "before cap", "after cap", "new prompt", "after raise", "settings", "side", "seconds", "said so", "ok"]
    lines = [columns] + [[str(row.get(column, "-")) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
    for row in rows:
        if row.get("error"):
            print(f"{row['agent']}: {row['error']}")
        if row.get("kept"):
            print(f"{row['agent']}: kept {row['kept']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("agents", nargs="*", choices=[[], *AGENTS], metavar="AGENT", help=", ".join(AGENTS))
    parser.add_argument("--all", action="store_true", help="all agents")
    parser.add_argument("--fake", action="store_true", help="halt by a wrapper instead of a cap")
    parser.add_argument("--binary", default="target/debug/aifinops", help="the aifinops to prove")
    parser.add_argument("--seconds", type=int, default=60, help="the longest that an agent may run")
    parser.add_argument("--gap", type=float, default=0.0, help="seconds between the parts of an answer")
    parser.add_argument("--prompt", default="RUNAWAY", help="the task, in the words of mock_llm.py: RUNAWAY FAILING, DELEGATE RUNAWAY, RUNAWAY WIDE 2")
    parser.add_argument("--keep", action="store_true", help="leave each agent's home and logs")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    parser.add_argument("--program", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print("RESULT " + json.dumps(inside(options.inside, options)))
        return 0
    if not options.all and not options.agents:
        parser.error("name agents, or --all")
    base = pathlib.Path(os.environ.get("AIFINOPS_AGENTS") or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "aifinops-agents")
    rows = []
    for name in AGENTS if options.all else options.agents:
        program = base / AGENTS[name].program_name / "node_modules" / ".bin" / AGENTS[name].program_name
        if not program.exists():
            rows.append({"agent": name, "ok": False, "error": f"is not installed; tests/agents/install.sh {AGENTS[name].program_name}"})
            continue
        again = [arg for arg in sys.argv[1:] if arg not in AGENTS and arg != "--all"]
        if "--binary" in again:
            again[again.index("--binary") + 1] = os.path.abspath(options.binary)
        else:
            again += ["--binary", os.path.abspath(options.binary)]
        namespace = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-r", "-n"]
        done = subprocess.run([*namespace, sys.executable, __file__, *again, "--inside", name, "--program", str(program)], capture_output=True, text=True, check=False)
        result = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        rows.append(json.loads(result[-1][7:]) if result else {"agent": name, "ok": False, "error": (done.stderr or done.stdout)[-2000:]})
    table(rows)
    return 0 if all(row.get("ok") for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
