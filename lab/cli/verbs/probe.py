"""`lab probe`."""

from __future__ import annotations

import click

from lab.cli.options import json_option, reach_options, target_option
from lab.cli.output import print_json_text, print_text, stderr


@click.command("probe")
@target_option
@click.option("--last", is_flag=True, help="Show the newest stored probe and measure nothing.")
@reach_options
@json_option
def command(target: str, last: bool, address: str | None, accept_new: bool, as_json: bool) -> None:
    """Measure the peak memory bandwidth and arithmetic of a device (roofline).

    For each number of threads, up and down again: how fast memory is read, and how fast int4, int8 and f32 values
    are multiplied and added in registers, by the fastest of several loops. They form the roofline that a run is
    compared with; a run measures them again itself, in its own session. The probe is stored with the device's facts in
    profiles/, every sample kept, when it is complete: Ctrl-C stores nothing. With --json the document is printed
    exactly as it stands there.

    \b
    Example:
      lab probe --target local
      lab probe --target local --last --json
      lab probe --target rpi5 --at pi@192.168.1.20
    """
    from lab.cli.access import access_of
    from lab.jobs.probe import probed
    from lab.store import probes
    from lab.views.progress import progress_on

    if last:
        path = probes.latest(target)
    else:
        with progress_on(stderr()) as progress:
            path = probed(target, progress, address, access_of(accept_new, progress))
    record = probes.load(path)
    if as_json:
        print_json_text(path.read_text(encoding="utf-8"))
        return
    from lab.views.console import for_stdout
    from lab.views.tables.probe import probe_table

    print_text(for_stdout(probe_table(record)))
