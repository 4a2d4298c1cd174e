#!/usr/bin/env python3
"""S8: where nothing is configured there is no network: `strace` sees every socket of a whole session of `top`, and of each command that looks.

In the session every view is opened, every dialog, the help, the filter, orders, groups, ranges, themes, pause; the window changes its size,
logs grow, and alerts go to the desktop, whose session bus leads nowhere. Allowed are sockets of the kind AF_UNIX (the session bus; pairs
by which threads wake each other), and nothing else: no other kind, no other connection, no address bound or listened at. That holds for
whatever is started, too. As a counter-proof the same is seen of a screen and of `gateway sync` with a gateway on loopback: connections to
exactly its address.

A machine whose own GPUs serve models is asked there, on loopback, as the README says; this is not the place to run this.

    tests/soak/network.py [--seconds 60] [--seed N]
"""
import collections
import contextlib
import fcntl
import json
import re
import shutil
import struct
import subprocess
import sys
import termios
import time

import gateway
import terminal
import world

# Keys that leave nothing open behind them: a dialog is left again.
KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "?\x1b", "/live\r", "\x1b", "/agent:codex\x1b", "s", "S", "r", "b", "t", "T", "f", "f", "\t", "j", "k", "G", "g", " ", "z",
        "\r", "\t", "\t", "\x1b", "1x", "n", "1p", "1p", "1o", "1y", "c9\x1b", "5c\t\x1b", "4t", "4b", "2\t\r", "\x1b", "7b", "7\t", "6\t", "\x0c", "\x06", "\x15"]
# What has been on the screen when all of them were pressed.
SEEN = ["Loops", "Trends", "Caps", "Team", "GPU", "Help", "filter", "a cap", "Stop "]
SIZES = [(120, 40), (80, 24), (200, 60), (40, 10), (240, 70)]
CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)")


def traced(here, name):
    """The words that have every socket and program written down, and where."""
    file = here.dir / f"trace-{name}"
    return file, ["strace", "-f", "-qq", "-e", "trace=network,execve", "-o", str(file)]


def calls(file):
    """The system calls of a trace: name and arguments, also of one that another thread interrupts."""
    return [match.groups() for match in map(CALL.match, file.read_text(errors="replace").splitlines()) if match]


def wrong(file):
    """Everything in a trace that is network and not AF_UNIX."""
    found = []
    for name, words in calls(file):
        is_unix = words.startswith(("AF_UNIX", "AF_LOCAL")) if name in ("socket", "socketpair") else "sa_family=AF_UNIX" in words
        if name in ("bind", "listen", "accept", "accept4") or (name in ("socket", "socketpair", "connect") and not is_unix):
            found.append(f"{name}({words}")
        elif name in ("sendto", "sendmsg", "sendmmsg") and "sa_family=" in words and not is_unix:
            found.append(f"{name}({words}")
    return found


def commands(here, logs):
    """Every command that only looks, with what it is told on standard input."""
    claude, codex = (next(log for log in logs if log.agent == agent) for agent in ("claude-code", "codex"))
    words = ["report daily", "report weekly --by project", "report monthly", "report models --all", "report projects --all", "report agents --all", "sessions --all", f"session {claude.uid}",
             "loops", "waste --range 7d --what-if gpt-5-mini", "forecast", "forecast --backtest", "trends", "trends daily", "experiments", "tag --list", f"tag {claude.uid}", "doctor", "doctor --files", "doctor gpu",
             "gpu --once", "gpu history --days 7", "gpu prices", "cap show", "cap log", "guard status", "prices show", "prices show gpt-5", "alerts list", "alerts test", "store info", "config", "config show",
             "config path", "team", "gateway status", "top --once", "top --once --json", "watch --once", "statusline --plain", "completions bash", "man", "--help", "--version"]
    words += [f"export {what} --all" for what in ("sessions", "tasks", "calls", "days", "focus")] + [f"export session {claude.uid}", "export team", "store export -"]
    yield from ((line.split(), b"") for line in words)
    yield ["statusline"], json.dumps({"session_id": claude.uid, "transcript_path": str(claude.path), "cwd": "/work/app"}).encode()
    for log in (claude, codex):
        for event in ("UserPromptSubmit", "PostToolUse"):
            yield ["hook", log.agent], json.dumps({"hook_event_name": event, "session_id": log.uid, "transcript_path": str(log.path), "cwd": "/work/app"}).encode()


