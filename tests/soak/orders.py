#!/usr/bin/env python3
"""R9: however the same logs come to be read, the history is the same: all at once, while they grow, and in any order of the files.

The corpora are the logs of five seeds, among them sessions that were resumed, forked or asked aside, whose files begin with copies of
another's; every log below `tests/fixtures/sources`, one case of each agent in a home; and whatever homes `--corpus` names. Each is read
whole, then in 100 increments (every file grows by a random piece, cut at any byte, a copy begins when its original has what it copies,
and the program runs after each), then in ten orders of the files (they appear one by one or in groups, the program runs after each, and
of a group the newest are read first), each time into an empty store. Compared with the first reading are all records of the store and
the report; for the seeds the truth; and the sums with the rows.

A copy may appear before its original, since who owns a call follows from the logs and not from their order (`src/store/family.rs`). Where
a copy ends in a rollout of Codex is sure only if the other one is there or turns have ids that carry their time
(`src/sources/codex/history.rs`). In the logs of the seeds they do; elsewhere the original appears first.

    tests/soak/orders.py [--increments 100] [--orders 10] [--seeds 5] [--corpus DIR]... [--seed N]
"""
import argparse
import collections
import gzip
import json
import os
import sys

import corpora
import world


def look(here):
    here.readings += 1
    return here.ask("report", "daily", "--all", "--json")


def whole(here, corpus):
    corpora.begin(here, corpus.beside | corpus.logs)


def grow(here, corpus):
    """Every file grows in random pieces."""
    rng, steps, sizes = here.rng, here.args.increments, {}
    for path in corpus.in_order(rng, corpus.after):
        of, taken = corpus.after.get(path, (None, 0))
        ready = next(step for step in range(steps) if sizes[of][step] >= taken) if of else 0
        start = rng.randrange(ready, ready + (steps - ready + 1) // 2)
        end = rng.randrange(start, steps)
        size = len(corpus.logs[path])
        # A compressed log is renamed into its place when it is whole.
        pieces = [0] * (end - start) if path.endswith(".zst") else sorted(rng.randrange(size + 1) for _ in range(start, end))
        sizes[path] = [0] * start + pieces + [size] * (steps - end)
    corpora.begin(here, corpus.beside)
    for step in range(steps):
        for path, at in sizes.items():
            before = at[step - 1] if step else 0
            if at[step] > before:
                corpora.write(here, path, corpus.logs[path], before, at[step])
        look(here)


def appear(here, corpus):
    """The files appear one by one or in groups."""
    rng = here.rng
    order = corpus.in_order(rng, {} if corpus.is_true else corpus.after)
    groups = rng.choice((1, 2, 4, len(order)))
    corpora.begin(here, corpus.beside)
    for i in range(groups):
        for path in order[len(order) * i // groups:len(order) * (i + 1) // groups]:
            corpora.write(here, path, corpus.logs[path], 0, len(corpus.logs[path]))
            os.utime(here.home / path, (corpora.BEGIN, corpora.BEGIN + rng.randrange(1_000_000)))
        look(here)


def content(here):
    """All records of the store and the report, in words that no order of reading changes."""
    records = [json.dumps(["report", row]) for row in json.loads(look(here))["rows"]]
    sessions, sides = [], set()
    for line in gzip.decompress(here.ask("store", "export", "-", "-q")).splitlines()[1:]:
        (kind, record), = json.loads(line).items()
        if kind == "session":
            sessions.append((record["agent"], record["uid"]))
            sides |= {sessions[-1]} if record.get("kind") == 1 else set()
        elif "session" in record:
            record["session"] = sessions[record["session"]]
        # That side conversations which repeat a call met before its owner did is remembered, and decides nothing.
        also = ((sessions[other["session"]], other["task"]) for other in record.pop("also", ()))
        record["also"] = sorted((session, task) for session, task in also if record.get("side") or session not in sides)
        records.append(json.dumps([kind, record], sort_keys=True))
    return collections.Counter(records)


def faults_of(here, corpus, found, first):
    """Where a reading is not the first one, or not the truth."""
    faults = [f"{word}: {line}" for word, lines in (("lost", first - found), ("new ", found - first)) for line in lines]
    faults += here.differences() if corpus.is_true else []
    sound, words = here.is_sound()
    return faults if sound else [*faults, f"doctor --rebuild: {words}"]


def tell(corpus, how, faults):
    """Says the faults, and gives how many they are."""
    if faults:
        print(f"{corpus.name}, {how}: {len(faults)} differences\n" + "\n".join(f"    {fault[:500]}" for fault in faults[:4]), flush=True)
    return len(faults)


def main():
    ours = argparse.ArgumentParser(add_help=False)
    ours.add_argument("--corpus", action="append", default=[])
    named, sys.argv[1:] = ours.parse_known_args()
    for home in named.corpus:
        if not os.path.isdir(home):
            ours.error(f"there is no directory {home}")
    args = world.options(__doc__, 20_260_309, increments=(100, "pieces in which a corpus is written"), orders=(10, "orders of its files"),
                         seeds=(5, "seeds whose logs are made up"))
    looked, size, bad = 0, 0, 0
    with world.World(args) as here:
        here.readings = 0
        for corpus in corpora.every(here, named.corpus):
            whole(here, corpus)
            first = content(here)
            known = faults_of(here, corpus, first, first)
            bad += tell(corpus, "read whole", known)
            for how, way in [("while it grows", grow)] + [(f"in order {i + 1}", appear) for i in range(args.orders)]:
                way(here, corpus)
                bad += tell(corpus, how, [fault for fault in faults_of(here, corpus, content(here), first) if fault not in known])
            looked, size = looked + 1, size + sum(map(len, corpus.logs.values()))
            if corpus.is_true or looked % 10 == 0 or corpus.name in named.corpus:
                print(f"{looked} corpora ({corpus.name}), {here.readings} readings", flush=True)
        print(f"{looked} corpora ({args.seeds} seeds, the cases of {len(corpora.PLACES)} agents, {len(named.corpus)} homes) of {size >> 20} MiB, each whole, "
              f"in {args.increments} increments and in {args.orders} orders: {here.readings} readings, {bad} differences")
        raise SystemExit(bool(bad))


if __name__ == "__main__":
    main()
