"""`lab targets` and `lab targets check`."""

from __future__ import annotations

import click

from lab.cli.options import existing_target, json_option, reach_options
from lab.cli.output import print_document, print_text
from lab.cli.subcommands import Subcommands
from lab.core.errors import UsageError


@click.group("targets", cls=Subcommands, invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the devices that are described, or check their descriptions.

    A target is a file targets/<name>.toml in the working folder (or $LAB_HOME), or one that comes with lab.

    \b
    Example:
      lab targets
      lab targets check local --connect
    """
    if ctx.invoked_subcommand is None:
        _list(as_json)


@command.command("check")
@click.argument("name", metavar="[NAME]", required=False, callback=existing_target)
@click.option("--connect", is_flag=True, help="Also ask the device itself.")
@reach_options
@json_option
def check(name: str | None, connect: bool, address: str | None, accept_new: bool, as_json: bool) -> int:
    """Check one target, or all of them; exit code 1 when a check failed, 4 when a device does not answer.

    \b
    Checks made offline:
      file       the file reads: known keys, right types and ranges, name equal to the file's
      transport  this version of lab can reach such a device
      backend    what compiles for it is installed here
      processor  the compiler knows the processor, and there are kernels for it
    With --connect also:
      device     the device answers
      features   its processor has every feature that the code will use
      threads    it has as many cores as [measure].threads asks for
    Of a target with a GPU, in place of processor and features:
      gpu: there are kernels for it
      plug-in: what runs them can be built; skipped where that takes something that is not installed here
      gpu device: its driver answers, and has what the kernels need

    \b
    Example:
      lab targets check
      lab targets check local --connect
      lab targets check rpi5 --connect --at pi@192.168.1.20
    """
    from lab.cli.access import access_of
    from lab.core.progress import NullProgress
    from lab.jobs.check_target import check_targets, exit_code

    if address and (name is None or not connect):
        hint = f"for example: lab targets check rpi5 --connect --at {address}"
        raise UsageError(f"--at {address}: is for one target, with --connect", hint=hint)
    checks = check_targets(name, connect, address, access_of(accept_new, NullProgress()))
    if as_json:
        from dataclasses import asdict

        print_document({"checks": [asdict(one) for one in checks]})
    else:
        from lab.views.console import for_stdout
        from lab.views.tables.targets import checks_table

        print_text(for_stdout(checks_table(checks)))
    return exit_code(checks)


def _list(as_json: bool) -> None:
    from lab.formats.target import all_targets

    targets = all_targets()
    if as_json:
        from lab.cli.documents import targets_document

        print_document(targets_document(targets))
        return
    from lab.views.console import for_stdout
    from lab.views.tables.targets import targets_table

    print_text(for_stdout(targets_table(targets)))