def session(here, logs, environment, seconds, name):
    """A session of `top`: keys, sizes and growing logs; its trace, and what it drew."""
    file, command = traced(here, name)
    top = terminal.Terminal(here, "top", command=command, environment=environment)
    end, n = time.monotonic() + seconds, 0
    while time.monotonic() < end or n < len(KEYS):
        for key in re.findall(r"\x1b|[^\x1b]+", KEYS[n % len(KEYS)]):
            top.press(key)
            time.sleep(0.15)
        if n % 7 == 0:
            columns, rows = SIZES[n // 7 % len(SIZES)]
            fcntl.ioctl(top.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        here.rng.choice(logs).grow(time.time())
        n += 1
    assert top.leave() == 0, f"top ended with {top.returncode}"
    return file, re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", bytes(top.bytes)).decode(errors="replace"), n


def counter_proof(here, logs, environment):
    """With a gateway the trace shows connections to its address, and to no other: faults."""
    server = gateway.Gateway()
    with here.config.open("a") as settings:
        settings.write(f'\n[gateways.team]\nurl = "{server.url}"\nkind = "litellm"\ntoken_env = "SOAK_KEY"\n')
    environment, port = environment | {"SOAK_KEY": "sk-soak-0123456789abcdef"}, server.server_port
    screen, _, _ = session(here, logs, environment, 0, "gateway")
    file, command = traced(here, "sync")
    subprocess.run([*command, here.args.binary, "gateway", "sync"], env=environment, stdin=subprocess.DEVNULL, capture_output=True)
    server.shutdown()
    faults = []
    for name, trace in (("top with a gateway", screen), ("gateway sync", file)):
        asked = [words for call, words in calls(trace) if call == "connect" and "AF_UNIX" not in words]
        own = [words for words in asked if f"sin_port=htons({port})" in words and 'inet_addr("127.0.0.1")' in words]
        print(f"{name}: {len(own)} connections to 127.0.0.1:{port}, {len(asked) - len(own)} elsewhere", flush=True)
        faults += [f"{name}: connect({words}" for words in asked if words not in own] + [f"{name}: the trace sees no connection"] * (not own)
    return faults


def main():
    args = world.options(__doc__, 20_260_316, seconds=(60, "how long the screen is open"))
    if not shutil.which("strace") or subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], capture_output=True).returncode != 0:
        print("skipped: there is no strace, or it may not trace")
        return
    with world.World(args) as here, contextlib.ExitStack() as ending:
        logs = world.crowd(here, 3, 1, 2)
        for log in logs * 5:
            log.grow(time.time())
        # Whose process `x` and `p` find: of each log one of ours writes it.
        writers = [subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, stdout=log.path.open("ab"), start_new_session=True) for log in logs]
        for writer in writers:
            ending.callback(writer.kill)
        here.config.write_text('open_with = "true"\n[caps.day]\nlimit = "$0.01"\n')
        environment = here.environment(AIFINOPS_ALERTS="ways=desktop;session_over=0.01", DBUS_SESSION_BUS_ADDRESS=f"unix:path={here.dir}/nobody")
        file, drawn, keys = session(here, logs, environment, args.seconds, "top")
        faults = [f"top: {call}" for call in wrong(file)] + [f"top: `{word}` was never on the screen" for word in SEEN if word not in drawn]
        seen = collections.Counter(name for name, _ in calls(file))
        programs = {words.split('"')[1] for name, words in calls(file) if name == "execve" and words.rstrip().endswith("= 0")}
        told = sum(name == "connect" and str(here.dir / "nobody") in words for name, words in calls(file))
        faults += ["top: nobody was told anything: the alerts have not been tried"] * (not told)
        print(f"top: {keys} keys in {args.seconds} s: {dict(seen)}, {told} looks for the session bus; started: {', '.join(sorted(programs))}", flush=True)
        looks = 0
        for words, stdin in commands(here, logs):
            file, command = traced(here, "command")
            subprocess.run([*command, args.binary, *words], env=environment, input=stdin, capture_output=True)
            assert any(name == "execve" for name, _ in calls(file)), f"nothing was traced of {words}"
            faults += [f"{' '.join(words)}: {call}" for call in wrong(file)]
            looks += 1
        print(f"{looks} commands that look", flush=True)
        faults += counter_proof(here, logs, environment)
        print(f"{keys} keys in a screen and {looks} commands: {len(faults)} sockets or connections that should not be, or other faults")
        print("\n".join(faults[:20]))
        raise SystemExit(bool(faults))


if __name__ == "__main__":
    main()
