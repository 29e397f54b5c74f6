"""The contract of profiles/<target>/probes/: one JSON file a probe, whole or reported."""

from __future__ import annotations

from pathlib import Path

from lab.core.errors import StoreError
from lab.core.fields import encode
from lab.core.home import profiles_dir, shown
from lab.formats.digested import DIGEST_KEY, plain, read_digested, write_digested
from lab.formats.probe_record import SCHEMA, ProbeRecord, from_json

FOLDER = "probes"


def save(record: ProbeRecord) -> Path:
    """Write the probe and return its path; one that breaks the format is a StoreError and not written."""
    where = f"probe {record.probe_id}"
    document = plain(encode(record), where=where)
    path = probe_path(from_json(document, where=where))
    write_digested(path, document)
    return path


def probe_path(record: ProbeRecord) -> Path:
    """Return where the probe is stored: profiles/<target>/probes/<utc>--<probe id>.json."""
    stamp = record.created_at.replace("-", "").replace(":", "")
    return _folder(record.target.name) / f"{stamp}--{record.probe_id}.json"


def load(path: Path) -> ProbeRecord:
    """Return the probe in the file at `path`; StoreError names the file and what is wrong with it."""
    document = read_digested(path, SCHEMA)
    del document[DIGEST_KEY]
    return from_json(document, where=shown(path))


def latest(target: str) -> Path:
    """Return the file of the newest probe of `target`; StoreError when there is none."""
    folder = _folder(target)
    try:
        found = sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))
    except OSError as problem:
        raise StoreError(f"{shown(folder)}: cannot list: {problem.strerror}") from problem
    if not found:
        raise StoreError(f"no probe of {target} is stored yet", hint=f"lab probe --target {target} measures it")
    return found[-1]


def _folder(target: str) -> Path:
    return profiles_dir() / target / FOLDER
