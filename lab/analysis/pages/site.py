"""What a site is made of: the dashboards of a store, its series, and the runs that have pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from lab.analysis.boards.board import Board
from lab.analysis.boards.build import changes_of, stored_board
from lab.analysis.history.stored import stored_history
from lab.analysis.pages.commit_links import commit_links
from lab.analysis.pages.places import Place, places_on, runs_with_pages
from lab.analysis.points.load import Loaded
from lab.analysis.points.table import Points
from lab.core.progress import Progress
from lab.formats.dashboard import DashboardSpec, all_dashboards, load_dashboard, narrowed
from lab.formats.run_record import RunRecord
from lab.store import BadRun, read_at

KEPT = 400  # runs: that before one is mostly that of another line, some runs ago
RUN_PAGES = 5  # the newest of each series


def reader(points: Points) -> Callable[[int], RunRecord | None]:
    """Return what reads the run of a code; None when it cannot be read. Those that were read last are kept."""

    @lru_cache(maxsize=KEPT)
    def read(code: int) -> RunRecord | None:
        found = read_at(points.runs.place[code])
        return None if isinstance(found, BadRun) else found

    return read


@dataclass(frozen=True, kw_only=True)
class Site:
    """What the pages are made of: `boards`, the first of which is the first page, and the `places` that have pages.

    `runs` are the codes of those that have one, each with that of the run before it in its series, if any; `run_ids`
    are by code, and `read` gives the record of one. `commits` are the addresses of commits that have one.
    """

    boards: Sequence[Board]
    places: Sequence[Place]
    runs: Mapping[int, int | None]
    run_ids: Sequence[str]
    commits: Mapping[str, str]
    bad: Sequence[BadRun]
    read: Callable[[int], RunRecord | None]


def stored_site(
    name: str,
    loaded: Loaded,
    target: str | None = None,
    model: str | None = None,
    *,
    run_pages: int = RUN_PAGES,
    others: bool = True,
    progress: Progress | None = None,
) -> Site:
    """Return the site of the store with the dashboard `name` first; the `others` that can be read follow it.

    The newest `run_pages` of each series have a page, and those on both sides of a change point.
    """
    points = loaded.points
    first = narrowed(load_dashboard(name), target, model)
    rest = [one for one in all_dashboards().values() if isinstance(one, DashboardSpec) and one.name != name]
    specs = [first, *(narrowed(one, target, model) for one in rest if others)]
    changes = changes_of(points, progress)
    places = places_on(points, stored_history(points).changes, first.filters)  # found already, and kept
    return Site(
        boards=[stored_board(spec, loaded, changes=changes).board for spec in specs],
        places=places,
        runs=runs_with_pages(places, run_pages),
        run_ids=points.runs.run_id,
        commits=commit_links(points.runs.commit),
        bad=loaded.bad,
        read=reader(points),
    )
