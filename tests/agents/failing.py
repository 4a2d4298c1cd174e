"""Ways in which a guard fails. Each breaks something on a stage and gives what mends it."""
import os
import sqlite3
import subprocess
from dataclasses import dataclass
from typing import Callable

from agents import write


@dataclass
class Case:
    """`is_answered`: whether our program gets to answer, so that `on_failure` decides. Otherwise it is the agent that
    decides, and agents go on without an answer."""
    name: str
    break_it: Callable
    is_answered: bool = False
    is_logged: bool = False
    # Seconds until it has mended itself.
    heals_in: float = 0


def wrapped(script):
    """Puts a script in the place of the program; `$REAL` is the program."""
    def break_it(stage):
        real = stage.bin / "real-aifinops"
        stage.binary.rename(real)
        if script is not None:
            write(stage.binary, f"#!/bin/bash\nREAL='{real}'\n{script}\n")
            stage.binary.chmod(0o755)
        return lambda: real.replace(stage.binary)

    return break_it


def locked(how):
    """Another process holds both databases."""
    def break_it(stage):
        held = []
        for name in ("aifinops.db", "ledger.db"):
            conn = sqlite3.connect(stage.data / name, isolation_level=None, timeout=10)
            if how == "wholly":
                conn.execute("PRAGMA locking_mode = EXCLUSIVE")
            conn.execute("BEGIN EXCLUSIVE")
            if how == "wholly":
                # Only with a write does the lock become one that keeps readers out, too.
                conn.execute("CREATE TABLE held (x)")
            held.append(conn)

        def mend():
            for conn in held:
                conn.execute("ROLLBACK")
                conn.close()

        return mend

    return break_it


def garbage(name):
    def break_it(stage):
        for suffix in ("-wal", "-shm"):
            (stage.data / (name + suffix)).unlink(missing_ok=True)
        (stage.data / name).write_bytes(os.urandom(64 << 10))
        return lambda: None

    return break_it


def read_only(stage):
    data = str(stage.data)
    subprocess.run(["mount", "--bind", data, data], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", data], check=True)
    return lambda: subprocess.run(["umount", data], check=True)


def logged(stage):
    """What our log says of it, without the time."""
    log = stage.data / "aifinops.log"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return lines[-1].partition(" ")[2].replace(str(stage.data), "…") if lines else ""


CASES = [
    Case("nothing", lambda stage: lambda: None),
    Case("killed", wrapped('sleep 0.1; kill -KILL $$')),
    Case("slow 5 s", wrapped('sleep 5; exec "$REAL" "$@"')),
    Case("missing", wrapped(None)),
    Case("store busy", locked("for writing"), is_answered=True, is_logged=True),
    Case("store locked", locked("wholly"), is_answered=True, is_logged=True),
    Case("store damaged", garbage("aifinops.db"), is_answered=True, is_logged=True, heals_in=2),
    Case("ledger damaged", garbage("ledger.db"), is_logged=True),
    Case("read-only", read_only, is_answered=True),
]
