"""What a process uses while it runs, by what Linux says of it: memory, handles, threads, CPU."""
import contextlib
import os
import pathlib
import statistics
import time


class Program:
    """One that is watched: what it uses, sample by sample."""

    def __init__(self, name, started):
        self.name, self.started, self.proc, self.samples = name, started, pathlib.Path(f"/proc/{started.pid}"), []

    def cpu(self):
        """Seconds of CPU so far, of all its threads, to the nanosecond: by its own clock, as clock_getcpuclockid(3) names it. What
        /proc says is counted in hundredths of a second."""
        return time.clock_gettime((~self.started.pid << 3) | 2)

    def sample(self):
        status = dict(line.split(":", 1) for line in (self.proc / "status").read_text().splitlines())
        files = os.listdir(self.proc / "fd")
        kib = {name: int(status[name].split()[0]) << 10 for name in ("VmRSS", "RssAnon")}
        self.samples.append({"rss": kib["VmRSS"], "anon": kib["RssAnon"], "handles": len(files), "threads": int(status["Threads"]), "watched": self.watched(files)})

    def watched(self, files):
        """How many files and directories it watches."""
        n = 0
        for file in files:
            with contextlib.suppress(OSError):
                n += (self.proc / "fdinfo" / file).read_text().count("inotify wd:")
        return n

    def shown(self):
        now = self.samples[-1]
        return f"{self.name}: {now['rss'] / 1e6:6.1f} MB, {now['anon'] / 1e6:5.1f} of its own, {now['handles']:2} handles, {now['threads']:2} threads, {now['watched']:3} watched"

    def faults(self, growth=5 << 20):
        """Compares the first tenth of what was sampled with the last: memory may have grown by so much, handles and threads not at all."""
        tenth = max(3, len(self.samples) // 10)
        first, last, found = self.samples[:tenth], self.samples[-tenth:], []
        for what in ("rss", "anon"):
            was, now = (statistics.median(sample[what] for sample in samples) for samples in (first, last))
            most = max(sample[what] for sample in self.samples)
            print(f"{self.name}: {what} {was / 1e6:.1f} MB, then {now / 1e6:.1f} MB ({(now - was) / 1e6:+.1f}), at most {most / 1e6:.1f} MB")
            if now - was > growth:
                found.append(f"{self.name}: {what} grew by {(now - was) / 1e6:.1f} MB")
        for what in ("handles", "threads"):
            was, least = max(sample[what] for sample in first), min(sample[what] for sample in last)
            print(f"{self.name}: {what} {was} at most, then {least} at least")
            if least > was:
                found.append(f"{self.name}: {least} {what}, at the start {was} at most")
        return found
