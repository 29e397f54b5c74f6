"""What a dashboard shows: its rows, its columns, what they are judged against (dashboards/*.toml)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from lab.core.config import Limits, load_toml, toml_problems
from lab.core.errors import ConfigError, LabError, UsageError
from lab.core.home import definitions, find_definition, shown
from lab.core.names import check_name
from lab.core.suggest import did_you_mean
from lab.formats.kinds import Name
from lab.formats.metrics import judged
from lab.formats.verdicts import Word

SCHEMA = 1
Axis = Literal["target", "model", "engine", "test", "metric"]
AXES: tuple[Axis, ...] = ("target", "model", "engine", "test", "metric")
# What columns can say of a row's cell; lab.analysis.boards.facts says it.
FACTS = (
    "value",
    "history",
    "a",
    "b",
    "ratio",
    "interval",
    "sessions",
    "word",
    "reason",
    "run",
    "when",
    "commits",
    "state",
    "accepted",
)
PATTERN = r"[A-Za-z0-9*?._@+-]{1,120}"
Pattern = Annotated[str, Limits(pattern=PATTERN)]
DAY_LIMIT = 36_500
EXAMPLES = {"rows": 'rows = ["target"]', "columns": 'columns = ["model"]'}


@dataclass(frozen=True)
class FilterSpec:
    """Which cells are shown: patterns as in a shell, any of which may match; an empty list lets everything through.

    `words` keeps the rows in which one of these verdicts stands. `emulated` false leaves emulated devices out.
    `days` 0 is the whole history, else what was measured within so many days before the newest run.
    """

    target: tuple[Pattern, ...] = ()
    model: tuple[Pattern, ...] = ()
    engine: tuple[Pattern, ...] = ()
    test: tuple[Pattern, ...] = ()
    words: tuple[Word, ...] = ()
    emulated: bool = True
    days: Annotated[int, Limits(min=0, max=DAY_LIMIT, unit="days")] = 0


@dataclass(frozen=True)
class BaselineSpec:
    """What the newest sessions of each cell are held against.

    "revision": those of the revision before; "tag": the runs that carry `tag`; "sessions": the `sessions` before
    the newest `newest`; "none": nothing is judged. At most `sessions` of the baseline count, the newest of them.
    """

    against: Literal["revision", "tag", "sessions", "none"] = "revision"
    tag: Annotated[str, Limits(pattern=r"|[a-z0-9][a-z0-9._-]{0,99}")] = ""
    newest: Annotated[int, Limits(min=1, max=1000)] = 5
    sessions: Annotated[int, Limits(min=1, max=10_000)] = 20


@dataclass(frozen=True)
class ChartSpec:
    """One chart, or one for each value of the axis `each`: the history of `metric`, or its newest values as bars.

    `lines` is the most that one chart holds; what is left out is said below it.
    """

    metric: str
    kind: Literal["history", "bars"] = "history"
    title: str = ""
    each: Literal["", "target", "model", "engine", "test"] = ""
    lines: Annotated[int, Limits(min=1, max=40)] = 8


@dataclass(frozen=True)
class GateSpec:
    """With one of these verdicts on the board, `lab dash NAME --once` leaves with exit code 3."""

    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class DashboardSpec:
    """One dashboard file, checked.

    `rows` are the axes whose values make a row. `columns` are either axes too, then the board is a matrix, or facts
    of the row's cell. `about` says what a row is of: "cells", or "changes" of level in their histories.
    """

    schema: int
    name: Name
    title: str
    rows: tuple[Axis, ...]
    columns: tuple[str, ...]
    description: str = ""
    about: Literal["cells", "changes"] = "cells"
    metrics: tuple[str, ...] = ("decode_tok_per_s", "prefill_tok_per_s", "ttft_s", "rss_peak_bytes")
    sort: Literal["name", "worst", "newest"] = "name"
    filters: FilterSpec = field(default_factory=FilterSpec)
    baseline: BaselineSpec = field(default_factory=BaselineSpec)
    charts: tuple[ChartSpec, ...] = ()
    gates: GateSpec = field(default_factory=GateSpec)

    @property
    def is_matrix(self) -> bool:
        """Whether the columns are values of axes rather than facts."""
        return self.columns[0] in AXES


def load_dashboard(name: str) -> DashboardSpec:
    """Return the dashboard called `name`; ConfigError names what is wrong and where."""
    return read_dashboard(find_definition("dashboards", name))


def read_dashboard(path: Path) -> DashboardSpec:
    """Return the dashboard in the file at `path`, whose stem must be its name."""
    check_name("dashboard", path.stem)
    spec = load_toml(path, DashboardSpec, schema=SCHEMA)
    for what, hint in _problems(spec, path.stem):
        raise ConfigError(f"{shown(path)}: {what}", hint=hint)
    return spec


def dashboard_problems(path: Path) -> list[LabError]:
    """Return every mistake in the file; those of what does not fit together only where its form is right."""
    try:
        check_name("dashboard", path.stem)
    except LabError as problem:
        return [problem]
    if found := toml_problems(path, DashboardSpec, schema=SCHEMA):
        return found
    spec = load_toml(path, DashboardSpec, schema=SCHEMA)
    return [ConfigError(f"{shown(path)}: {what}", hint=hint) for what, hint in _problems(spec, path.stem)]


def narrowed(spec: DashboardSpec, target: str | None = None, model: str | None = None) -> DashboardSpec:
    """Return the dashboard for one target, one model, or both, in place of those that its own filters name.

    Both are names or patterns; UsageError for what is neither.
    """
    filters = spec.filters
    for option, value in (("target", target), ("model", model)):
        if value is not None and not re.fullmatch(PATTERN, value):
            raise UsageError(f"--{option} {value[:60]!r} is no name of a {option}, and no pattern such as 'phi3-*'")
    filters = replace(filters, target=(target,)) if target is not None else filters
    return replace(spec, filters=replace(filters, model=(model,)) if model is not None else filters)


def all_dashboards() -> dict[str, DashboardSpec | list[LabError]]:
    """Every dashboard by name, sorted; one that cannot be read is all its mistakes, and hides no other."""
    found = {name: (path, dashboard_problems(path)) for name, path in definitions("dashboards").items()}
    return {name: problems or read_dashboard(path) for name, (path, problems) in found.items()}


def _problems(spec: DashboardSpec, stem: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the whole, each with the next step; nothing when it fits together."""
    if spec.name != stem:
        hint = f"set name = {stem!r}, or rename the file to {spec.name}.toml"
        yield f"name: {spec.name!r} is not the name of the file", hint
    yield from _axes_problems(spec)
    yield from _metrics_problems(spec)
    yield from _baseline_problems(spec)


