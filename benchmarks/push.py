"""How fast content gets to a device: lab's push beside `scp` and `adb push`, over one link, in turns.

    python -m benchmarks.push                               ssh over loopback, the size of a 4-bit Phi-3-mini
    python -m benchmarks.push --over adb --rate 200mbit --megabytes 100

lab's push checks every part as it arrives and can be resumed; scp and adb push do neither. With --rate everything
runs in a network whose loopback is held to that rate, in packets of Ethernet's size. adb is that of the emulated
phone, whose programs are emulated: over a fast link its sha256sum is what takes the time. adb needs root.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.arguments import add_json, positive
from benchmarks.push_peers import PEERS, Peer
from tests.devices.peers.slow_link import SlowLink

MODEL_MEGABYTES = 2100  # weights.bin of phi3-mini-q4
BLOCK_BYTES = 1 << 24


@dataclass(frozen=True)
class Round:
    """One turn of each: megabytes per second, and how the second push of the same went."""

    theirs_mb_per_s: float
    ours_mb_per_s: float
    again_s: float
    again_sent_bytes: int

    @property
    def ratio(self) -> float:
        """Ours over theirs."""
        return self.ours_mb_per_s / self.theirs_mb_per_s


def main(argv: Sequence[str] | None = None) -> int:
    """Run, print, return 0."""
    options = _options(argv)
    if options.rate:
        return _inside(options, argv)
    rounds = run(options.over, options.megabytes, options.rounds)
    print(json.dumps([asdict(one) for one in rounds]) if options.json else _table(options, rounds))
    return 0


def run(over: str, megabytes: int, rounds: int) -> list[Round]:
    """Measure: theirs first in even rounds, ours first in odd ones."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="lab-push-") as folder:
        source = _source(Path(folder) / "source.bin", megabytes)
        with PEERS[over](Path(folder)) as peer:
            return [_round(peer, source, number % 2 == 1) for number in range(rounds)]


def _round(peer: Peer, source: Path, ours_first: bool) -> Round:
    ours = _ours(peer, source) if ours_first else None
    began = time.monotonic()
    peer.copy(source)
    theirs = source.stat().st_size / 1e6 / (time.monotonic() - began)
    peer.forget()
    rate, again_s, again_bytes = ours or _ours(peer, source)
    return Round(theirs, rate, again_s, again_bytes)


def _ours(peer: Peer, source: Path) -> tuple[float, float, int]:
    with closing(peer.device()) as device:
        device.facts()
        began = time.monotonic()
        device.push(source, "model/weights.bin")
        took_s = time.monotonic() - began
    with closing(peer.device()) as device:
        device.facts()
        began = time.monotonic()
        device.push(source, "model/weights.bin")
        again_s, traffic = time.monotonic() - began, device.pushed()
        device.clear()
    return source.stat().st_size / 1e6 / took_s, again_s, traffic["sent_bytes"] if traffic else 0


def _source(path: Path, megabytes: int) -> Path:
    """Write bytes that no link can compress."""
    draw, left = np.random.default_rng(0), megabytes * 1_000_000
    with path.open("wb") as file:
        while left > 0:
            file.write(draw.bytes(min(BLOCK_BYTES, left)))
            left -= BLOCK_BYTES
    return path


def _inside(options: argparse.Namespace, argv: Sequence[str] | None) -> int:
    """Run the same again, without --rate, in a network of that rate."""
    words = list(sys.argv[1:] if argv is None else argv)
    place = words.index("--rate")
    del words[place : place + 2]
    with SlowLink(options.rate) as link:
        print(f"loopback held to {options.rate}", file=sys.stderr)
        return subprocess.run([*link.prefix, sys.executable, "-m", "benchmarks.push", *words], check=False).returncode


def _table(options: argparse.Namespace, rounds: Sequence[Round]) -> str:
    theirs = PEERS[options.over].name
    lines = [f"{options.megabytes} MB over {options.over}, {len(rounds)} rounds in turns", ""]
    lines += [f"{'Round':<7}{theirs:>12}{'lab push':>12}{'ratio':>8}{'second push':>22}"]
    for number, one in enumerate(rounds, 1):
        again = f"{one.again_sent_bytes} bytes, {one.again_s:.2f} s"
        rates = f"{one.theirs_mb_per_s:>7.1f} MB/s{one.ours_mb_per_s:>7.1f} MB/s"
        lines.append(f"{number:<7}{rates}{one.ratio:>8.2f}{again:>22}")
    lines += ["", f"median ratio {statistics.median(one.ratio for one in rounds):.2f}"]
    return "\n".join(lines)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.push", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--over", choices=list(PEERS), default="ssh", help="transport; default: ssh")
    parser.add_argument("--megabytes", type=positive, default=MODEL_MEGABYTES, help="default: %(default)s")
    parser.add_argument("--rounds", type=positive, default=3, help="turns of each; default: %(default)s")
    parser.add_argument("--rate", metavar="RATE", help="hold the link to this rate, in tc's words: 200mbit")
    add_json(parser)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
