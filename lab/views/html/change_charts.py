"""One small chart for each change point: its series, both levels, and the commits between which it lies."""

from __future__ import annotations

from collections.abc import Sequence

from lab.analysis.boards.axes import value_on
from lab.analysis.boards.cell_text import plain_word, role_of
from lab.analysis.history.regression import Regression
from lab.analysis.pages.changed import ChangeHistory
from lab.core.units import change_size, counted
from lab.formats.dashboard import AXES
from lab.formats.metrics import format_value
from lab.views.html.escape import text
from lab.views.html.history_chart import history_svg
from lab.views.html.links import Links
from lab.views.html.row_keys import RowKeys
from lab.views.html.sheet import Sheet

MOST = 200  # charts on one page


def change_charts_html(changes: Sequence[ChangeHistory], sheet: Sheet, links: Links, keys: RowKeys) -> str:
    """Return a figure for each; "" where there is none."""
    if not changes:
        return ""
    figures = "".join(_figure(one, sheet, links, keys) for one in changes[:MOST])
    rest = len(changes) - MOST
    more = f"<p>{counted(rest, 'more change')}: see the table above.</p>" if rest > 0 else ""
    return f'<section class="charts"><h2>Each change</h2><div class="grid">{figures}</div>{more}</section>'


def _figure(one: ChangeHistory, sheet: Sheet, links: Links, keys: RowKeys) -> str:
    change, line = one.change, one.history.line
    where = " ".join(filter(None, (*(value_on(line.cell, axis) for axis in AXES), line.under)))
    number, picture = history_svg(one.history, where, sheet, change)
    word = f"{plain_word(change.word)} by {change_size(change.ratio)}"
    role = "plain" if change.acknowledged is not None else role_of(change.word)
    return (
        f'<figure class="history" data-chart="{number}"{keys.of_series(line.cell)}>'
        f'<figcaption>{links.place(line, text(where))}<br><span class="word {role}">{text(word)}</span> '
        f" <span class=faint>{_state(change)}</span></figcaption>"
        f"{picture}<p>{_levels(change)}</p><p>{_since(change, links)}</p></figure>"
    )


def _state(change: Regression) -> str:
    if change.acknowledged is not None:
        return text(f"accepted: {change.acknowledged}")
    return "open" if change.open else "fixed since" if change.is_worse else ""


def _levels(change: Regression) -> str:
    before, after = (format_value(change.cell.metric, value) for value in (change.before, change.after))
    sessions = f"{counted(change.sessions_before, 'session')} before, {change.sessions_after} after"
    return text(f"{before} → {after}; {sessions}; p = {change.p:.1g}")


def _since(change: Regression, links: Links) -> str:
    """The run, the commits, and what else changed there."""
    old, new = change.commits
    commits = "no commit on record"
    if new:
        commits = (
            f"{links.commit(old) if old else 'unknown'} → {links.commit(new)}" if old != new else links.commit(new)
        )
    seams = "".join(f"<br>conditions changed here: {text(', '.join(seam.changes))}" for seam in change.here)
    return f"since {text(change.when[:10])}, run {links.run(change.run_id)}<br>commits {commits}{seams}"