def _axes_problems(spec: DashboardSpec) -> Iterator[tuple[str, str]]:
    for key, found in (("rows", spec.rows), ("columns", spec.columns)):
        if not found:
            yield f"{key}: the list is empty", "for example " + EXAMPLES[key]
    known = (*AXES, *FACTS)
    for place, name in enumerate(spec.columns):
        if name not in known:
            text = f"columns[{place}]: {name[:60]!r} is neither an axis nor a fact."
            yield text + did_you_mean(name, known), f"axes: {', '.join(AXES)}; facts: {', '.join(FACTS)}"
    axes = [name for name in spec.columns if name in AXES]
    facts = [name for name in spec.columns if name in FACTS]
    if axes and facts:
        fact = facts[0]
        yield f"columns: {axes[0]!r} is an axis and {fact!r} is a fact", "columns are all axes, or all facts"
    named = [*spec.rows, *spec.columns]
    twice = next((name for name in named if named.count(name) > 1), None)
    if twice is not None:
        yield f"rows and columns: {twice!r} is named twice", "name each of them once"
    if spec.about == "changes" and axes:
        yield (
            "columns: a board about changes has facts as columns",
            'for example columns = ["word", "ratio", "commits"]',
        )


def _metrics_problems(spec: DashboardSpec) -> Iterator[tuple[str, str]]:
    named = [(f"metrics[{place}]", name) for place, name in enumerate(spec.metrics)]
    named += [(f"charts[{place}].metric", chart.metric) for place, chart in enumerate(spec.charts)]
    for key, name in named:
        if name not in judged():
            text = f"{key}: {name[:60]!r} is not a metric that histories have."
            yield text + did_you_mean(name, judged()), f"known: {', '.join(judged())}"
    if not spec.metrics:
        yield "metrics: the list is empty", f"choose of {', '.join(judged())}"


def _baseline_problems(spec: DashboardSpec) -> Iterator[tuple[str, str]]:
    against, tag = spec.baseline.against, spec.baseline.tag
    if against == "tag" and not tag:
        yield "[baseline].tag: missing", 'say which, as tag = "release-1"; `lab run --tag release-1` gives it'
    if against != "tag" and tag:
        yield f"[baseline].tag: {tag!r} is not used with against = {against!r}", 'set against = "tag"'
