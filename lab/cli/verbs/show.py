"""`lab show RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.options import json_option, markdown_option, one_form
from lab.cli.output import print_document, print_json_text, print_paged, print_text, tell

if TYPE_CHECKING:
    from lab.formats.run_record import RunRecord


PAGE = click.Path(dir_okay=False, path_type=Path)


def _sections(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...]:
    """A callback that turns `a,b` into (a, b); a usage error for a section that there is not."""
    names = tuple(dict.fromkeys(part.strip() for part in (value or "").split(",") if part.strip()))
    if names:
        from lab.core.suggest import check_known
        from lab.views.runs.run_page import SECTIONS

        for name in names:
            check_known("section", name, SECTIONS)
    return names


@click.command("show")
@click.argument("run", metavar="RUN")
@click.option("--raw", is_flag=True, help="Print everything that was recorded, no text cut.")
@click.option("--section", "sections", metavar="NAME[,NAME...]", callback=_sections, help="Print these parts alone.")
@click.option("--html", "page", type=PAGE, metavar="FILE", help="Write one page that needs nothing else.")
@click.option("--export", type=click.Choice(["llama-bench"]), help="Print the run in another tool's JSON.")
@markdown_option
@json_option
def command(
    run: str, raw: bool, sections: tuple[str, ...], page: Path | None, export: str | None, **forms: bool
) -> None:
    """Show one recorded run: numbers, pictures, environment, and what to do about warnings.

    RUN is a run id, a unique beginning of one, 'latest', 'latest~1', or the path of a file. Each series is shown as
    min, median, max and a sparkline; one that never changes is said once, and what is not known is left out.

    --raw prints every block of the record instead, on a terminal by a pager (LAB_PAGER, else PAGER, else less). With
    --json the document is printed exactly as it is stored, raw samples and all. Sections are numbers, series, itl,
    roofline, environment and warnings, and of --raw repetitions, lab, protocol, engine, model, weights, bundle,
    device, target, plan, bandwidth and peak.

    \b
    Example:
      lab show latest
      lab show latest --section itl,warnings
      lab show latest --markdown
      lab show latest --html run.html
      lab show latest~1 --raw
      lab show latest~1 --export llama-bench
    """
    as_json, as_markdown = forms["as_json"], forms["as_markdown"]
    one_form(json=as_json, markdown=as_markdown, raw=raw, section=bool(sections), html=bool(page), export=bool(export))
    from lab import store

    found = store.read(run)
    if as_json:
        print_json_text(found.document.decode("utf-8"))
    elif export:
        from lab.analysis.llama_bench import llama_bench_rows

        print_document(llama_bench_rows(found.record))
    elif page is not None:
        _write_page(found.record, page)
    elif as_markdown:
        from lab.views.runs.run_markdown import runs_markdown

        print_text(runs_markdown([found.record]))
    else:
        _print_page(found.record, raw, sections)


def _write_page(record: RunRecord, page: Path) -> None:
    from lab.analysis.pages.commit_links import commit_links
    from lab.core.atomic import write_text
    from lab.core.home import shown
    from lab.views.html.links import Links
    from lab.views.html.run_page import run_html

    commits = [record.revision.commit] if record.revision else []
    write_text(page, run_html(record, links=Links(commits=commit_links(commits))))
    tell(f"wrote {shown(page)}")


def _print_page(record: RunRecord, raw: bool, sections: tuple[str, ...]) -> None:
    from lab.core.text import whole_texts
    from lab.store.liveness import as_it_stands
    from lab.views.console import for_stdout, stdout_width
    from lab.views.runs.raw_page import show_page
    from lab.views.runs.run_page import run_page, run_sections

    record, width = as_it_stands(record), stdout_width()
    if not raw and not sections:
        print_text(for_stdout(run_page(record, width)))
        return
    with whole_texts():
        print_paged(for_stdout(show_page(record, width) if raw else run_sections(record, sections, width)))
