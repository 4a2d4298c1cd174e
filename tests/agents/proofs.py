"""The proofs. Each gives rows of a table, with `ok` in each."""
import subprocess
import time

import failing
from stage import INPUT, OUTPUT, Stage, settings_of

# The call that uses up the cap.
CROSSING = 5


def row_of(words, proof, options, **more):
    """Runs one proof on a stage of its own; what goes wrong becomes a row, too."""
    row = {"agent": "+".join(words)}
    with Stage(words, options, **more) as stage:
        try:
            row["version"] = "+".join(stage.version(agent) for agent in stage.agents)
            proof(stage, row)
            if not row["ok"] and not row.get("error"):
                row["error"] = stage.tails()
        except (RuntimeError, subprocess.TimeoutExpired, OSError, ValueError, KeyError) as error:
            row |= {"ok": False, "error": f"{type(error).__name__}: {error}"}
        if options.keep:
            row["kept"] = str(stage.base)
    return row


def guard(words, options):
    def proof(stage, row):
        agent = stage.agents[0]
        before = settings_of(stage, agent)
        stage.aifinops("guard", "install", agent.guard)
        stage.aifinops("guard", "verify", agent.guard)
        stage.cap(CROSSING)
        loop = stage.run(options.prompt, label="loop")
        # Calls beside the conversation (titles) stand in no log, so a guard does not know of them.
        row |= {"model": agent.model, "before cap": min(loop["calls"], CROSSING), "after cap": loop["calls"] - CROSSING, "side": loop["side"], "seconds": loop["seconds"]}
        fresh = stage.run("LOOP 2", label="fresh")
        row["new prompt"] = fresh["calls"] + fresh["side"]
        stage.aifinops("cap", "raise", "10")
        row["after raise"] = stage.run("LOOP 1", again=True, label="raised")["calls"]
        stage.aifinops("guard", "uninstall", agent.guard)
        same = settings_of(stage, agent) == before
        row |= {"settings": "identical" if same else "DIFFER", "said so": loop["said"] or fresh["said"]}
        row["ok"] = row["after cap"] == 0 and row["new prompt"] == 0 and row["after raise"] >= 1 and same and loop["ended"]

    return [row_of(words, proof, options)]


def proxy(words, options):
    def proof(stage, row):
        under = [str(stage.binary), "run", "--"]
        stage.cap(CROSSING)
        loop = stage.run(options.prompt, under=under, label="loop")
        total, refused = loop["calls"] + loop["side"], stage.refusals()
        row |= {"model": stage.agents[0].model, "before cap": min(total, CROSSING), "after cap": max(total - CROSSING, 0), "refused": refused, "side": loop["side"],
                "seconds": loop["seconds"]}
        fresh = stage.run("LOOP 2", under=under, label="fresh")
        row |= {"new prompt": fresh["calls"] + fresh["side"], "refused then": stage.refusals() - refused}
        stage.aifinops("cap", "raise", "10")
        row["after raise"] = stage.run("LOOP 1", again=True, under=under, label="raised")["calls"]
        seen, (calls, tokens) = sum(stage.calls()), stage.stored()
        row |= {"server": seen, "store": calls, "said so": loop["said"]}
        row["ok"] = (total == CROSSING and refused <= 1 + at_once(options.prompt) and row["new prompt"] == 0 and row["after raise"] >= 1 and calls == seen
                     and tokens == seen * (INPUT + OUTPUT) and loop["ended"] and loop["said"])

    return [row_of(words, proof, options)]


def at_once(prompt):
    """How many agents a prompt makes work side by side, beside the one that is asked: each may be refused once."""
    parts = prompt.split()
    return int(parts[parts.index("WIDE") + 1]) if "WIDE" in parts and "DELEGATE" in parts else int("DELEGATE" in parts)


def short(words, options):
    """Conversations of one call each: an agent asks before that call only, so no question of it ever sees what it cost."""
    def proof(stage, row):
        stage.aifinops("guard", "install", stage.agents[0].guard)
        stage.cap(CROSSING)
        for number in range(CROSSING + 4):
            stage.run("hello", label=f"short-{number}")
        calls, _ = stage.calls()
        row |= {"model": stage.agents[0].model, "prompts": CROSSING + 4, "calls": calls, "over": calls - CROSSING}
        row["ok"] = 0 <= row["over"] <= 1

    return [row_of(words, proof, options)]


