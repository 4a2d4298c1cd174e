#!/usr/bin/env python3
"""R12: the disk fails below `top`; the screen stays, answers, says what is wrong, and goes on within five seconds of the repair.

- store      calls that write, read or sync the store fail (ENOSPC, EIO, EROFS)
- full       the store's disk is full: a small tmpfs of its own
- readonly   the store may not be written from the start
- log        a log cannot be read (EIO)
- denied     a log may not be read (EACCES)
- closed     a directory may not be read
- shut       the same, from before the program was started
- odd        FIFOs, a socket, a device and links that lead to devices or in a circle are called x.jsonl
- first      the same, from before the program was started
- swapped    a log is a FIFO now and then

What the program has stored is read from its store, so that no other program reads the logs in its place. Where root runs this,
the program is nobody's (setpriv) in those parts in which rights matter.

    tests/soak/disk.py [--only store,full] [--seconds 1] [--seed N]
"""
import contextlib
import errno
import os
import subprocess
import sys
import time
import types
import uuid

import scene
import shim
import world

FULL, BROKEN = ("disk is full",), ("I/O error",)
STORE = {"ENOSPC on write": (("write", errno.ENOSPC, "aifinops.db"), FULL), "EIO on write": (("write", errno.EIO, "aifinops.db"), BROKEN),
         "EROFS on write": (("write", errno.EROFS, "aifinops.db"), (*BROKEN, "readonly", "read-only")),
         "EIO on read": (("read", errno.EIO, "aifinops.db"), BROKEN)}
# The store is synced now and then only: this need not be met at all.
QUIET = {"EIO on sync": (("sync", errno.EIO, "aifinops.db"), ())}


def started(it, unread=()):
    it.write(args.seconds)
    it.converges("the start", unread)


def through(it, name, words, repair, unread=None):
    """What is promised of a trouble that has begun: a message, keys, and that all goes on. Logs but those that cannot be read are read meanwhile."""
    it.write(args.seconds)
    if unread is not None:
        it.converges(f"{name} began, of the other logs", unread)
    if words and not it.shows(*words):
        it.fault(f"the screen does not say that there is {name}, but: {it.screen.text().splitlines()[-1].strip()}")
    it.answers(name)
    it.settle()
    repair()
    it.converges(f"the repair of {name}")
    it.write(args.seconds)
    it.converges(f"more was written after {name}")
    end = time.monotonic() + scene.BOUND
    while words and it.shows(*words, seconds=0):
        if time.monotonic() > end:
            return it.fault(f"the screen still says that there is {name}")
        time.sleep(0.1)


def store(here, name, words):
    lies = shim.Shim(here)
    with scene.Scene(here, name, words, variables=lies.variables()) as it:
        started(it)
        lies.must_be_in(it.program)
        for what, (rule, message) in (STORE | QUIET).items():
            lies.fail(rule)
            through(it, what, message, lies.fail)
        it.end()
        return it


def full(here, name, words):
    """The part below, in a process that may mount a disk which nobody else sees."""
    options = ["--binary", args.binary, "--seed", args.seed, "--seconds", args.seconds, "--only", "mounted"]
    done = subprocess.run(["unshare", "-Urm", sys.executable, __file__, *map(str, options)])
    return types.SimpleNamespace(name=name, slowest=0.0, faults=["full: see above"] if done.returncode else [])


def mounted(here, name, words):
    here.data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", here.data], check=True)
    with contextlib.ExitStack() as stack:
        # Else the world's directory could not be removed.
        stack.callback(subprocess.run, ["umount", "-l", here.data], check=True)
        it = stack.enter_context(scene.Scene(here, name, words))
        started(it)
        filler = here.data / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        # In its own files the store has room for a while.
        end = time.monotonic() + 60
        while it.has_all(2):
            assert time.monotonic() < end, "the disk is not full"
            it.write(1)
        through(it, "a full disk", FULL, filler.unlink)
        it.end()
        return it


def readonly(here, name, words):
    world.Log(here, "codex").grow(time.time(), tear=0)
    here.ask("report", "daily", "--all", "--json")
    command = scene.unprivileged(here)
    rights = {path: path.stat().st_mode for path in (here.data, *here.data.iterdir())}
    for path, mode in rights.items():
        path.chmod(mode & ~0o222)
    with scene.Scene(here, name, words, command=command) as it:
        through(it, "a store that may not be written", ("nothing will be remembered", "Permission denied"), lambda: [path.chmod(mode) for path, mode in rights.items()])
        it.end()
        return it


