"""One run by what a person types."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lab.core.errors import StoreError
from lab.core.home import profiles_dir, shown
from lab.core.suggest import did_you_mean
from lab.store.location import Inside, Place
from lab.store.protocol import Entry, Store, place_in

SEE = "`lab runs` lists what is stored"
FIRST = "`lab run` measures and records the first one; `lab demo` shows made-up runs"


class SeveralRunsError(StoreError):
    """What a person typed is the beginning of more than one run's id."""


def find_in(store: Store, ref: str) -> Place:
    """Return the place of a run: by id, unique beginning of an id, path, `latest`, `latest~1`, or what lab printed."""
    place = store.place(ref)
    if isinstance(place, Inside):
        return place
    if ref.endswith(".json") or "/" in ref:
        return _existing(Path(ref))
    return place_in(store, _one(ref, sorted(store.entries()), store).place)


def damaged_hint(ref: str) -> str:
    """Return what to do about a run that is damaged: the one before it has `latest~1`, and so on."""
    check = "`lab store check` lists all that is damaged, and `lab store set-aside` moves it away"
    if not (ref == "latest" or ref.startswith("latest~")):
        return check
    back = int(ref.removeprefix("latest").removeprefix("~") or "0")
    return f"{check}; the run before it is latest~{back + 1}"


def _one(ref: str, runs: list[Entry], store: Store) -> Entry:
    if not runs:
        raise StoreError(f"{ref}: no runs are recorded in {store.where}", hint=FIRST)
    where = store.name
    if ref == "latest" or ref.startswith("latest~"):
        return _nth_latest(ref, runs, where)
    matches = _matches(runs, lambda run: run.run_id == ref)
    matches = matches or _matches(runs, lambda run: bool(ref) and run.run_id.startswith(ref))
    if len(matches) != 1:
        raise _not_one(ref, matches, runs, where)
    return matches[0]


def _matches(runs: list[Entry], fits: Callable[[Entry], bool]) -> list[Entry]:
    return [run for run in runs if fits(run)]


def _existing(path: Path) -> Path:
    for candidate in (path, profiles_dir() / path):
        if candidate.is_file():
            return candidate
    raise StoreError(f"{path}: no such file", hint=SEE)


def _nth_latest(ref: str, runs: list[Entry], where: str) -> Entry:
    back = ref.removeprefix("latest").removeprefix("~") or "0"
    if not (back.isascii() and back.isdigit() and len(back) < 10):
        raise StoreError(f"{ref!r}: expected latest, or latest~N for the N-th before it", hint=SEE)
    if not runs:
        raise StoreError(f"{ref}: no runs recorded in {where}", hint=SEE)
    if int(back) >= len(runs):
        raise StoreError(f"{ref}: only {len(runs)} runs are stored in {where}", hint=SEE)
    return runs[-1 - int(back)]


def _not_one(ref: str, matches: list[Entry], runs: list[Entry], where: str) -> StoreError:
    if matches:
        listed = ", ".join(_shown(run.place) for run in matches[:10])
        return SeveralRunsError(
            f"{ref!r} means {len(matches)} runs: {listed}", hint="write more of the id, or the path"
        )
    guess = did_you_mean(ref, [run.run_id for run in runs])
    return StoreError(f"no run {ref!r} in {where}.{guess}", hint=SEE)


def _shown(place: str) -> str:
    return place if "#" in place else shown(Path(place))
