"""`lab devices`, `lab devices pair`, `lab devices clean` and `lab devices build`."""

from __future__ import annotations

import click

from lab.cli.options import json_option, reach_options, target_option
from lab.cli.output import ask, print_document, print_text, stderr
from lab.cli.subcommands import Subcommands
from lab.devices.qemu.recipes import NAMES


@click.group("devices", cls=Subcommands, invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the phones that are attached, and how lab sees them.

    Asks the adb server (started if the adb program is installed) and USB (with the package of phi-lab[usb]).

    \b
    Example:
      lab devices
      lab devices pair 192.168.1.7:37099
    """
    if ctx.invoked_subcommand is None:
        _list(as_json)


@command.command("pair")
@click.argument("address", metavar="HOST:PORT")
@click.argument("code", metavar="[CODE]", required=False)
def pair(address: str, code: str | None) -> None:
    """Pair this computer with a phone's wireless debugging (Android 11 and newer).

    On the phone: developer options, "Wireless debugging", "Pair device with pairing code". It shows HOST:PORT and a
    CODE of six digits, which is asked for when it is not given.

    \b
    Example:
      lab devices pair 192.168.1.7:37099
    """
    from lab.devices.adb.program import check_address, check_code, require_pairing
    from lab.devices.adb.program import pair as pair_with

    host = check_address(address)
    require_pairing()
    given = check_code(code if code is not None else ask("Code that the phone shows"))
    print_text(pair_with(address, given))
    print_text(f"Next: adb connect {host}:PORT, with the port on the page 'Wireless debugging'; then 'lab devices'.")


@command.command("clean")
@target_option
@reach_options
@click.option("--yes", is_flag=True, help="Remove what is listed.")
@json_option
def clean(target: str, address: str | None, accept_new: bool, yes: bool, as_json: bool) -> None:
    """List or remove what was pushed to a device: models, runners, and what was half sent.

    Next time it is sent again. Nothing else on the device is touched.

    \b
    Example:
      lab devices clean --target pixel8-cpu
      lab devices clean --target rpi5 --at pi@192.168.1.20 --yes
    """
    from lab.cli.access import access_of
    from lab.core.progress import NullProgress
    from lab.jobs.clean_device import cleaned

    found = cleaned(target, address, access_of(accept_new, NullProgress()), remove=yes)
    if as_json:
        print_document({"removed": yes, "files": [{"sha256": name, "bytes": size} for name, size in found]})
        return
    from lab.views.console import for_stdout
    from lab.views.tables.clean import stored_table

    print_text(for_stdout(stored_table(target, found, yes)))


@command.command("build")
@click.argument("image", metavar="IMAGE", type=click.Choice([*NAMES, "all"]))
@json_option
def build(image: str, as_json: bool) -> None:
    """Build what an emulated device is started from, where it is missing.

    phone is for target emulated-phone, phone-opencl for emulated-opencl, machine for qemu-arm64. They are made of
    Debian 12's packages, as root on Debian 12 (x86-64), in about a minute each; the folders in compiled/images/ are
    printed. An image is there whole or not at all, and is built again when a new version of lab makes it in another
    way. Then 'lab run --target emulated-phone --model phi3-mini-q4 --layers 2 --prompt 16 --generate 8' measures
    on it. 'lab clean --images' removes what was built.

    \b
    Example:
      lab devices build phone
    """
    from lab.cli.documents import folder_document
    from lab.devices.qemu.build import build as build_images
    from lab.jobs.build import NOTHING_HALF
    from lab.jobs.interrupt import keeping
    from lab.views.progress import progress_on

    with progress_on(stderr()) as progress, keeping(NOTHING_HALF):
        folders = build_images(list(NAMES) if image == "all" else [image], progress)
    if as_json:
        print_document({"images": [folder_document(folder) for folder in folders]})
    else:
        print_text("\n".join(map(str, folders)))


def _list(as_json: bool) -> None:
    from lab.devices.adb.discover import discover
    from lab.formats.target import all_targets

    found = discover(all_targets())
    if as_json:
        from dataclasses import asdict

        print_document(asdict(found))
        return
    from lab.views.console import for_stdout
    from lab.views.tables.devices import devices_table

    print_text(for_stdout(devices_table(found)))
