"""Looks for secrets in whatever was written, said or started."""
import base64
import collections
import gzip
import os
import pathlib
import threading
import urllib.parse


def forms(text):
    """A secret as it may be written; a part of it says too much as well."""
    raw = text.encode()
    found = {raw, raw[8:20], raw[-12:], raw.hex().encode(), raw.hex().upper().encode(), urllib.parse.quote(text, safe="").encode(), text.replace("/", "\\/").encode()}
    found |= {"".join(f"%{byte:{digits}}" for byte in raw).encode() for digits in ("02x", "02X")}
    for shift in range(3):  # in the middle of other bytes
        middle = base64.b64encode(b"\0" * shift + raw)[4 * (shift > 0):-4]
        found |= {middle, middle.translate(bytes.maketrans(b"+/", b"-_"))}
    return found


class Search:
    """The secrets, and where they were found."""

    def __init__(self, secrets):
        self.secrets = secrets
        self.forms = [(name, form) for name, text in self.secrets.items() for form in forms(text)]
        self.found, self.bytes, self.processes, self.lock = collections.defaultdict(set), 0, collections.Counter(), threading.Lock()
        self.mood = ""

    def look(self, where, text):
        with self.lock:
            self.bytes += len(text)
            for name in {name for name, form in self.forms if form in text}:
                self.found[where].add(f"{name}{self.mood}")

    def files(self, root, planted):
        """Every file below a directory but those below another one, in which secrets were planted: how many."""
        files = [path for path in root.rglob("*") if path.is_file() and planted not in path.parents]
        for file in files:
            text = file.read_bytes()
            self.look(f"the file {file.relative_to(root)}", gzip.decompress(text) if text[:2] == b"\x1f\x8b" else text)
        return len(files)

    def watch(self, known, is_over):
        """Looks at the command lines of all processes that begin meanwhile."""
        while not is_over.wait(0.002):
            for pid in set(filter(str.isdigit, os.listdir("/proc"))) - known:
                self.processes[pid] += 1
                if self.processes[pid] > 5:  # by now it is what it will be
                    known.add(pid)
                try:
                    self.look("a command line", pathlib.Path(f"/proc/{pid}/cmdline").read_bytes())
                except OSError:  # it has ended
                    pass
