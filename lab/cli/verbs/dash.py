"""`lab dash`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from lab.cli.options import Whole, existing_dashboard, json_option
from lab.cli.output import is_screen, print_document, print_text, stderr, tell
from lab.core.errors import UsageError


@click.command("dash")
@click.argument("name", metavar="[NAME]", required=False, callback=existing_dashboard)
@click.option("--once", is_flag=True, help="Print once and exit (default when piped).")
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Write a page to a file that ends in .html, or a site of pages to a folder.",
)
@click.option(
    "--run-pages",
    type=Whole(min=0),
    metavar="N",
    help="With --html FOLDER: pages for the newest N runs of each series; default: 5.",
)
@click.option("--check", is_flag=True, help="Check every dashboard file; exit code 1 if one has an error.")
@click.option("--target", "-t", metavar="NAME", help="Only this target; a pattern such as 'pixel*' does too.")
@click.option("--model", "-m", metavar="ID", help="Only this model; a pattern such as 'phi3-mini-*' does too.")
@json_option
def command(
    name: str | None,
    once: bool,
    page: Path | None,
    run_pages: int | None,
    check: bool,
    target: str | None,
    model: str | None,
    as_json: bool,
) -> int:
    """Show a dashboard: what everything does now, how it got there, and what got worse.

    A dashboard is a file dashboards/<name>.toml in the working folder (or $LAB_HOME), or one that comes with lab:
    overview (the default), compare, regressions, device, model, engines. In a terminal it is interactive.
    --html FILE.html writes one page, --html FOLDER a site: all dashboards, a page for each series, pages for its newest
    runs. Neither needs a network. With --once the exit code is 3 when the dashboard's own gates find a verdict that
    they do not let pass.

    \b
    Example:
      lab dash
      lab dash compare --once --target local
      lab dash overview --html report.html
      lab dash --html site
      lab dash --check
    """
    if check:
        return _check(as_json, name)
    if page is not None and as_json:
        raise UsageError("--html and --json: choose one of them")
    if run_pages is not None and (page is None or _is_file(page)):
        raise UsageError("--run-pages is of a site: give --html FOLDER too")
    _check_named(target, model)
    chosen = name or "overview"
    if page is not None:
        return _page(chosen, target, model, page) if _is_file(page) else _site(chosen, target, model, page, run_pages)
    if not once and not as_json and is_screen():
        from lab.views.tui.app import run_app

        return run_app(chosen, target, model)
    return _once(chosen, target, model, as_json)


def _check_named(target: str | None, model: str | None) -> None:
    """Refuse a target or model that no run has and nothing defines; a pattern may mean nothing yet."""
    from lab.cli.recorded import check_names

    names = [None if name is None or set(name) & set("*?[") else name for name in (target, model)]
    check_names(*names)


def _is_file(page: Path) -> bool:
    return page.suffix.lower() in (".html", ".htm")


def _page(name: str, target: str | None, model: str | None, page: Path) -> int:
    from lab.analysis.pages.changed import change_histories
    from lab.analysis.pages.site import stored_site
    from lab.analysis.points.load import load_points
    from lab.core.atomic import write_text
    from lab.core.home import shown
    from lab.views.html.links import Links
    from lab.views.html.page import html_page
    from lab.views.progress import progress_on

    with progress_on(stderr()) as progress:
        site = stored_site(name, load_points(None, progress), target, model, others=False, progress=progress)
    (board,) = site.boards
    write_text(page, html_page(board, site.bad, change_histories(board, site.places), Links(commits=site.commits)))
    tell(f"wrote {shown(page)}")
    return board.exit_code


def _site(name: str, target: str | None, model: str | None, folder: Path, run_pages: int | None) -> int:
    from lab.analysis.pages.site import RUN_PAGES, stored_site
    from lab.analysis.points.load import load_points
    from lab.core.home import shown
    from lab.core.units import counted
    from lab.jobs.site_folder import publish
    from lab.views.html.site import site_pages
    from lab.views.progress import progress_on

    newest = RUN_PAGES if run_pages is None else run_pages
    with progress_on(stderr()) as progress:
        site = stored_site(name, load_points(None, progress), target, model, run_pages=newest, progress=progress)
        with progress.phase("pages of runs", len(site.runs), "pages") as advance:
            pages = dict(site_pages(site, advance))
    done = publish(folder, pages, tell)
    for kept in done.kept:
        tell(f"kept {shown(folder / kept)}: it was changed since lab wrote it")
    of_runs = f"{counted(len(site.places), 'series page')}, {counted(len(site.runs), 'run page')}"
    tell(f"wrote {shown(folder)}/index.html: {counted(done.written, 'page')}, of them {of_runs}")
    return site.boards[0].exit_code


def _once(name: str, target: str | None, model: str | None, as_json: bool) -> int:
    from lab.analysis.boards.build import stored_board
    from lab.analysis.points.load import load_points
    from lab.formats.dashboard import load_dashboard, narrowed
    from lab.views.progress import progress_on

    spec = narrowed(load_dashboard(name), target, model)
    spec = spec if as_json else replace(spec, charts=())  # which text has none of
    with progress_on(stderr()) as progress:
        found = stored_board(spec, load_points(None, progress), progress=progress)
    if as_json:
        from lab.cli.documents import board_document

        print_document(board_document(found))
    else:
        from lab.views.board.board_table import board_table
        from lab.views.console import for_stdout, stdout_width

        print_text(for_stdout(board_table(found.board, found.bad, stdout_width())))
        if not found.board.runs:
            from lab.store import in_use

            tell(f"looked in {in_use().where}")
    return found.board.exit_code


def _check(as_json: bool, name: str | None) -> int:
    from lab.formats.dashboard import DashboardSpec, all_dashboards

    checked = {one: spec for one, spec in all_dashboards().items() if name in (None, one)}
    if as_json:
        from lab.cli.documents import dashboards_document

        print_document(dashboards_document(checked))
    else:
        from lab.views.board.dashboards_table import dashboards_table
        from lab.views.console import for_stdout

        print_text(for_stdout(dashboards_table(checked)))
    return 0 if all(isinstance(one, DashboardSpec) for one in checked.values()) else 1
