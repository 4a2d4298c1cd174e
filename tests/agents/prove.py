#!/usr/bin/env python3
"""Proves on real agents what stops them: prove.py [--proxy | --signal | --short | --two | --failures] [--all | AGENT...]

Each agent runs a task that never ends by itself, against a scripted model server, in a network namespace that has
nothing but loopback, with a home of its own. What the server sees is what counts. An agent is `codex`, or, in a
release that install.sh has put beside it, `codex@0.169.0`.

  (no flag)   the guard: after the call that uses up the cap, and for a new prompt, the server sees 0 calls; after
              `cap raise` it goes on; the agent's settings are byte for byte what they were before
  --proxy     `aifinops run -- AGENT`, no guard: the same, at most one refused call, and each call once in the store
  --short     conversations of one call each, with a guard: together they overshoot by one call at the most
  --signal    `aifinops run --no-proxy -- AGENT`, no guard: it is ended by signals soon after the cap
  --two A B   two agents at once under one cap, each with a guard, each below the proxy, and one each: together they
              overshoot by one call each at the most
  --failures  the guard is killed, slow or missing, the store locked, damaged or read-only: what happens is what
              `on_failure` says, and the session goes on afterwards

Needs Linux, root or unprivileged user namespaces, Node.js, and agents from install.sh.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True  # a checkout stays as it is

from agents import AGENTS, of_word  # noqa: E402

PAIRS = [["claude", "codex"], ["codex", "codex"], ["gemini", "opencode"], ["claude", "opencode"]]


def table(rows):
    columns = list(dict.fromkeys(column for row in rows for column in row if column not in ("error", "kept", "ok")))
    columns = [*columns, "ok"]
    lines = [columns] + [[str(row.get(column, "-")) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
    for row in rows:
        for what in ("error", "kept"):
            if row.get(what):
                print(f"{row['agent']}: {what}: {row[what]}")


def inside(options):
    """One proof, within the namespace."""
    import proofs

    proof = {"guard": proofs.guard, "proxy": proofs.proxy, "signal": proofs.signal, "short": proofs.short, "two": proofs.two, "failures": proofs.failures}[options.proof]
    print("RESULT " + json.dumps(proof(options.inside.split(","), options)))
    return 0


def in_namespace(words, options):
    """The rows of a proof, which has a network and mounts of its own."""
    missing = [word for word in words if not (pathlib.Path(options.installed) / of_word(word)[1] / "node_modules" / ".bin").exists()]
    if missing:
        return [{"agent": word, "ok": False, "error": f"is not installed; tests/agents/install.sh {of_word(word)[1]}"} for word in missing]
    passed = ["--proof", options.proof, "--inside", ",".join(words), "--binary", os.path.abspath(options.binary), "--installed", options.installed]
    passed += ["--seconds", str(options.seconds), "--gap", str(options.gap), "--prompt", options.prompt, "--subset", options.subset, "--on-failure", options.on_failure] + ["--keep"] * options.keep
    namespace = ["unshare", "-n", "-m"] if os.geteuid() == 0 else ["unshare", "-r", "-n", "-m"]
    done = subprocess.run([*namespace, sys.executable, __file__, *passed], capture_output=True, text=True, check=False)
    result = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    return json.loads(result[-1][7:]) if result else [{"agent": "+".join(words), "ok": False, "error": (done.stderr or done.stdout)[-2000:]}]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("agents", nargs="*", metavar="AGENT", help=", ".join(AGENTS))
    parser.add_argument("--all", action="store_true", help="all agents; for --two some pairs of them")
    for proof, what in [("proxy", "below the proxy"), ("signal", "by signals"), ("short", "short conversations"), ("two", "two at once"), ("failures", "a guard that fails")]:
        parser.add_argument(f"--{proof}", dest="proof", action="store_const", const=proof, default="guard", help=f"the proof: {what}")
    parser.add_argument("--binary", default="target/debug/aifinops", help="the aifinops to prove")
    parser.add_argument("--seconds", type=int, default=60, help="the longest that an agent may run")
    parser.add_argument("--gap", type=float, default=0.0, help="seconds between the parts of an answer")
    parser.add_argument("--prompt", default="RUNAWAY", help="the task, in the words of mock_llm.py: RUNAWAY FAILING, WIDE 2 DELEGATE RUNAWAY, RUNAWAY WIDE 2")
    parser.add_argument("--subset", default="", help="of --failures or --two, only the cases whose name has this in it")
    parser.add_argument("--on-failure", default="open", choices=["open", "closed"], help="what a guard does that cannot tell what was spent")
    parser.add_argument("--keep", action="store_true", help="leave each agent's home and logs")
    parser.add_argument("--installed", help=argparse.SUPPRESS)
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    parser.add_argument("--proof", dest="proof", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        return inside(options)
    unknown = [word for word in options.agents if word.partition("@")[0] not in AGENTS]
    if unknown or not (options.all or options.agents) or (options.proof == "two" and not options.all and len(options.agents) != 2):
        parser.error(f"no such agent: {', '.join(unknown)}" if unknown else "name agents, or --all; --two takes two")
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    options.installed = os.path.abspath(os.environ.get("AIFINOPS_AGENTS") or cache / "aifinops-agents")
    if options.proof == "two":
        casts = PAIRS if options.all else [options.agents]
    else:
        casts = [[name] for name in (AGENTS if options.all else options.agents)]
    rows = [row for words in casts for row in in_namespace(words, options)]
    table(rows)
    return 0 if all(row.get("ok") for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
