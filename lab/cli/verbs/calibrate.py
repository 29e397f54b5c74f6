"""`lab calibrate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from lab.cli.options import (
    Whole,
    existing_model,
    existing_target,
    int_list,
    json_option,
    layers_option,
    reach_options,
    weights_options,
)
from lab.cli.output import print_document, print_text, stderr
from lab.core.errors import UsageError

if TYPE_CHECKING:
    from lab.core.progress import Progress
    from lab.formats.calibration import Calibration


@click.command("calibrate")
@click.argument("target", metavar="TARGET", callback=existing_target)
@click.option("--model", "-m", metavar="ID", callback=existing_model, help="Model; see 'lab models'.")
@click.option("--sessions", type=click.IntRange(10, 1000), default=10, metavar="N", help="How many; default: 10.")
@click.option("--from-history", is_flag=True, help="Measure nothing: take the sessions of one build on record.")
@click.option("--show", is_flag=True, help="Show what was learned before.")
@click.option("--prompt", metavar="N[,N...]", default="512", callback=int_list(1), help="Tokens to prefill.")
@click.option("--generate", metavar="N[,N...]", default="128", callback=int_list(2), help="Tokens to generate.")
@click.option("--depth", metavar="N[,N...]", default="0", callback=int_list(0), help="Tokens in the cache.")
@click.option("--repeats", type=Whole(1), metavar="N", help="Repetitions; default: the target's.")
@click.option("--threads", type=Whole(1), metavar="N", help="Threads; default: the target's.")
@layers_option
@weights_options
@reach_options
@json_option
def command(target: str, sessions: int, from_history: bool, show: bool, as_json: bool, **options: Any) -> int:
    """Learn a target's noise between sessions, and its thresholds.

    Measures the same build in --sessions sessions, at least 10, and learns for each metric the noise between sessions
    and the threshold: the smallest change that counts. floors/TARGET.json keeps it, and 'lab gate' and
    'lab regressions' use it. Each session is a run on record, tagged 'calibrate'; Ctrl-C keeps those that are done.

    Without --model the model of the target's newest run is taken. --from-history takes of each model the build
    that most sessions measured, whatever they were for.

    \b
    Example:
      lab calibrate local --model phi3-mini-q4
      lab calibrate local --model phi3-mini-q4 --layers 2 --sessions 20
      lab calibrate local --from-history
      lab calibrate local --show --json
    """
    if show and from_history:
        raise UsageError("--show shows what was learned, --from-history learns: give one")
    _show(_stored(target) if show else _learned(target, None if from_history else sessions, options), as_json)
    return 0


def _learned(target: str, sessions: int | None, options: dict[str, Any]) -> Calibration:
    """Measure so many sessions and learn from them, or (None) from the history."""
    from lab.jobs.calibrate import of_history
    from lab.views.progress import progress_on

    with progress_on(stderr()) as progress:
        if sessions is None:
            return of_history(target, options["model"], progress)
        return _measured(target, sessions, options, progress)


def _stored(target: str) -> Calibration:
    from lab.core.errors import StoreError
    from lab.formats.calibration import floors_dir, load

    path = floors_dir() / f"{target}.json"
    if not path.is_file():
        raise StoreError(f"target {target} was never calibrated: its threshold is 5 %", hint=f"lab calibrate {target}")
    return load(path)


def _measured(target: str, sessions: int, options: dict[str, Any], progress: Progress) -> Calibration:
    from lab.cli.access import access_of
    from lab.formats.revision import measured_revision
    from lab.formats.tags import CALIBRATE
    from lab.jobs.calibrate import latest_model, measured, of_runs
    from lab.jobs.options import RunOptions
    from lab.jobs.run import run

    found = (options["model"], options["layers"]) if options["model"] else latest_model(target, progress)
    if found is None:
        raise UsageError(f"target {target} has no run whose model could be taken", hint="give --model")
    model, layers = found
    chosen = {**options, "target": target, "model": model, "layers": options["layers"] or layers}
    asked = RunOptions(**chosen, tags=(CALIBRATE,), revision=measured_revision(None))
    access = access_of(options["accept_new"], progress)
    ids = measured(lambda: run(asked, progress, access), sessions, progress)
    return of_runs(ids, target, progress)


def _show(found: Calibration, as_json: bool) -> None:
    if as_json:
        from dataclasses import asdict

        print_document(asdict(found))
        return
    from lab.views.console import for_stdout
    from lab.views.tables.calibration import calibration_table

    print_text(for_stdout(calibration_table(found)))