def signal(words, options):
    # Signals come from a look twice a second, so what they let through depends on how long a call takes.
    delay = 0.5

    def proof(stage, row):
        stage.cap(CROSSING)
        loop = stage.run(options.prompt, under=[str(stage.binary), "run", "--no-proxy", "--"], label="loop")
        row |= {"model": stage.agents[0].model, "after cap": loop["calls"] - CROSSING, "exit code": loop["code"], "seconds": loop["seconds"]}
        stage.aifinops("cap", "raise", "10")
        row["after raise"] = stage.run("LOOP 1", again=True, label="raised")["calls"]
        row["ok"] = loop["ended"] and 0 <= row["after cap"] <= 3 and row["after raise"] >= 1

    return [row_of(words, proof, options, delay=delay)]


def two(words, options):
    crossing = 12
    ways = {"guards": ("guard", "guard"), "proxies": ("proxy", "proxy"), "guard+proxy": ("guard", "proxy"), "proxy+guard": ("proxy", "guard")}

    def proof_of(way):
        def proof(stage, row):
            unders = []
            stage.cap(crossing)
            for agent, how in zip(stage.agents, way):
                if how == "guard":
                    stage.aifinops("guard", "install", agent.guard)
                unders.append([str(stage.binary), "run", "--"] if how == "proxy" else [])
            done = stage.both(options.prompt, unders, label="both")
            # The guard of an agent does not know of calls beside the conversation: no log shows them.
            calls = [stage.calls(agent) for agent in stage.agents]
            same = len({agent.wire for agent in stage.agents}) == 1
            main = calls[0][0] if same else sum(of[0] for of in calls)
            side = 0 if same else sum(of[1] for of, how in zip(calls, way) if how == "proxy")
            row |= {"calls": main if same else "+".join(str(sum(of)) for of in calls), "cap": crossing, "over": main + side - crossing, "store": stage.stored()[0]}
            row["ok"] = row["over"] <= len(way) and all(one["ended"] for one in done) and (same or all(of[0] > 0 for of in calls))

        return proof

    rows = []
    for name, way in ways.items():
        if options.subset in name and not (words[0] == words[1] and name == "proxy+guard"):
            # The same agent twice shares its settings, so one of the two cannot go without the guard.
            if words[0] == words[1] and name == "guard+proxy":
                continue
            row = row_of(words, proof_of(way), options, delay=0.4, together=2)
            rows.append({"agent": row.pop("agent"), "by": name} | row)
    return rows


def failures(words, options):
    rows = []
    for case in failing.CASES:
        for on_failure in ("open", "closed"):
            if options.subset not in case.name:
                continue
            row = row_of(words, lambda stage, row, case=case, policy=on_failure: failure(stage, row, case, policy), options)
            rows.append({"agent": row.pop("agent"), "version": row.pop("version", "?"), "case": case.name, "on_failure": on_failure} | row)
    return rows


def failure(stage, row, case, on_failure):
    agent = stage.agents[0]
    stage.aifinops("config", "set", "on_failure", on_failure)
    stage.aifinops("guard", "install", agent.guard)
    # Far enough from its limit for all that follows, and near enough for levels to be told, which takes the ledger.
    stage.cap(7.5)
    whole = stage.run("LOOP 1", label="whole")
    if whole["calls"] != 2:
        raise RuntimeError(f"it does not work before anything fails: {whole['calls']} calls")
    mend = case.break_it(stage)
    failed = stage.run("LOOP 2", label="failed")
    row |= {"calls": failed["calls"], "ended": failed["ended"], "said": failed["said"], "logged": failing.logged(stage)}
    mend()
    time.sleep(case.heals_in)
    row |= {"afterwards": stage.run("LOOP 1", again=True, label="mended")["calls"], "seconds": failed["seconds"]}
    row["store"] = f"{stage.stored()[0]} of {stage.calls()[0]}"
    blocked = on_failure == "closed" and case.is_answered
    row["ok"] = (failed["ended"] and failed["calls"] < 3 if blocked else failed["calls"] == 3) and failed["ended"] and row["afterwards"] >= 1
    row["ok"] = row["ok"] and (bool(row["logged"]) or not case.is_logged)


__all__ = ["failures", "guard", "proxy", "short", "signal", "two"]
