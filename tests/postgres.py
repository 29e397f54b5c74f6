"""A PostgreSQL server of the tests' own: Debian's programs, a temporary folder, nobody's rights."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lab.store import choose

INSTALL = "PostgreSQL's programs are missing: run scripts/install-debian-packages, or apt-get install postgresql"
DEBIAN = Path("/usr/lib/postgresql")
PASSWORD = "s3cret@/word"
OPTIONS = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c shared_buffers=16MB"


@dataclass(frozen=True)
class Server:
    """A running server; `folder` holds its socket."""

    folder: Path
    port: int

    def url(self, database: str = "bench") -> str:
        return f"postgresql://owner@/{database}?host={self.folder}&port={self.port}"

    def tcp_url(self, database: str = "bench", *, password: str = "s3cret%40%2Fword", port: int | None = None) -> str:
        return f"postgresql://owner:{password}@127.0.0.1:{port or self.port}/{database}"

    def ask(self, statement: str, *values: Any, database: str = "bench", user: str = "owner") -> list[Any]:
        """What the server answers, past all of lab."""
        where = f"host={self.folder} port={self.port} user={user} dbname={database}"
        with psycopg.connect(where, autocommit=True) as connection:
            answer = connection.execute(statement, values or None)  # type: ignore[call-overload]
            return answer.fetchall() if answer.description else []


def _program(name: str) -> str:
    newest = sorted(DEBIAN.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    found = str(newest[-1]) if newest else shutil.which(name)
    if found is None and os.environ.get("CI"):
        pytest.fail(INSTALL)
    if found is None:
        pytest.skip(INSTALL)
    return found


def _as_nobody() -> dict[str, Any]:
    """Options of a process without root's rights, which the server refuses to run with."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    pytest.fail("neither a user postgres nor nobody: PostgreSQL does not run as root")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def running() -> Iterator[Server]:
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    folder = Path(tempfile.mkdtemp(prefix="lab-pg-"))  # short: the path of a socket has at most 107 bytes
    other = _as_nobody()
    if other:
        os.chown(folder, other["user"], other["group"])
    how: dict[str, Any] = {"check": True, "capture_output": True, "cwd": folder, **other}
    data, port = str(folder / "data"), _free_port()
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    auth = ["--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={secret}"]
    plain = ["--no-sync", "--encoding=UTF8", "--locale=C", "--username=owner"]
    subprocess.run([initdb, "-D", data, *plain, *auth], **how)
    options = f"{OPTIONS} -c listen_addresses=127.0.0.1 -p {port} -k {folder}"
    start = [pg_ctl, "-D", data, "-l", str(folder / "log"), "-w", "-o", options, "start"]
    # The server keeps what pg_ctl has open, so a pipe would never end.
    subprocess.run(start, check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **other)
    try:
        server = Server(folder, port)
        server.ask("create database bench", database="postgres")
        yield server
    finally:
        subprocess.run([pg_ctl, "-D", data, "-m", "immediate", "-w", "stop"], **how)
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with running() as one:
        yield one


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """The URL of a database without tables."""
    server.ask("drop table if exists lab_runs, lab_schema")
    yield server.url()
    forget()


def forget() -> None:
    """Close what this process has open, and forget what it knows, as a new process would."""
    for store in choose.OPEN.values():
        store.close()  # type: ignore[attr-defined]
    choose.OPEN.clear()
