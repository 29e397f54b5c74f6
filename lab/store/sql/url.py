"""The URL of a database: read, and shown without what is secret in it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from lab.core.errors import StoreError

CONNECT_TIMEOUT_S = 10
WRONG = "the URL of the store cannot be read"
FORM = "write it as postgresql://USER@HOST/DATABASE"


@dataclass(frozen=True)
class Database:
    """Where a database is. `name` is shown; it has no user, no password and no options."""

    url: URL
    name: str
    secrets: tuple[str, ...]


def database(text: str) -> Database:
    """Return what a URL of PostgreSQL says; StoreError, which does not repeat it, when it says nothing."""
    try:
        url = make_url(text).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):
        # What SQLAlchemy says holds the URL, so it is not chained either.
        raise StoreError(WRONG, hint=f"{FORM}; '@', '/', ':' of a password as %40, %2F, %3A") from None
    if not url.database:
        raise StoreError(f"{WRONG}: it names no database", hint=FORM)
    secrets = tuple(str(one) for one in (url.password, url.query.get("password")) if one)
    patient = {"connect_timeout": str(CONNECT_TIMEOUT_S), **url.query}
    return Database(url.update_query_dict(patient), _name(url), secrets)


def _name(url: URL) -> str:
    port = f":{url.port}" if url.port else ""
    socket = url.query.get("host", "")
    at = "" if url.host or not isinstance(socket, str) or not socket else f"?host={socket}"
    return f"postgresql://{url.host or ''}{port}/{url.database}{at}"
