"""The files under profiles/ by their names alone: listing, and finding one by what a person types."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.core.errors import StoreError
from lab.core.home import profiles_dir, shown
from lab.core.suggest import did_you_mean

SEE = "`lab runs` lists what is stored"


@dataclass(frozen=True, order=True)
class RunFile:
    """One file; its name gives time, model and id, which are empty when it has another form."""

    stamp: str
    run_id: str
    label: str
    path: Path

    def may_be_of(self, model: str) -> bool:
        """Whether the file can hold a run of this model id or label; an odd name may hold any."""
        return not self.label or model in (self.label, self.label.partition("@")[0])


def run_files(target: str | None = None) -> list[RunFile]:
    """Every run file, oldest first, of one target's folder when given."""
    root = profiles_dir()
    try:
        folders = [folder for folder in _subfolders(root) if target in (None, folder.name)]
        paths = [path for folder in folders for path in folder.glob("*.json")]
    except OSError as problem:
        raise StoreError(f"{shown(root)}: cannot list: {problem.strerror}") from problem
    return sorted(_from_name(path) for path in paths if not path.name.startswith("."))


def find(ref: str) -> Path:
    """Return the file of a run: by id, unique beginning of an id, path, `latest`, or `latest~1`."""
    if ref.endswith(".json") or "/" in ref:
        return _existing(Path(ref))
    runs = run_files()
    if ref == "latest" or ref.startswith("latest~"):
        return _nth_latest(ref, runs)
    matches = [run for run in runs if run.run_id == ref] or _beginning_with(ref, runs)
    if len(matches) != 1:
        raise _not_one(ref, matches, runs)
    return matches[0].path


def _subfolders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def _from_name(path: Path) -> RunFile:
    parts = path.stem.split("--")
    stamp, label, run_id = parts if len(parts) == 3 else ("", "", "")
    return RunFile(stamp, run_id, label, path)


def _existing(path: Path) -> Path:
    for candidate in (path, profiles_dir() / path):
        if candidate.is_file():
            return candidate
    raise StoreError(f"{path}: no such file", hint=SEE)


def _nth_latest(ref: str, runs: list[RunFile]) -> Path:
    back = ref.removeprefix("latest").removeprefix("~") or "0"
    if not (back.isascii() and back.isdigit() and len(back) < 10):
        raise StoreError(f"{ref!r}: expected latest, or latest~N for the N-th before it", hint=SEE)
    if int(back) >= len(runs):
        raise StoreError(f"{ref}: only {len(runs)} runs are stored in {shown(profiles_dir())}", hint=SEE)
    return runs[-1 - int(back)].path


def _beginning_with(ref: str, runs: list[RunFile]) -> list[RunFile]:
    return [run for run in runs if ref and run.run_id.startswith(ref)]


def _not_one(ref: str, matches: list[RunFile], runs: list[RunFile]) -> StoreError:
    if matches:
        listed = ", ".join(shown(run.path) for run in matches[:10])
        return StoreError(f"{ref!r} means {len(matches)} runs: {listed}", hint="write more of the id, or the path")
    guess = did_you_mean(ref, [run.run_id for run in runs])
    return StoreError(f"no run {ref!r} in {shown(profiles_dir())}.{guess}", hint=SEE)
