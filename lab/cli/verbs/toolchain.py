"""`lab toolchain android`."""

from __future__ import annotations

from pathlib import Path

import click

from lab.cli.options import json_option
from lab.cli.output import print_document, print_text, stderr
from lab.cli.subcommands import Subcommands


@click.group("toolchain", cls=Subcommands)
def command() -> None:
    """Build what runs on a phone with Android's own C library.

    \b
    Example:
      lab toolchain android
    """


@command.command("android")
@click.option(
    "--tvm-source",
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    help="TVM's source, a folder or an archive; default: $LAB_TVM_SOURCE, else Apache's release is fetched.",
)
@json_option
def android(tvm_source: Path | None, as_json: bool) -> None:
    """Build runner, TVM's runtime and the OpenCL plug-in for arm64 phones with your Android NDK (r25 or newer).

    The NDK is found by ANDROID_NDK_HOME, ANDROID_NDK_ROOT or ANDROID_HOME/ndk/*. The path of the folder in
    compiled/toolchain/ is printed. What was built before from the same NDK and sources is not built again, and
    'lab run' does this by itself where a target needs it.

    \b
    Example:
      ANDROID_NDK_HOME=~/Android/Sdk/ndk/27.2.12479018 lab toolchain android
      lab toolchain android --tvm-source ~/apache-tvm-src-v0.27.0.post1.tar.gz
    """
    from lab.cli.documents import folder_document
    from lab.jobs.build import NOTHING_HALF
    from lab.jobs.interrupt import keeping
    from lab.ondevice.android.build import toolchain
    from lab.views.progress import progress_on

    with progress_on(stderr()) as progress, keeping(NOTHING_HALF):
        built = toolchain(progress, source=tvm_source)
    if as_json:
        print_document(folder_document(built.folder))
    else:
        print_text(str(built.folder))
