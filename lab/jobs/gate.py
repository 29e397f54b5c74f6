"""What `lab gate` asks of the store: two sides, judged by one policy."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lab.analysis.comparable import EMULATED, EMULATED_HINT
from lab.analysis.compare.gate import Gate
from lab.analysis.compare.narrow import check_names, narrowed, runs_with_points
from lab.analysis.compare.select import Among, apart, codes, select
from lab.analysis.judging.judge import Policy, Side, judge
from lab.analysis.judging.verdict import Judgement
from lab.analysis.points.load import load_points
from lab.analysis.points.table import Points
from lab.core.errors import NotComparableError, StoreError
from lab.core.progress import Progress
from lab.formats.calibration import load_floors
from lab.formats.revision import repository
from lab.store import BadRun


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The options of `lab gate` that choose and judge. `floor` is a fraction, None: what each target learned."""

    baseline: str
    candidate: str | None = None
    target: str | None = None
    model: str | None = None
    engine: str | None = None
    test: str | None = None
    metrics: tuple[str, ...] = ()
    floor: float | None = None
    emulated: bool = False
    dirty: bool = False
    strict: bool = False


@dataclass(frozen=True)
class Judged:
    """A gate with what it was made of, for the confirm stage."""

    gate: Gate
    points: Points
    a: Side
    b: Side
    policy: Policy


def judged(asked: Asked, progress: Progress) -> Judged:
    """Judge the candidate against the baseline.

    Raises:
        NotComparableError: both are the same runs.
        StoreError, UsageError: a side names nothing, or several things.
    """
    loaded = load_points(asked.target, progress)
    check_names(loaded.points, asked.target, asked.model)
    points = narrowed(loaded.points, engine=asked.engine, test=asked.test, metrics=asked.metrics)
    among = _among(points, asked)
    a = select(points, asked.baseline, among)
    b = _candidate(points, asked, among, a)
    a, notes = _apart(a, b)
    policy = Policy(floors=_floors(points, asked.floor), emulated=asked.emulated)
    found = judge(points, a, b, policy)
    gate = Gate(
        judgement=found,
        notes=(*notes, *_bad(loaded.bad), *_emulated(found)),
        strict=asked.strict,
        runs=(len(a.runs), len(b.runs)),
    )
    return Judged(gate, points, a, b, policy)


def _among(points: Points, asked: Asked) -> Among:
    """The runs that may be taken: of what was asked for, so that `last:20` are 20 of that."""
    narrow = asked.engine is not None or asked.test is not None
    return Among(
        target=asked.target,
        model=asked.model,
        engine=asked.engine,
        test=asked.test,
        measured=runs_with_points(points) if narrow else None,
        dirty=asked.dirty,
        repository=repository(),
    )


def _candidate(points: Points, asked: Asked, among: Among, a: Side) -> Side:
    """Return what was asked for; else the runs of the present revision; else the newest of everything."""
    if asked.candidate is not None:
        return select(points, asked.candidate, among)
    commit = among.repository.commit("HEAD") if among.repository else None
    if commit is not None:
        changed = among.repository is not None and among.repository.is_dirty()
        try:
            return select(points, f"rev:{commit}", replace(among, dirty=changed or asked.dirty))
        except StoreError:  # nothing of it was measured: the newest run has to do
            pass
    return _newest(points, among, a)


def _newest(points: Points, among: Among, a: Side) -> Side:
    """Return the newest run of each model on each target that is not one of side A."""
    runs, taken = points.runs, set(a.runs.tolist())
    of = {(runs.target[i], runs.model[i]): i for i in among.places(runs) if i not in taken}
    return Side("latest", codes(of.values()))


def _apart(a: Side, b: Side) -> tuple[Side, list[str]]:
    """Take runs out of the baseline that are the candidate's too: `last:5` against `latest` means those before it."""
    if not len(b.runs):
        raise StoreError("there is no run to compare with the baseline", hint="measure one: lab run --help")
    rest, notes = apart(a, b)
    if not len(rest.runs):
        raise NotComparableError(
            f"baseline {a.label} and candidate {b.label} are the same runs",
            hint="measure the candidate, or name one with --candidate",
        )
    return rest, notes


def _floors(points: Points, floor: float | None) -> dict[tuple[str, str], float]:
    if floor is None:
        return load_floors()
    return {(key.cell.target, key.cell.metric): floor for key in points.keys}


def _emulated(found: Judgement) -> list[str]:
    return [EMULATED_HINT] if any(verdict.reason == EMULATED for verdict in found.verdicts) else []


def _bad(bad: tuple[BadRun, ...]) -> list[str]:
    return [f"{len(bad)} stored runs cannot be read; `lab runs` names them"] if bad else []
