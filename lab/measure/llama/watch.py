"""A program of its own: runs another one and says, when that has ended, what the kernel counted of it.

    watch.py INTERVAL_MS PROGRAM [ARGUMENT...]

Both outputs are the program's, with one line of JSON after its last. VmHWM is asked of the kernel when the
program has ended (it is the same counter as ru_maxrss), so nothing is looked at while it runs; only with an
interval above 0 its memory is sampled. Ends as the program ended, by the same signal if it was one.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

KIB = 1024
FIELDS = ("VmRSS", "RssAnon", "VmSwap")


def status(pid: int) -> dict[str, int]:
    """Return the memory of a process in bytes; empty when it is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:  # noqa: PTH123
            lines = [line.split() for line in file if line.startswith(FIELDS)]
    except OSError:
        return {}
    return {words[0].rstrip(":"): int(words[1]) * KIB for words in lines}


def watch(pid: int, interval_ms: int) -> tuple[int, Any, list[list[float]], dict[str, int]]:
    """Wait for the process; return its wait status, its resource usage, samples and the highest of each field."""
    samples: list[list[float]] = []
    highest: dict[str, int] = {}
    began = time.monotonic()
    while True:
        ended, code, usage = os.wait4(pid, os.WNOHANG if interval_ms else 0)
        if ended:
            return code, usage, samples, highest
        found = status(pid)
        highest.update({name: max(value, highest.get(name, 0)) for name, value in found.items()})
        if "VmRSS" in found:
            samples.append([round(time.monotonic() - began, 4), found["VmRSS"]])
        time.sleep(interval_ms / 1000)


def main() -> None:
    """Run, wait, say, end alike."""
    interval_ms, argv = int(sys.argv[1]), sys.argv[2:]
    try:
        child = subprocess.Popen(argv)
    except OSError as problem:
        sys.exit(f"{argv[0]}: {problem.strerror}")
    signal.signal(signal.SIGTERM, lambda number, frame: child.send_signal(number))
    code, usage, samples, highest = watch(child.pid, interval_ms)
    child.returncode = os.waitstatus_to_exitcode(code)
    counters = {"VmHWM": usage.ru_maxrss * KIB, "major_faults": usage.ru_majflt, "VmSwap": highest.get("VmSwap")}
    said = {"counters": counters, "rss_anon_peak_bytes": highest.get("RssAnon"), "samples": samples}
    print(json.dumps({"watched": said}), flush=True)
    if child.returncode < 0:
        signal.signal(-child.returncode, signal.SIG_DFL) if -child.returncode != signal.SIGKILL else None
        os.kill(os.getpid(), -child.returncode)
    sys.exit(child.returncode)


if __name__ == "__main__":
    main()
