#!/usr/bin/env python3
"""R7 and R8: whatever the size of a file, a line or a number, what is beside it is counted exactly, and memory stays small.

R7: files of 0 to 1,025 bytes that grow on, 50,000 files, and one of 10 GB, half of it holes; at most 150 MB of memory. R8: in a log of
each agent, between two calls, a line of 256 MB (and one of 31 MB, which is read), 10 MB of NULs, nesting that is 10,000 deep or never
closed, a message of a million blocks or tools, and numbers that are none; at most 64 MB more than the limit of a line. What is too long
or broken is counted in `doctor`, and nothing else is.

Memory is the peak that the system tells of a process that has ended (`ru_maxrss`). Of a new process that is never less than the peak of
the one that began it, so this script itself never holds much.

    tests/soak/big.py [--files 50000] [--giga 10] [--dense 512] [--threads 16] [--seed N]
"""
import json
import os
import resource
import shutil
import uuid

import records
import world

MB = 1_000_000
LIMITS = {"R7": 150 * MB, "R8": (32 << 20) + 64 * MB}
# Numbers of tokens that are none, or a text, and what they count for.
ODD = {"1e999": 0, "-1": 0, str(2**63): 0, '"7"': 7}


class Look:
    """The program's readings: their figures, their memory, and what is wrong."""

    def __init__(self, here):
        self.here, self.faults, self.peaks = here, [], {}

    def name(self):
        """A session's id, which is its model's name as well."""
        return str(uuid.UUID(int=self.here.rng.getrandbits(128), version=4))

    def read(self, row, what):
        """Reads what is new; gives calls, input and output of each model."""
        with (self.here.dir / "out").open("wb") as out, (self.here.dir / "err").open("wb") as err:
            program = self.here.start("report", "daily", "--all", "--json", stdout=out, stderr=err)
            status, usage = os.wait4(program.pid, 0)[1:]
            program.returncode = os.waitstatus_to_exitcode(status)
        peak = usage.ru_maxrss * 1024
        self.peaks[row, what.partition(":")[0]] = max(peak, self.peaks.get((row, what.partition(":")[0]), 0))
        if program.returncode:
            self.faults.append(f"{row}: {what}: it ended with {program.returncode}: {(self.here.dir / 'err').read_text(errors='replace')[-300:]}")
            return {}
        if peak > LIMITS[row]:
            self.faults.append(f"{row}: {what}: {peak // MB} MB of memory, {LIMITS[row] // MB} are allowed")
        found = json.loads((self.here.dir / "out").read_bytes())["rows"]
        return {line["model"]: (line["calls"], line["tokens"]["input"], line["tokens"]["output"]) for line in found}

    def expect(self, what, is_so, should):
        if is_so != should:
            self.faults.append(f"{what}: is {is_so}, should be {should}")

    def skipped(self, path):
        """What `doctor` says was passed over in a log; its reason instead if it could not be read."""
        found = json.loads(self.here.ask("doctor", "--json"))
        failed = [f["error"] for f in found["failed"] if f["path"] == str(path)]
        return failed[0] if failed else sum(f["malformed"] for f in found["files"] if f["path"] == str(path))


def sizes(look):
    """Files that are as long as what they are known again by, or a little shorter or longer, and go on."""
    logs = []
    for agent in records.AGENTS:
        if agent.path.endswith(".jsonl"):
            for size in (0, 1, 100, 1023, 1024, 1025):
                name = look.name()
                lines = [records.fill(line, name, 0) for line in agent.head] + [records.fill(agent.call, name, 1), records.fill(agent.call, name, 2)]
                *first, second = [b"".join(records.chunks(line)) for line in lines]
                # Blanks in the last line make it as long as wanted. A size without room for it holds its beginning.
                text = b"\n".join(first)
                text = text[:-1] + b" " * (max(size, 1023) - len(text) - 1) + text[-1:] + b"\n"
                logs.append((agent.name, name, size, look.here.home / agent.path.replace("<name>", name), text, second + b"\n"))
    for _, _, size, path, text, _ in logs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text[:size])
    found = look.read("R7", "small files")
    for agent, name, size, path, text, second in logs:
        look.expect(f"{agent}: {size} bytes", found.get(name), None if size < len(text) else (1, 100, 10))
        with path.open("ab") as file:
            file.write(text[size:] or second)
    found = look.read("R7", "small files")
    for agent, name, size, path, text, second in logs:
        look.expect(f"{agent}: {size} bytes that go on", found.get(name), (1, 100, 10) if size < len(text) else (2, 200, 20))
        path.unlink()


def many(look):
    """Many small files, and then a line more in each."""
    agent, files, model = records.AGENTS[0], look.here.args.files, look.name()
    for n in (1, 2):
        for i in range(files):
            name = f"{i:08x}-0000-4000-8000-000000000000"
            path = look.here.home / ".claude/projects" / f"-work-{i % 100}" / f"{name}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                line = b"".join(records.chunks(records.fill(agent.call, name, n)))
                file.write(line.replace(f'"model":"{name}"'.encode(), f'"model":"{model}"'.encode()) + b"\n")
        look.expect(f"{files} files", look.read("R7", f"{files} files").get(model), (n * files, n * 100 * files, n * 10 * files))
    shutil.rmtree(look.here.home / ".claude")


