"""What PostgreSQL says when it cannot, as errors that a person can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from lab.core.errors import StoreError
from lab.core.text import said
from lab.store.sql.url import Database

# What the message of a failed connection holds -> the next step. psycopg gives no code there.
CONNECTING = {
    "password authentication failed": "check the user and the password, in LAB_STORE or in ~/.pgpass",
    "no password supplied": "put the password into ~/.pgpass, or into LAB_STORE",
    "no pg_hba.conf entry": "let the server accept this user from this machine: a line in its pg_hba.conf",
    "could not translate host name": "check the name of the host in LAB_STORE",
    "failed to resolve host": "check the name of the host in LAB_STORE",
}
# Codes of PostgreSQL's manual, appendix A.
STATES = {
    "3D000": "make the database first: createdb -E UTF8 NAME (docs/stores.md)",
    "28000": "check the user in LAB_STORE; createuser makes one",
    "28P01": "check the user and the password, in LAB_STORE or in ~/.pgpass",
    "42501": "let the owner of the database grant it: docs/stores.md says which rights lab needs",
    "25006": "this server only answers queries: name the primary one in LAB_STORE",
    "53100": "make room on the disk of the server",
    "53300": "the server has no connection left: end some, or raise its max_connections",
}
UNREACHABLE = "is the server running, and does it listen there? Without LAB_STORE runs are files"


@contextmanager
def told(database: Database) -> Iterator[None]:
    """Turn what goes wrong in the block into a StoreError that names the database and no secret."""
    try:
        yield
    except SQLAlchemyError as problem:
        # Neither the statement nor its parameters are repeated: they are a whole document.
        raise fault(database, problem.orig if isinstance(problem, DBAPIError) else problem) from problem


def fault(database: Database, problem: object) -> StoreError:
    """Return the error for an exception of psycopg or of SQLAlchemy."""
    text = said(problem)
    for secret in database.secrets:
        text = text.replace(secret, "***")
    return StoreError(f"{database.name}: {text}", hint=_hint(str(problem), getattr(problem, "sqlstate", None)))


def _hint(text: str, state: str | None) -> str | None:
    if state in STATES:
        return STATES[state]
    for part, hint in CONNECTING.items():
        if part in text:
            return hint
    if state is None and "does not exist" in text:
        return STATES["3D000" if "database" in text else "28000"]
    return UNREACHABLE if state is None and "FATAL" not in text else None
