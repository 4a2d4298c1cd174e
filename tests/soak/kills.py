#!/usr/bin/env python3
"""R1: the program is killed at any moment, a thousand times, while agents write on; in the end every figure is exact.

Killed are a first reading of everything, a reading that goes on, `watch`, and `top` in a terminal. Compared are calls and tokens by
day, model and session, prompts and tools by session, the sums with the rows, and the store's own check.

    tests/soak/kills.py [--kills 1000] [--seed N]
"""
import shutil
import signal
import time

import terminal
import world

BEGIN = 1_772_438_400  # 2026-03-02, 08:00 UTC
BYTES = 20 << 20


def begin(here):
    """One of the ways to run it, with the time after which it is killed."""
    rng = here.rng
    kind = rng.choices(("first", "report", "watch", "top"), (1, 4, 3, 3))[0]
    if kind == "first":
        shutil.rmtree(here.data, ignore_errors=True)
        return kind, here.start("report", "daily", "--all", "--json"), rng.random() * 1.2 * here.whole
    if kind == "report":
        return kind, here.start("report", "daily", "--all", "--json"), rng.random() * 0.06
    after = rng.random() * rng.choice((0.08, 0.4))
    if kind == "watch":
        return kind, here.start("watch", "--json"), after
    return kind, terminal.Terminal(here, "top"), after


def main():
    args = world.options(__doc__, 20_260_302, kills=(1000, "how often it is killed"))
    with world.World(args) as here:
        logs, at = world.crowd(here, 30, 10, 30), BEGIN
        while here.written < BYTES:
            at += here.rng.randrange(1, 400)
            here.rng.choice(logs).grow(at)
        begun = time.monotonic()
        here.ask("report", "daily", "--all", "--json")
        here.whole = time.monotonic() - begun
        kills, faster, looked = {}, 0, 0
        while sum(kills.values()) < args.kills:
            kind, program, after = begin(here)
            end = time.monotonic() + after
            while time.monotonic() < end:
                at += here.rng.randrange(1, 400)
                here.rng.choice(logs).grow(at)
                time.sleep(min(0.01, max(0.0, end - time.monotonic())))
            if program.poll() is None:
                program.send_signal(signal.SIGKILL)
                kills[kind] = kills.get(kind, 0) + 1
            else:
                faster += 1
                assert program.returncode == 0, f"{kind} ended with {program.returncode}"
            program.wait()
            if here.rng.random() < 0.1:
                here.rng.choice(logs).rotate()
            total = sum(kills.values())
            if total >= looked + 100:
                looked = total
                for log in logs:
                    log.settle()
                faults = here.differences()
                assert not faults, "\n".join(faults[:20])
                print(f"{total} kills, {here.written >> 20} MiB of logs", flush=True)
        for log in logs:
            log.settle()
        faults = here.differences()
        sound, words = here.is_sound()
        if not sound:
            faults.append(f"doctor --rebuild: {words}")
        calls = sum(sums["calls"] for sums in here.calls.values())
        print(f"{sum(kills.values())} kills ({', '.join(f'{n} of {kind}' for kind, n in sorted(kills.items()))}), {faster} times it was faster; "
              f"{calls} calls in {here.written >> 20} MiB, {len(faults)} differences")
        print("\n".join(faults[:20]))
        raise SystemExit(bool(faults))


if __name__ == "__main__":
    main()
