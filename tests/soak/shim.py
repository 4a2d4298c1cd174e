"""Another time, and a disk that fails, for a program that runs: see shim.c."""
import pathlib
import shutil
import struct
import subprocess
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().with_suffix(".c")
PAGE = 4096


def missing():
    """Why there is none here; nothing where there is one."""
    if not sys.platform.startswith("linux"):
        return "LD_PRELOAD is Linux's"
    return None if shutil.which("cc") else "there is no C compiler (cc)"


class Shim:
    """The library, built in a world's directory, and the page by which it is told."""

    def __init__(self, here):
        self.library, self.page = here.dir / "shim.so", here.dir / "shim.page"
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", self.library, SOURCE, "-ldl"], check=True)
        self.page.write_bytes(bytes(PAGE))
        self.wrong_by, self.rules = 0.0, ()

    def variables(self):
        """What makes a program load it."""
        return {"LD_PRELOAD": self.library, "AIFINOPS_SOAK_SHIM": self.page}

    def must_be_in(self, program):
        """Without this in it, which is so where it was linked without libraries, a program would pass any test."""
        if str(self.library) not in pathlib.Path(f"/proc/{program.pid}/maps").read_text():
            raise RuntimeError("the program loads no library (LD_PRELOAD): build it for a system whose C library is one")

    def now(self):
        """The time as the program sees it."""
        return time.time() + self.wrong_by

    def set_clock(self, at):
        """From now on it is this time."""
        self.wrong_by = at - time.time()
        self.tell()

    def fail(self, *rules):
        """From now on such calls fail: (kind, error, a part of the path)."""
        self.rules = rules
        self.tell()

    def tell(self):
        lines = "".join(f"{kind} {error} {part}\n" for kind, error, part in self.rules)
        page = struct.pack("<q", int(self.wrong_by * 1e9)) + lines.encode()
        assert len(page) < PAGE
        with self.page.open("r+b") as file:
            file.write(page.ljust(PAGE, b"\0"))
