"""`lab calibrate` without its looks: A/A sessions are measured or taken from history, and floors are learned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from lab.analysis.compare.select import codes
from lab.analysis.judging.floors import learn_floors
from lab.analysis.judging.sides import Side
from lab.analysis.points.load import load_points
from lab.analysis.points.table import Points, Runs
from lab.core.errors import MeasureError, StoreError
from lab.core.progress import Progress
from lab.formats import calibration
from lab.formats.calibration import Calibration
from lab.formats.run_record import RunRecord
from lab.jobs.interrupt import Interrupted
from lab.jobs.run import Ran

Session = Callable[[], Ran]


def measured(session: Session, number: int, progress: Progress) -> list[str]:
    """Measure `number` sessions of one build, each a run on record, and return their ids.

    Raises:
        Interrupted: Ctrl-C; it says how many sessions are on record.
        MeasureError: a session gave no numbers, or its build is another one: nothing can be learned from it.
    """
    ids: list[str] = []
    builds: set[str] = set()
    with progress.phase("calibrate", number, "sessions") as advance:
        for turn in range(number):
            ran = session()
            record = ran.records[0]
            if ran.kept:
                whole = f"{turn} whole sessions before it are on record: --from-history takes them"
                raise Interrupted(f"{ran.kept}; {whole}")
            _check(record, builds)
            ids.append(record.run_id)
            advance(1)
    return ids


def of_runs(ids: Iterable[str], target: str, progress: Progress) -> Calibration:
    """Learn the floors of a target from these runs, and store them."""
    points = load_points(target, progress).points
    wanted = set(ids)
    return _learned(points, Side("calibrate", codes(_places(points.runs, wanted))))


def of_history(target: str, model: str | None, progress: Progress) -> Calibration:
    """Learn from the sessions on record: of each model those of the build that most sessions measured."""
    points = load_points(target, progress).points
    runs = points.runs
    sound = [i for i in range(len(runs)) if runs.status[i] == "ok" and runs.bundle[i] and _is_of(runs, i, model)]
    if not sound:
        what = f"{model} on {target}" if model else target
        raise StoreError(f"no whole run of {what} is on record", hint=f"measure: lab calibrate {target} --model ID")
    counted = Counter((runs.model[i], runs.bundle[i]) for i in sound)
    most = {name: max(counted[of] for of in counted if of[0] == name) for name, _ in counted}
    # Of builds with as many sessions the newest: counting goes from the oldest to the newest.
    build = {name: key for (name, key), many in counted.items() if many == most[name]}
    return _learned(points, Side("history", codes(i for i in sound if runs.bundle[i] == build[runs.model[i]])))


def latest_model(target: str, progress: Progress) -> tuple[str, int | None] | None:
    """Return the model id and the layers of the newest whole run of a target; None where there is none."""
    runs = load_points(target, progress).points.runs
    labels = [runs.model[i] for i in range(len(runs)) if runs.status[i] == "ok" and runs.bundle[i]]
    if not labels:
        return None
    name, _, layers = labels[-1].partition("@")
    return name, int(layers.removesuffix("l")) if layers else None


def _learned(points: Points, side: Side) -> Calibration:
    found = learn_floors(points, side)
    calibration.save(found)
    return found


def _check(record: RunRecord, builds: set[str]) -> None:
    if record.status != "ok":
        raise MeasureError(
            f"run {record.run_id} is {record.status.replace('_', ' ')}: {record.reason or 'a cell gave no numbers'}",
            hint="see 'lab show latest'; sessions before it are on record",
        )
    builds.add(record.bundle.key)
    if len(builds) > 1:
        raise MeasureError("the build changed between two sessions", hint="change nothing while lab calibrates")


def _places(runs: Runs, wanted: set[str]) -> list[int]:
    return [i for i, run_id in enumerate(runs.run_id) if run_id in wanted]


def _is_of(runs: Runs, place: int, model: str | None) -> bool:
    return model is None or model in (runs.model[place], runs.model[place].partition("@")[0])
