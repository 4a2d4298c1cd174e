#!/usr/bin/env python3
"""S5: secrets are planted, everything is run that can be, everything that can go wrong does; then they are looked for, and found nowhere.

Planted are a key in a variable, one that a command prints, one in a file, a pair of them; those of an agent behind `aifinops run`, in the
headers `authorization` and `x-api-key` and in the query; what a gateway says (it repeats the key that it was asked with in words, names
and headers, and shows somebody else's key, a cookie and a prompt: gateway.py); a webhook's address; and keys that somebody has put into
settings where none belong. Run is every command that `--help` lists, and those that agents run, with `--json` too, in each mood of the gateway, and `top` through all
views, with RUST_LOG=trace and RUST_BACKTRACE=full. Looked through are everything printed, every byte that the terminal was sent, the
command lines of all processes that begin meanwhile, and every file below the world's directory but the planted ones; for each secret, for
the end of it, and for what it is in base64, in hexadecimal, with percent signs and in JSON.

Nothing that a user can do makes the program panic (tests/it/pty/panic.rs shows what would happen). So a crash is made by SIGABRT while a
key is in use and core files are allowed. Such a file is looked through where the system writes it into the directory of the process.

    tests/soak/canaries.py [--moods usual,401] [--seed N]
"""
import os
import pathlib
import re
import resource
import shlex
import shutil
import signal
import socket
import string
import subprocess
import sys
import threading
import time

import gateway
import search
import terminal
import world

# What is run in every mood. SESSION, PLANTED and URL stand for what they say.
COMMANDS = """
sessions --all | session SESSION | report daily --all | report models --all | loops --all | tag SESSION feature=x | tag --list | experiments | trends | forecast | waste --all | top --once
export sessions | export tasks | export calls | export days --format html | export session SESSION | export focus | export team | export team --by key --format markdown
cap set 20 | cap set 2 --agent codex | cap | cap show | cap raise 1 | cap log | cap clear day | prices show | prices set m --input 1 --output 2 | prices update --file nowhere.json
watch --once | watch --install --print | alerts list | alerts snooze burn_rate 2h | alerts wake burn_rate | alerts test
guard install --all | guard status | guard verify | guard uninstall --all | statusline --plain | statusline install | statusline uninstall
gateway add one URL --token-env SOAK_KEY | gateway add two URL --token-command 'sh PLANTED/say' | gateway add three URL --token-file PLANTED/file
gateway add langfuse URL --kind langfuse --token-file PLANTED/pair | gateway add anthropic URL --kind anthropic-admin --token-env SOAK_KEY
gateway add openai URL --kind openai-admin --token-env SOAK_KEY | gateway add cursor URL --kind cursor-admin --token-env SOAK_KEY
gateway add router URL --kind openrouter --token-env SOAK_KEY | gateway add claude URL --kind claude-apps --token-env SOAK_KEY
gateway add four URL --keyring | gateway add five URL --token-command 'sh PLANTED/say >&2; exit 3' | gateway add six URL --token-file PLANTED/open | gateway add seven URL --token-env NOTHING
gateway sync | gateway sync one | gateway sync nobody | gateway status | gateway reconcile one | gateway reconcile two --csv | team --gateway one | team --gateway three --by key --csv
team alice --gateway two | gateway cap set alice 20/day --gateway one | gateway cap set alice 20/day --gateway two --dry-run | gateway cap set alcie 1/day --gateway three --token-env SOAK_KEY
gateway cap clear alice --gateway one | gateway remove seven | gpu --once | gpu history | gpu prices | doctor | doctor --files | doctor --rebuild
store info | store compact | store export - | store export history.gz | store import history.gz | store import PLANTED/file | config | config show | config path | config edit
config set theme nord | config set gateways.one.every 30 | config unset theme | completions bash | man | run -- true | run -- PYTHON PLANTED/agent.py
run --agent claude-code -- PYTHON PLANTED/agent.py | run --no-proxy -- true | run --upstream ftp://nowhere -- true
hook claude-code UserPromptSubmit | hook claude-code PostToolBatch | hook codex | hook gemini-cli | hook opencode | catch-up
"""
# Settings with a key where none belongs; some are no settings at all.
BAD = ['token_env = "KEY"', 'token = "KEY"', 'url = "https://me:KEY@gateway.example.com"\ntoken_env = "K"', 'url = "https://gateway.example.com/?key=KEY"\ntoken_env = "K"',
       'token_command = ["KEY"]', 'keyring = "KEY"', 'token_env = "KEY\nurl = 1', 'token_env = KEY', '[alerts]\nwebhook = "ftp://h/KEY"', '[alerts]\nwebhook = "KEY"']
