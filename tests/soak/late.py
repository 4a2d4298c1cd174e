#!/usr/bin/env python3
"""S6: no answer of a gateway keeps a frame waiting: one that never comes, comes byte by byte, is ten megabytes of head, or unpacks to gigabytes.

`top` is open beside such a gateway, which it asks all the time; keys are pressed, and each has to be answered by a frame as soon as without a
gateway, or a tenth of a second later (the 99th of a hundred), and none may stay without one. Before that the gateway must have been asked.

    tests/soak/late.py [--keys 400] [--moods all] [--seed N]
"""
import contextlib
import gzip
import io
import time

import gateway
import goals
import screen
import terminal
import world

LATE = 0.1
MOODS = ("silent", "drip", "head", "bomb")
# Each draws something else.
KEYS = "6j1j6k1k"


def bomb():
    """A gigabyte and more of nothing, packed."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9) as out:
        out.write(b'{"user_id": "')
        for _ in range(1200):
            out.write(b"0" * (1 << 20))
    return packed.getvalue()


class Slow(gateway.Answers):
    """Answers as no gateway should."""

    def answer(self):
        server = self.server
        server.asked[server.mood] += 1
        with contextlib.suppress(OSError):
            getattr(self, server.mood)(server)

    def silent(self, server):
        while server.mood == "silent":
            time.sleep(0.05)

    def drip(self, server):
        self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n")
        while server.mood == "drip":
            self.wfile.write(b" ")
            time.sleep(0.01)

    def head(self, server):
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for n in range(1000):
            self.wfile.write(b"x-%d: %s\r\n" % (n, b"y" * 10_000))
        self.wfile.write(b"content-length: 2\r\n\r\n{}")

    def bomb(self, server):
        self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n%s" % (len(server.bomb), server.bomb))

    do_GET = do_POST = do_PUT = do_PATCH = answer


def look(here, server, mood, keys):
    """Presses keys in a screen; seconds to the frame of each, and how many drew nothing."""
    server.mood = mood or "usual"
    top = terminal.Terminal(here, "top", environment=here.environment(SOAK_KEY="sk-soak-0123456789abcdef"))
    shown = screen.Screen(top)
    assert world.until(lambda: "live of 6" in shown.text(), 30, "the first frame") is None
    if mood:
        world.until(lambda: server.asked[mood] > 0, 30, f"the gateway is asked ({mood})")
    times, missed = goals.key_times(top, KEYS, keys)
    server.mood = "over"
    assert top.leave() == 0, f"top ended with {top.returncode}"
    return times, missed


def main():
    args = world.options(__doc__, 20_261_127, keys=(400, "keys in each mood"), moods=("all", "the gateway's moods, or all"))
    moods, faults = MOODS if args.moods == "all" else args.moods.split(","), []
    with world.World(args) as here:
        for log in world.crowd(here, 3, 1, 2):
            log.grow(time.time())
        here.ask("sessions", "--all")
        server = gateway.Gateway()
        server.RequestHandlerClass, server.bomb = Slow, bomb()
        worst = lambda times: sorted(times)[int(len(times) * 0.99)]
        usual, _ = look(here, server, None, args.keys)
        print(f"without a gateway: {goals.points(usual)}", flush=True)
        here.config.write_text(f'[gateways.team]\nurl = "{server.url}"\nkind = "litellm"\ntoken_env = "SOAK_KEY"\nevery = 5\n')
        for mood in moods:
            times, missed = look(here, server, mood, args.keys)
            print(f"{mood}: {goals.points(times)}; asked {server.asked[mood]} times", flush=True)
            if missed or worst(times) > worst(usual) + LATE:
                faults.append(f"{mood}: the 99th of a hundred frames came after {worst(times) * 1000:.0f} ms instead of {worst(usual) * 1000:.0f}; {missed} keys drew nothing")
        server.shutdown()
    print("\n".join(faults) or "no frame waited")
    raise SystemExit(bool(faults))


if __name__ == "__main__":
    main()