def giant(look):
    """One file: of each GiB a part is records, the rest a hole, which is one line that is too long."""
    here, agent, name = look.here, records.AGENTS[0], look.name()
    path, giga, dense = here.home / agent.path.replace("<name>", name), here.args.giga, here.args.dense
    if shutil.disk_usage(here.dir).free < (giga * dense << 20) + (1 << 30):
        return print(f"skipped: a file of {giga} GiB, for which there is no room in {here.dir}")
    # The same call again and again, in lines of many lengths, is one.
    again = [records.fill(agent.message, name, 1, [(b'{"type":"text","text":"', 1), (b"x", here.rng.randrange(20_000)), (b'"}', 1)]) for _ in range(110)]
    block = b"".join(chunk for line in again for chunk in [*records.chunks(line), b"\n"])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for n in range(1, giga + 1):
            for _ in range((dense << 20) // len(block)):
                file.write(block)
            file.seek(n << 30)
            file.writelines([b"\n", *records.chunks(records.fill(agent.call, name, n)), b"\n"])
    look.expect(f"{giga} GiB", look.read("R7", f"one file of {giga} GiB").get(name), (giga, giga * 100, giga * 10))
    # A hole that is no longer than a line may be is blank.
    look.expect(f"{giga} GiB: holes", look.skipped(path), giga if 1024 - dense > 33 else 0)
    records.write(path, [records.fill(agent.call, name, giga + 1)])
    look.expect(f"{giga} GiB and a line", look.read("R7", f"one file of {giga} GiB").get(name), (giga + 1, giga * 100 + 100, giga * 10 + 10))
    path.unlink()


def measures(agent, name):
    """What is out of measure: its name, its line, how many calls that is and of what input, and how many are passed over."""
    is_call, nuls = agent.call == agent.message, (b"\0", 10 * MB)
    message = lambda *room: records.fill(agent.message, name, 2, room)
    text = lambda size: message((b'{"text":"', 1), (b"x" * 1024, size // 1024), (b'"}', 1))
    # A call is known by its count where a message is none.
    one = (1, 100) if is_call else (0, 0)
    yield "a line of 256 MB", text(256 << 20), (0, 0), 1
    yield "a line of 31 MB", text(31 << 20), one, 0
    yield "NULs in a text", message((b'"', 1), nuls, (b'"', 1)), one, 0
    if agent.path.endswith((".jsonl", ".zst")):
        yield "a line of NULs", [nuls], (0, 0), 0
        yield "a record behind NULs", [nuls, *records.fill(agent.call, name, 2)], (1, 100), 0
        yield "a record torn by NULs", [(b'{"type":"assistant","mess', 1), nuls], (0, 0), 1
    yield "lists in lists", message((b"[", 10_000), (b"]", 10_000)), one, 0
    yield "objects in objects", message((b'{"input":', 10_000), (b"1", 1), (b"}", 10_000)), one, 0
    yield "lists never closed", message((b"[", 10_000)), (0, 0), 1
    yield "a million blocks", message(*records.blocks(agent.block, 1_000_000)), one, 0
    if agent.tool:
        yield "a million tools", records.fill(agent.tools, name, 2, records.blocks(agent.tool, 1_000_000)), one, 0
    for odd, count in ODD.items():
        # A running total has to be the right one even as a text; what a call took is told beside it.
        total = '"200"' if odd == '"7"' else odd
        yield f"{odd} tokens", records.fill(agent.call, name, 2, odd=odd if is_call else total), (1, count if is_call else 100), 0


def between(look, agent):
    """Each measure between two calls. A line that grows is looked at before it ends, too."""
    kinds = [what for what, *_ in measures(agent, "")]
    for kind in kinds:
        name, what = look.name(), f"{agent.name}: {kind}"
        line, (calls, tokens), skipped = next(rest for other, *rest in measures(agent, name) if other == kind)
        path = look.here.home / agent.path.replace("<name>", name)
        before = [records.fill(line, name, 0) for line in agent.head] + [records.fill(agent.call, name, 1)]
        # Where a message is no call, the next count goes on from the first one.
        behind = [records.fill(agent.call, name, 2 if agent.call != agent.message and not calls else 3)]
        if path.suffix == ".jsonl":
            records.write(path, before)
            with path.open("ab") as file:
                file.writelines(records.chunks(line))
                file.flush()
                look.expect(f"{what}: before it ends", look.read("R8", what).get(name), (1 + calls, 100 + tokens, 10 + 10 * calls))
                file.write(b"\n")
            records.write(path, behind)
        else:
            records.write(path, [*before, line, *behind])
        is_lost = skipped and path.suffix == ".json"  # of a document that is broken, nothing counts
        look.expect(what, look.read("R8", what).get(name), None if is_lost else (2 + calls, 200 + tokens, 20 + 10 * calls))
        look.expect(f"{what}: passed over", look.skipped(path), skipped)
        for file in path.parent.glob(f"*{name}*"):
            file.unlink()
    print(f"{agent.name}: {len(kinds)} measures, at most {look.peaks['R8', agent.name] // MB} MB", flush=True)


def main():
    args = world.options(__doc__, 20_260_310, files=(50_000, "small files"), giga=(10, "GiB of the large file"), dense=(512, "MiB of records in each"),
                         threads=(16, "threads that read, as where there are as many cores"))
    with world.World(args) as here:
        here.config.write_text(f"threads = {args.threads}\n")
        look = Look(here)
        sizes(look)
        for agent in records.AGENTS:
            between(look, agent)
        giant(look)
        many(look)
        ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        assert ours < min(LIMITS.values()), f"this script needs {ours // MB} MB itself, so what the program needs cannot be told"
        print(", ".join(f"{row} {what} {peak // MB} MB" for (row, what), peak in look.peaks.items()) + f"; {len(look.faults)} faults")
        print("\n".join(look.faults))
        raise SystemExit(bool(look.faults))


if __name__ == "__main__":
    main()
