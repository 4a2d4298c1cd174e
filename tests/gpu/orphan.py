#!/usr/bin/env python3
"""Real agents that start a process on a GPU and end before it: whose it is is known while they run, and afterwards.

The model server is scripted (tests/agents/mock_llm.py), the card is the stand-in for NVIDIA's library (fake_nvml.c), which says
that the process which the agent's tool has left behind holds its memory. Agents are installed by tests/agents/install.sh.

    tests/gpu/orphan.py claude codex [--binary target/debug/aifinops]
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

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "agents"))
import agents  # noqa: E402

AGENTS = {"claude": agents.Claude, "codex": agents.Codex, "opencode": agents.OpenCode, "gemini": agents.Gemini}
INSTALLED = pathlib.Path(os.environ.get("AIFINOPS_AGENTS", pathlib.Path.home() / ".cache" / "aifinops-agents"))


def processes(binary, place, pid):
    env = {key: value for key, value in os.environ.items() if not key.startswith("AIFINOPS_")}
    env |= {"AIFINOPS_HOME": str(place / "home"), "AIFINOPS_NVML": str(place / "libnvidia-ml.so.1"), "AIFINOPS_GPU": "zombie=1"}
    said = subprocess.run([binary, "gpu", "--json"], env=env, capture_output=True, text=True, timeout=60, check=True)
    return next((one for one in json.loads(said.stdout)["processes"] if one["pid"] == pid), None)


def prove(name, binary, place):
    (place / "home").mkdir()
    work = place / "home" / "training"
    work.mkdir()
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", place / "libnvidia-ml.so.1", HERE / "fake_nvml.c"], check=True)
    program = next((INSTALLED / name).glob("node_modules/.bin/*" if name != "gemini" else "node_modules/.bin/gemini"))
    agent = AGENTS[name](place / "home", str(INSTALLED / name / "node_modules" / ".bin" / AGENTS[name].program_name) or str(program))
    agent.setup()
    env = {"PATH": os.environ["PATH"], "HOME": str(place / "home"), "TERM": "dumb", **agent.env()}
    log = (place / "agent.log").open("w")
    running = subprocess.Popen(agent.command("LOOP 1 ORPHAN", False), cwd=work, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    note, pid = work / "orphan.pid", None
    for _ in range(300):
        if note.is_file() and note.read_text().strip():
            pid = int(note.read_text())
            break
        time.sleep(0.1)
    if pid is None:
        running.kill()
        return [f"the agent has left no process behind; its log: {(place / 'agent.log').read_text()[-500:]}"]
    (place / "scenario.txt").write_text(
        f"count 1\ngpu0.name NVIDIA H200\ngpu0.uuid GPU-AA\ngpu0.util 0\ngpu0.mem.total {141 << 30}\ngpu0.mem.used {40 << 30}\n"
        f"gpu0.compute 1\ngpu0.compute0.pid {pid}\ngpu0.compute0.mem {40 << 30}\n"
    )
    faults = []
    try:
        while_it_runs = processes(binary, place, pid)
        still = running.poll() is None
        running.wait(timeout=60)
        after = processes(binary, place, pid)
        time.sleep(62)
        later = processes(binary, place, pid)
        for when, one in (("while it runs", while_it_runs), ("after its end", after), ("a minute later", later)):
            owner = one and one["owner"]
            print(f"  {name} {when}: {owner and {key: owner[key] for key in ('agent', 'session', 'project', 'confidence', 'ended_at')}}, zombie {one and one['zombie']}")
            if not owner or owner["agent"] != agent.guard or not owner["session"] or owner["project"] != "training":
                faults.append(f"{when}: the owner is {owner}")
        if not faults:
            if still and while_it_runs["owner"]["confidence"] != "A":
                faults.append(f"while it runs the rule is {while_it_runs['owner']['confidence']}, not A")
            if while_it_runs["owner"]["session"] != later["owner"]["session"]:
                faults.append("the session is another one afterwards")
            if not later["owner"]["ended_at"] or not later["zombie"]:
                faults.append("a minute after the agent's end the process is no zombie")
        if not still:
            faults.append("the agent had ended before it was looked at: this proves nothing")
        if not pathlib.Path(f"/proc/{pid}").exists():
            faults.append("somebody has ended the process")
    finally:
        try:
            os.kill(pid, 9)
        except OSError:
            pass
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("agents", nargs="+", choices=sorted(AGENTS))
    parser.add_argument("--binary", default=str(HERE.parent.parent / "target" / "debug" / "aifinops"))
    args = parser.parse_args()
    mock = subprocess.Popen([sys.executable, HERE.parent / "agents" / "mock_llm.py", "--port", str(agents.PORT)], stdout=subprocess.DEVNULL)
    failed = False
    try:
        time.sleep(1)
        for name in args.agents:
            place = pathlib.Path(tempfile.mkdtemp(prefix="aifinops-orphan-"))
            faults = prove(name, args.binary, place)
            failed |= bool(faults)
            print(f"✗ {name}: " + "; ".join(faults) if faults else f"✓ {name}: a process is its session's, also after that has ended")
            shutil.rmtree(place, ignore_errors=True)
    finally:
        mock.kill()
    sys.exit(1 if failed else 0)


main()
