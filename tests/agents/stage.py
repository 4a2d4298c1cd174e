"""The stage of a proof: a home, agents, a scripted model server, and nothing but loopback."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from agents import PORT, of_word, write

HERE = pathlib.Path(__file__).resolve().parent
# Prices and usage make each call cost 20 cents: 20 000 tokens in at $5, 4000 out at $25 per million. That is more than
# what a proxy reserves for a call under way (4096 tokens out and the request's own size), so that reservations of small
# requests do not use up a cap that has room for a call.
INPUT, OUTPUT = 20_000, 4_000
CALL_USD = 0.20
# What a person reads in the agent, or beside it, when it has been stopped.
HALTED = ("is reached and", "cannot be told")


class Stage:
    """Where agents run. `agents` are objects of agents.py, one for each word; the same one twice is possible."""

    def __init__(self, words, options, delay=0.05, together=0):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        self.options = options
        self.base = pathlib.Path(tempfile.mkdtemp(prefix=f"prove-{'-'.join(words)}-"))
        self.home, self.bin = self.base / "home", self.base / "bin"
        self.home.mkdir()
        self.bin.mkdir()
        self.binary = self.bin / "aifinops"
        shutil.copy(options.binary, self.binary)
        self.data = self.home / ".local" / "share" / "aifinops"
        node = os.path.dirname(shutil.which("node") or "/usr/bin/node")
        self.agents, paths, more = [], [str(self.bin)], {}
        for word in words:
            kind, folder = of_word(word)
            agent = kind(self.home, str(pathlib.Path(options.installed) / folder / "node_modules" / ".bin" / kind.program_name))
            agent.setup()
            self.agents.append(agent)
            paths.append(str(pathlib.Path(agent.program).parent))
            more |= agent.env()
        path = os.pathsep.join([*paths, node, "/usr/local/bin", "/usr/bin", "/bin"])
        self.env = {"PATH": path, "HOME": str(self.home), "TERM": "xterm-256color", "LANG": "C.UTF-8", "SHELL": "/bin/bash", "NO_COLOR": "1", "USER": "dev"} | more
        self.projects = []
        for number in range(len(words)):
            project = self.base / f"project-{number}"
            subprocess.run(["git", "init", "-q", str(project)], check=True)
            self.projects.append(project)
        self.log = self.base / "mock.jsonl"
        self.log.touch()
        self.server = subprocess.Popen(
            [sys.executable, str(HERE / "mock_llm.py"), "--port", str(PORT), "--log", str(self.log), "--usage", f"input={INPUT},output={OUTPUT}", "--delay", str(delay),
             "--subagent", self.agents[0].subagent, "--gap", str(options.gap), "--together", str(together)], stdout=subprocess.PIPE, text=True)
        self.server.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.kill()
        self.server.wait()
        if not self.options.keep:
            shutil.rmtree(self.base, ignore_errors=True)

    def aifinops(self, *args, binary=None):
        done = subprocess.run([str(binary or self.binary), *args], env=self.env, cwd=self.projects[0], capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"aifinops {' '.join(args)}: {done.stdout}{done.stderr}")
        return done.stdout

    def version(self, agent):
        said = subprocess.run([agent.program, "--version"], env=self.env, capture_output=True, text=True, timeout=120, check=False).stdout.split()
        return next((word for word in said if word[:1].isdigit()), "?")

    def cap(self, calls):
        """A daily cap that this call uses up."""
        for model in {agent.model for agent in self.agents}:
            self.aifinops("prices", "set", model, "--input", "5", "--output", "25")
        if self.options.on_failure != "open":
            self.aifinops("config", "set", "on_failure", self.options.on_failure)
        self.aifinops("cap", "set", f"{(calls - 0.5) * CALL_USD:.2f}", "--per", "day")

    def calls(self, agent=None):
        """The calls that the server has seen, as (main, side)."""
        lines = [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]
        of = [line["kind"] for line in lines if agent is None or agent.wire in line["path"]]
        return of.count("main"), of.count("side")

    def stored(self):
        """What the store holds: calls, and tokens."""
        sessions = json.loads(self.aifinops("sessions", "--all", "--json"))["sessions"]
        parts = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
        return sum(s["steps"] for s in sessions), sum(s["tokens"][part] for s in sessions for part in parts)

    def refusals(self):
        log = json.loads(self.aifinops("cap", "log", "--json", "--limit", "1000"))
        return sum(1 for entry in log["decisions"] if entry["decision"] == "refuse")

    def begin(self, at, prompt, again=False, under=(), label=""):
        """Starts an agent; `under` is what it is started by."""
        agent = self.agents[at]
        path = self.base / f"out-{at}-{label}.txt"
        with open(path, "w", encoding="utf-8") as out:
            running = subprocess.Popen([*under, *agent.command(prompt, again)], env=self.env, cwd=self.projects[at], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                       start_new_session=True)
        return running, path

    def end(self, begun, seconds):
        """Waits for it, and ends it with its whole session if it does not."""
        running, path = begun
        try:
            running.wait(seconds)
            ended = True
        except subprocess.TimeoutExpired:
            ended = False
            subprocess.run(["pkill", "-KILL", "-s", str(running.pid)], check=False)
            running.wait()
        return {"ended": ended, "code": running.returncode, "said": path.read_text(encoding="utf-8", errors="replace")}

    def tails(self):
        """What the runs said last, and our log: for whoever asks why a proof failed."""
        files = [*sorted(self.base.glob("out-*.txt"), key=lambda file: file.stat().st_mtime)[-3:], self.data / "aifinops.log"]
        return "".join(f"\n  {file.name}: …{file.read_text(encoding='utf-8', errors='replace')[-400:]}" for file in files if file.exists())

    def run(self, prompt, again=False, under=(), label="", at=0):
        """Gives the calls that a run made, its seconds, and what it said."""
        (main, side), began = self.calls(), time.monotonic()
        done = self.end(self.begin(at, prompt, again, under, label), self.options.seconds)
        took = time.monotonic() - began
        time.sleep(1)
        now = self.calls()
        said = any(words in done["said"] for words in HALTED)
        return {"calls": now[0] - main, "side": now[1] - side, "ended": done["ended"], "code": done["code"], "seconds": round(took, 1), "said": said, "text": done["said"]}

    def both(self, prompt, unders, label=""):
        """Runs all agents at once to their ends."""
        begun = [self.begin(at, prompt, under=unders[at], label=label) for at in range(len(self.agents))]
        done = [None] * len(begun)
        threads = [threading.Thread(target=lambda at=at: done.__setitem__(at, self.end(begun[at], self.options.seconds))) for at in range(len(begun))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(1)
        return done


def settings_of(stage, agent):
    files = {file: (stage.home / file) for file in agent.settings}
    return {file: path.read_bytes() if path.is_file() else None for file, path in files.items()}


__all__ = ["CALL_USD", "INPUT", "OUTPUT", "PORT", "Stage", "settings_of", "write"]