BAD_VARIABLES = [("AIFINOPS_GATEWAYS", "a=url:https://h,kind:litellm,token_env:KEY"), ("AIFINOPS_GATEWAYS", "a=url:https://me:KEY@h,kind:litellm,token_env:K"), ("AIFINOPS_GATEWAYS", "KEY"),
                 ("AIFINOPS_WEBHOOK", "KEY"), ("AIFINOPS_WEBHOOK", "http://not-here/KEY")]
# An agent that asks a model with all its secrets, and prints none of them.
AGENT = """import contextlib, json, os, urllib.request
for body in ({"stream": True}, {}, None):
    data = body if body is None else json.dumps({"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": os.environ["PROMPT"]}], **body}).encode()
    url = os.environ["ANTHROPIC_BASE_URL"] + ("/v1/messages" if data else "/v1/models") + "?key=" + os.environ["QUERY"]
    with contextlib.suppress(Exception):
        urllib.request.urlopen(urllib.request.Request(url, data, {"authorization": "Bearer " + os.environ["BEARER"], "x-api-key": os.environ["API_KEY"]}), timeout=20).read()
"""


def secrets(rng):
    """A secret of each kind; that of the command has signs in it which JSON, addresses and headers write differently."""

    def some(form):
        return re.sub("_+", lambda match: "".join(rng.choices(string.ascii_letters + string.digits, k=len(match[0]))), form)

    key, word = "sk-" + "_" * 36, "_" * 40
    return {name: some(form) for name, form in {
        "variable": key, "command": "sk/" + "_" * 18 + "/" + "_" * 18 + "+" + "_" * 14 + "==", "file": key, "pair": "pk-lf-" + "_" * 18 + ":sk-lf-" + "_" * 18, "authorization": key, "x-api-key": word, "query": word,
        "of somebody else": key, "cookie": word, "prompt": word, "webhook": word, "settings": key, "standard input": key}.items()}


def plant(here, own, url):
    """Files with keys, and the environment of somebody who has some."""
    here.planted, programs, here.work = here.dir / "planted", here.dir / "bin", here.dir / "work"
    for directory in (here.planted, programs, here.work):
        directory.mkdir()
    for name, text, mode in (("file", own["file"], 0o600), ("open", own["file"], 0o644), ("pair", own["pair"], 0o600), ("word", own["command"], 0o600),
                             ("say", f"cat '{here.planted}/word'", 0o600), ("agent.py", AGENT, 0o600)):
        (here.planted / name).write_text(text + "\n")
        (here.planted / name).chmod(mode)
    for name in ("sh", "cat", "true"):  # nobody's own programs: neither agents nor a desktop
        (programs / name).symlink_to(shutil.which(name))
    return here.environment(PATH=programs, RUST_LOG="trace", RUST_BACKTRACE="full", SOAK_KEY=own["variable"], AIFINOPS_WEBHOOK=f"{url}/hook/{own['webhook']}",
                            AIFINOPS_ALERTS="ways=webhook,desktop", DBUS_SESSION_BUS_ADDRESS=f"unix:path={here.dir}/nobody", EDITOR="true", ANTHROPIC_BASE_URL=url,
                            BEARER=own["authorization"], API_KEY=own["x-api-key"], QUERY=own["query"], PROMPT=own["prompt"])


