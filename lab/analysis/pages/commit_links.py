"""Links to commits on the site of their repository, made from the address of its remote, which nobody has checked.

Such an address may hold a password, which must not get into a page, or be anything at all. What is not plainly a host
and a path is no link.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from lab.analysis.commits import is_hex
from lab.formats.provenance import git
from lab.formats.revision import repository

_HOST = r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}))+)"
_PATH = r"(?P<path>[A-Za-z0-9_~][A-Za-z0-9._~-]{0,99}(?:/[A-Za-z0-9_~][A-Za-z0-9._~-]{0,99}){1,9})/?"
_REMOTES = (
    re.compile(rf"(?P<scheme>https?)://(?:[^@/\s]{{1,300}}@)?{_HOST}(?P<port>:[0-9]{{1,5}})?/{_PATH}"),
    re.compile(rf"ssh://(?:[^@/\s]{{1,300}}@)?{_HOST}(?::[0-9]{{1,5}})?/{_PATH}"),
    re.compile(rf"(?:[A-Za-z0-9._-]{{1,100}}@)?{_HOST}:{_PATH}"),
)


def commit_links(commits: Iterable[str], folder: Path | None = None) -> Mapping[str, str]:
    """Return the address of each commit that the repository around `folder` (default: the working folder) has.

    Empty where there is no repository, or where its remote is no site's.
    """
    found = repository(folder)
    remote = (git(found.top, "remote", "get-url", "origin") or "") if found is not None else ""
    site = web_address(remote)
    if found is None or site is None:
        return {}
    mine = found.ranks(one for one in set(commits) if is_hex(one))
    return {commit: f"{site}{_between(site)}{commit}" for commit in mine}


def web_address(remote: str) -> str | None:
    """Return the http(s) address of what a remote names: without user, password and `.git`; None for all else."""
    for pattern in _REMOTES:
        found = pattern.fullmatch(remote.strip())
        if found is not None:
            parts = found.groupdict()
            path = parts["path"].removesuffix(".git")
            return f"{parts.get('scheme') or 'https'}://{parts['host'].lower()}{parts.get('port') or ''}/{path}"
    return None


def _between(site: str) -> str:
    """What the hoster's software puts between a repository and a commit; most follow GitHub."""
    host = site.split("/")[2]
    if host.split(".")[0] == "gitlab" or host.endswith(".gitlab.io"):
        return "/-/commit/"
    return "/commits/" if host == "bitbucket.org" else "/commit/"