def log(here, name, words):
    lies = shim.Shim(here)
    with scene.Scene(here, name, words, variables=lies.variables()) as it:
        started(it)
        lies.must_be_in(it.program)
        for kind in ("read", "open"):
            unread = world.Log(here, "codex")
            lies.fail((kind, errno.EIO, unread.uid))
            unread.grow(it.now())
            it.logs.append(unread)
            through(it, f"EIO on {kind} of a log", ("cannot read",), lies.fail, [unread])
        it.end()
        return it


def aside(here, name):
    """A session whose log is written where nobody looks, and where it belongs."""
    new = scene.project(world.Log(here, "claude-code"), name)
    place, new.path = new.path, here.dir / "aside" / name / new.path.name
    new.grow(time.time(), tear=0)
    return new, place


def come(here, project, part):
    """A log comes, and that part of its path may not be read."""
    new, place = aside(here, project)
    place.parent.parent.mkdir(parents=True, exist_ok=True)
    part(new.path).chmod(0o300)  # who moves a directory must be allowed to write it
    part(new.path).rename(part(place))
    part(place).chmod(0)
    new.path = place
    return new


def forbidden(here, name, words, what, project, part, first=False):
    command, unread = scene.unprivileged(here), [come(here, project, part)] if first else []
    with scene.Scene(here, name, words, command=command) as it:
        started(it, unread)
        unread = unread or [come(here, project, part)]

        def repair():
            part(unread[0].path).chmod(0o755)
            it.logs.extend(unread)

        through(it, what, ("cannot read", "Permission denied"), repair, unread)
        for _ in range(2):
            it.write(0.2, *unread)
            it.converges(f"more was written into {what} before")
        it.end()
        return it


def denied(here, name, words):
    return forbidden(here, name, words, "a log that may not be read", "-work-app", lambda path: path)


def closed(here, name, words):
    return forbidden(here, name, words, "a directory that may not be read", "-work-closed", lambda path: path.parent)


def shut(here, name, words):
    return forbidden(here, name, words, "a directory that may not be read", "-work-closed", lambda path: path.parent, first=True)


def oddities(here):
    """Things that are called as logs are, and are none."""
    home, codex, registry = here.home / ".claude/projects/-work-odd", here.home / ".codex/sessions/2026/03/02", here.home / ".claude/sessions"
    made = [home / "fifo.jsonl", codex / f"rollout-2026-03-02T08-00-00-{uuid.uuid4()}.jsonl", registry / "1.json"]
    for path in made:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(path)
    for link, target in {"zero.jsonl": "/dev/zero", "tty.jsonl": "/dev/tty", "one.jsonl": "two.jsonl", "two.jsonl": "one.jsonl", "around": ".."}.items():
        made.append(home / link)
        made[-1].symlink_to(target)
    # Of a socket's whole path the system may have no room for the length.
    subprocess.run([sys.executable, "-c", "import socket; socket.socket(socket.AF_UNIX).bind('socket.jsonl')"], cwd=home, check=True)
    with contextlib.suppress(PermissionError):
        os.mknod(home / "device.jsonl", 0o20666, os.makedev(1, 5))
    return [*made, *(path for path in home.iterdir() if path not in made)]


def odd(here, name, words):
    first = oddities(here) if name.startswith("first") else []
    with scene.Scene(here, name, words) as it:
        started(it)
        made = first or oddities(here)
        through(it, "what is no log", ("left alone", "Too many levels"), lambda: [path.unlink() for path in made], [])
        it.end()
        return it


def swapped(here, name, words):
    with scene.Scene(here, name, words) as it:
        started(it)
        new, place = aside(here, "-work-app")
        fifo, link = here.dir / "fifo", here.dir / "link"
        end = time.monotonic() + 5 * args.seconds
        while time.monotonic() < end:
            os.mkfifo(fifo)
            fifo.rename(place)
            os.link(new.path, link)
            link.rename(place)
        new.path = place
        it.logs.append(new)
        through(it, "a log that was a FIFO now and then", (), lambda: None, [])
        it.end()
        return it


def cannot_drop():
    return scene.cannot(*scene.drop(), "true")


MOUNT = ("unshare", "-Urm", "mount", "-t", "tmpfs", "tmpfs", "/tmp")
FAULTS = {"store": (store, shim.missing), "full": (full, lambda: scene.cannot(*MOUNT)), "readonly": (readonly, cannot_drop), "log": (log, shim.missing),
          "denied": (denied, cannot_drop), "closed": (closed, cannot_drop), "shut": (shut, cannot_drop), "odd": (odd, scene.always), "first": (odd, scene.always),
          "swapped": (swapped, scene.always), "mounted": (mounted, scene.always)}

if __name__ == "__main__":
    names = ",".join(name for name in FAULTS if name != "mounted")
    args = world.options(__doc__, 20_260_312, only=(names, "which parts"), seconds=(1.0, "how long the writers write between two looks"))
    scene.play(args, FAULTS, {"top": ["top"]})