def everything(here, sought, server, environment, session):
    """Each command in each mood, with and without JSON, and the screen: how many runs."""
    words = {"SESSION": session, "PLANTED": str(here.planted), "PYTHON": sys.executable}
    key, ran = (sought.secrets["standard input"] + "\n").encode(), 0
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
        for mood in here.args.moods.split(","):
            url, server.mood, sought.mood = server.url, mood, f" ({mood})"
            if mood == "nobody there" and here.config.exists():
                url, server.mood = nobody, "hangs up"
                here.config.write_text(here.config.read_text().replace(server.url, url))
            for line in re.split(r"\||\n", COMMANDS.strip()):
                typed = shlex.split(re.sub("|".join([*words, "URL"]), lambda match: (words | {"URL": url})[match[0]], line))
                for arguments in (typed, ["--json", *typed]):
                    done = subprocess.run([here.args.binary, *arguments], env=environment | {"ANTHROPIC_BASE_URL": url}, input=key, capture_output=True, cwd=here.work)
                    sought.look(f"what `{line.strip()}` says", done.stdout + done.stderr)
                    ran += 1
            top = terminal.Terminal(here, "top", environment=environment)
            for press in ("1", "\r", "\x1b", "2", "4", "5", "6", "\t", "\r", "\x1b", "b", "t", "6", "7", "?", "\x1b", "1"):
                time.sleep(0.15)
                top.press(press)
            time.sleep(1)
            assert top.leave() == 0, f"top ended with {top.returncode}"
            sought.look("the terminal", bytes(top.bytes))
            sought.look("the terminal, without its signs", re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", bytes(top.bytes)))
            print(f"{mood}: {ran} runs, {sought.files(here.dir, here.planted)} files looked through, {len(sought.found)} finds", flush=True)
    sought.mood = ""
    return ran


def settings(here, sought, environment):
    """Keys where none belong, in a file and in variables."""
    file, own, places = here.planted / "bad.toml", sought.secrets["settings"], []
    environment = environment | {"AIFINOPS_DATA_DIR": str(here.dir / "other")}
    for text in BAD:
        if not text.startswith("["):
            text = '[gateways.a]\nkind = "litellm"\n' + ("" if "url" in text else 'url = "https://gateway.example.com"\n') + text
        places.append((text, {"AIFINOPS_CONFIG": str(file)}))
    places += [(f"{name}={value}", {name: value.replace("KEY", own)}) for name, value in BAD_VARIABLES]
    for text, more in places:
        file.write_text(text.replace("KEY", own) + "\n")
        for line in ("config show", "config show --json", "config edit", "config set theme nord", "doctor", "doctor --json", "gateway status", "team", "alerts test", "top --once"):
            done = subprocess.run([here.args.binary, *line.split()], env=environment | more, stdin=subprocess.DEVNULL, capture_output=True, cwd=here.work)
            sought.mood = f" by `{line}`"
            sought.look(f"what is said of the settings {text!r}", done.stdout + done.stderr)
    sought.mood = ""


def crash(here, sought):
    """A crash while a key is in use; whether a file could have been left."""
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern")
    if not pattern.exists() or pattern.read_text().startswith(("|", "/")) or resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        return print("skipped: core files go elsewhere on this system, or may not be written")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        allow = lambda: resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        words = ["gateway", "add", "silent", url, "--kind", "litellm", "--token-file", str(here.planted / "file")]
        program = here.start(*words, env=here.environment(AIFINOPS_DATA_DIR=here.dir / "other"), cwd=here.work, preexec_fn=allow)
        connection = silent.accept()[0]
        assert sought.secrets["file"].encode() in connection.recv(65536), "it was not asked with the key"
        program.send_signal(signal.SIGABRT)
        program.wait()
        connection.close()
    print(f"a crash with a key in use left {sum(path.name.startswith('core') for path in here.work.iterdir())} core files")


def leaves(here, words=()):
    """Every command that the help lists."""
    text = subprocess.run([here.args.binary, *words, "--help"], env=here.environment(), capture_output=True, text=True).stdout
    listed = re.search(r"^Commands:\n((?:  .*\n)+)", text, re.M)
    below = re.findall(r"^  ([a-z-]+)", listed[1], re.M) if listed else []
    if words and not below:
        yield " ".join(words)
    for word in below:
        if word != "help":
            yield from leaves(here, (*words, word))


def main():
    args = world.options(__doc__, 20_260_317, moods=(",".join((*gateway.MOODS[:-1], "nobody there", gateway.MOODS[-1])), "the moods of the gateway, with commas"))
    with world.World(args) as here:
        sought, is_over = search.Search(secrets(here.rng)), threading.Event()
        server = gateway.Gateway(sought.secrets)
        environment, logs = plant(here, sought.secrets, server.url), world.crowd(here, 2, 1, 1)
        for log in logs * 4:
            log.grow(time.time())
        watcher = threading.Thread(target=sought.watch, args=(set(os.listdir("/proc")), is_over)) if os.path.isdir("/proc") else None
        if watcher:
            watcher.start()
        try:
            ran = everything(here, sought, server, environment, logs[0].uid)
            settings(here, sought, environment)
            crash(here, sought)
        finally:
            is_over.set()
        files = sought.files(here.dir, here.planted)
        faults = [f"{where}: {', '.join(sorted(names))}" for where, names in sought.found.items()]
        faults += [f"nobody was ever asked with the key: {name}" for name in ("variable", "command", "file", "pair", "authorization") if not server.asked[sought.secrets[name]]]
        faults += [f"this command is run nowhere here: {leaf}" for leaf in leaves(here) if not re.search(rf"(^|[|\n]) ?{leaf}( |$)", COMMANDS, re.M) and leaf != "top"]
        print(f"{ran} runs, {sum(server.asked.values())} questions with keys, {len(sought.secrets)} secrets in {len(sought.forms)} forms, {len(sought.processes)} processes,"
              f" {sought.bytes >> 20} MiB and {files} files looked through: {len(faults)} finds or gaps")
        print("\n".join(faults[:60]))
        raise SystemExit(bool(faults))


if __name__ == "__main__":
    main()
