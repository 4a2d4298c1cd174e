"""A terminal that a program runs in: keys go in, every byte comes out."""
import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
import time


class Terminal:
    """The program in a terminal of so many columns and rows; what it writes is kept, or only counted."""

    def __init__(self, world, *words, columns=120, rows=40, command=None, environment=None):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        command = [*(command or []), world.args.binary, *map(str, words)]
        self.bytes, self.ours = bytearray(), ours
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment or world.environment(),
                                        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(theirs)
        threading.Thread(target=self.drain, daemon=True).start()

    def drain(self):
        while True:
            try:
                chunk = os.read(self.ours, 65536)
            except OSError:  # the other side is gone
                return os.close(self.ours)
            if not chunk:
                return os.close(self.ours)
            self.bytes += chunk

    def press(self, keys):
        os.write(self.ours, keys.encode())

    def poll(self):
        return self.process.poll()

    def wait(self, timeout=None):
        return self.process.wait(timeout)

    def send_signal(self, signal):
        self.process.send_signal(signal)

    @property
    def pid(self):
        return self.process.pid

    @property
    def returncode(self):
        return self.process.returncode

    def leave(self, patience=20):
        """Ends the program as a person would; its exit code. Close behind an escape, ctrl-c is another key, so it is pressed again."""
        end = time.monotonic() + patience
        while self.poll() is None and time.monotonic() < end:
            self.press("\x03")
            try:
                self.wait(1)
            except subprocess.TimeoutExpired:
                continue
        return self.returncode
