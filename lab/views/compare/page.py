"""`lab compare` for people: what all have in common once, then what differs, what cannot be compared, and a legend."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from lab.analysis.boards.cell_text import plain_word
from lab.analysis.comparable import EMULATED, EMULATED_HINT
from lab.analysis.compare.axis import SIDES, Table
from lab.analysis.compare.rows import Row
from lab.analysis.judging.evidence import MIN_SESSIONS
from lab.analysis.judging.sentences import sentence
from lab.analysis.judging.verdict import Verdict
from lab.analysis.points.key import STATUS
from lab.core.text import clipped, printable
from lab.core.units import change
from lab.formats.metrics import metric
from lab.views.compare.layout import NAMES, UNRANKED, Sheet, fact, facts, has_interval, has_numbers, sheets
from lab.views.compare.plot import plots
from lab.views.console import to_text
from lab.views.markdown import escaped, markdown_table
from lab.views.table import CAUTION, FAINT, spaced, table

LISTED = 4  # of what a reason is about
NOTES = 12
PAGE = 76  # columns of what stands as code in Markdown


def axis_table(found: Table, width: int, *, plot: bool = False) -> RenderableType:
    """The whole page for a terminal of `width` columns."""
    common, varying = facts_in_common(found)
    body: list[RenderableType]
    body = [plots(found, varying, width)] if plot else [_drawn(one) for one in sheets(found, varying, width)]
    title, *common_lines = _head(found, common)
    heading = Group(Text(title, "bold"), *map(Text, common_lines), *(Text(line, FAINT) for line in note_lines(found)))
    answers, reasons = "\n".join(answer_lines(found, varying)), "\n".join(reason_lines(found, varying, inside=True))
    told = [Text(answers)] if answers else []
    left_out = [Text(reasons, CAUTION)] if reasons else []
    return spaced([heading, *told, *body, *left_out, Text("\n".join(legend_lines(found, width, plot)), FAINT)])


def axis_markdown(found: Table, *, plot: bool = False) -> str:
    """The same as Markdown, without what a device said: reports are put where strangers read them."""
    page = parts_of(found, plot=plot)
    parts = [f"### lab compare: {escaped(found.axis)}", _lines(page.head), _lines(page.answers)]
    if plot:
        drawn = to_text(plots(found, facts_in_common(found)[1], PAGE), PAGE)
        parts += ["\n".join(f"    {line}" for line in drawn.splitlines())]
    else:
        for one in page.sheets:
            parts += [f"#### {escaped(one.title)}" if one.title else "", markdown_table(one.columns, one.rows)]
    parts += ["\n".join(f"- {escaped(line)}" for line in [*page.notes, *page.reasons]), escaped(" ".join(page.legend))]
    return "\n\n".join(filter(None, parts)) + "\n"


@dataclass(frozen=True)
class Parts:
    """What a page without a width is made of; nothing of it is what a device said."""

    head: list[str]
    answers: list[str]
    sheets: list[Sheet]
    notes: list[str]
    reasons: list[str]
    legend: list[str]


def parts_of(found: Table, *, plot: bool = False) -> Parts:
    """Return the page in parts; with `plot` the legend is that of bars."""
    common, varying = facts_in_common(found)
    return Parts(
        head=_head(found, common),
        answers=list(answer_lines(found, varying)),
        sheets=list(sheets(found, varying, None)),
        notes=note_lines(found),
        reasons=list(reason_lines(found, varying, inside=False)),
        legend=list(legend_lines(found, None, plot)),
    )


def _lines(lines: Iterable[str]) -> str:
    return "  \n".join(map(escaped, lines))


def facts_in_common(found: Table) -> tuple[dict[str, str], list[str]]:
    """Return what all rows have in common, and the names of what differs."""
    of = {name: [fact(row, name) for row in found.rows] for name in NAMES}
    common = {name: values[0] for name, values in of.items() if len(set(values)) == 1 and values[0]}
    varying = [name for name, values in of.items() if len(set(values)) > 1]
    cells = {row.cell for row in found.rows}
    if "ran_on" in varying and len({(row.cell, row.ran_on) for row in found.rows}) == len(cells):
        varying.remove("ran_on")  # the engine says it already
    return common, varying


def _head(found: Table, common: dict[str, str]) -> list[str]:
    same = ", ".join(f"{name} {printable(value)}" for name, value in common.items())
    title = f"{found.axis}: {', '.join(map(printable, found.values))}"
    return [title, *([f"all: {same}"] if same else [])]


def note_lines(found: Table) -> list[str]:
    """Return what differs from the reference and keeps nothing apart, each once with the values that it is about."""
    about: dict[str, list[str]] = {}
    for value, notes in found.notes.items():
        for note in notes:
            if not (found.axis == "target" and note.startswith("device:")):  # targets are other devices
                about.setdefault(printable(note), []).append(printable(value))
    base = printable(found.reference)
    lines = [f"{', '.join(values)} compared with {base}: {note}" for note, values in about.items()]
    more = len(lines) - NOTES
    return [*lines[:NOTES], *([f"and {more} more differences: --json has all"] if more > 0 else [])]


def _drawn(one: Sheet) -> RenderableType:
    drawn = table(one.columns, one.rows)
    return Group(Text(one.title, "bold"), drawn) if one.title else drawn


def answer_lines(found: Table, varying: Sequence[str]) -> Iterator[str]:
    """Yield, of depths, how much changes from the first to the last one, in a line for each row."""
    last = found.values[-1]
    for row in found.rows if found.axis == "depth" else ():
        verdict = row.verdicts.get(last)
        if verdict is not None and verdict.ratio is not None and row.cell.metric != STATUS:
            where = " ".join([*facts(row, varying), metric(row.cell.metric).title])
            size, word = change(verdict.ratio), plain_word(verdict.word)
            yield f"{where}: {size} from depth {found.reference} to {last} ({word})"


def reason_lines(found: Table, varying: Sequence[str], *, inside: bool) -> Iterator[str]:
    """Return what has no numbers to compare: each reason once, with all that it is about.

    Only `inside` the house with the reason itself, which may hold what a device said.
    """
    about: dict[tuple[str, str], dict[str, None]] = {}
    for row in found.rows:
        for value, verdict in row.verdicts.items():
            if verdict.ratio is None:
                about.setdefault((printable(value), _why(found, verdict, inside)), {})[_what(row, varying)] = None
    values: dict[tuple[str, str], list[str]] = {}
    for (value, why), whats in about.items():
        values.setdefault((why, _some(list(whats))), []).append(value)
    return (f"{', '.join(names)}: {why}: {whats}" for (why, whats), names in values.items())


def _why(found: Table, verdict: Verdict, inside: bool) -> str:
    if found.axis != SIDES and verdict.word in ("missing", "new"):
        return f"not measured by {printable(found.reference)}" if verdict.word == "new" else "not measured"
    return f"{plain_word(verdict.word)}: {clipped(verdict.reason) if inside else sentence(verdict)}"


def _what(row: Row, varying: Sequence[str]) -> str:
    if row.cell.metric != STATUS:
        return metric(row.cell.metric).title
    return " ".join(filter(None, facts(row, varying))) or "all"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def legend_lines(found: Table, width: int | None, plot: bool) -> Iterator[str]:
    """Yield what a reader has to know of ratios, marks and verdicts."""
    base = printable(found.reference if found.axis != "depth" else f"depth {found.reference}")
    rows = [row for row in found.rows if has_numbers(row)]
    if any(verdict.reason == EMULATED for row in found.rows for verdict in row.verdicts.values()):
        yield f"{EMULATED_HINT}."
    if found.older:
        yield f"The newest {len(found.values)} alone; {found.older} older ones are left out (--reference takes one in)."
    if not rows:
        yield "No two of them have numbers to compare."
        if found.axis == "depth":
            yield "One test at two depths takes one run: lab run --prompt 512 --generate 128 --depth 0,2048 ..."
        return
    if found.axis == SIDES:
        yield f"Ratios and verdicts are relative to {base}, the baseline; each run is one session."
    else:
        yield f"Ratios and verdicts are relative to {base} (--reference chooses another); each run is one session."
        if not plot and found.axis not in UNRANKED and any(row.best for row in rows):
            yield "* the best number of its row; whether another one is worse for sure, its verdict says."
    if plot and any(one.interval for row in rows for one in row.measured.values()):
        yield f"▓░ 95 % confidence interval around the number, of {MIN_SESSIONS} sessions or more; none without."
    if not plot and has_interval(found, width):
        yield "within a session: confidence interval by its repetitions alone; another session may differ."
    if any(verdict.word == "unproven" for row in rows for verdict in row.verdicts.values()):
        yield f"{plain_word('unproven')}: too few sessions, or too much noise, to tell."
