"""What arrives over a link that takes a little at a time is what was sent."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.devices.peers.slow_link import SlowLink
from tests.devices.peers.sshd import Sshd

REPO = Path(__file__).resolve().parents[3]
SEED, CHUNKS, CHUNK_BYTES = 7, 10, 3_000_001


def chunks() -> Iterator[bytes]:
    rng = random.Random(SEED)
    return (rng.randbytes(CHUNK_BYTES) for _ in range(CHUNKS))


@pytest.fixture
def slow() -> Iterator[SlowLink]:
    with SlowLink() as link:
        yield link


def test_a_feed_arrives_byte_for_byte(slow: SlowLink, tmp_path: Path) -> None:
    with Sshd(tmp_path / "slow", prefix=slow.prefix) as server:
        argv = [*slow.prefix, sys.executable, "-m", "tests.devices.ssh.test_slow_link", server.host, str(server.port)]
        env = {**os.environ, "HOME": str(server.home)}
        done = subprocess.run(argv, cwd=REPO, env=env, capture_output=True, text=True, timeout=120)
    whole = hashlib.sha256(b"".join(chunks())).hexdigest()
    assert (done.returncode, done.stdout.split()[:1]) == (0, [whole]), done.stderr


def _feed_all(host: str, port: int) -> str:
    from lab.devices.link import Access
    from lab.devices.ssh.connect import connect
    from tests.devices.ssh.conftest import target

    link = connect(target(host=host, port=port), Access())
    try:
        return link.execute("sha256sum", timeout_s=100, stall_s=20, feed=chunks()).stdout.decode()
    finally:
        link.close()


if __name__ == "__main__":
    print(_feed_all(sys.argv[1], int(sys.argv[2])))
