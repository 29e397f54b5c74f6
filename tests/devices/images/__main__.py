"""`python -m lab.devices.qemu.recipes phone|phone-opencl|machine|all`."""

from __future__ import annotations

import argparse
import sys

from lab.core.errors import LabError
from lab.devices.qemu.build import RECIPES, build
from lab.views.progress import progress_on


def main() -> int:
    """Build what is missing and print the folders; exit code 1 with the reason when it can't be."""
    parser = argparse.ArgumentParser(
        prog="scripts/build-emulated-devices",
        description="Build the emulated devices that are missing in compiled/images/ (below $LAB_HOME). Needs root.",
    )
    parser.add_argument("image", nargs="?", default="all", choices=[*RECIPES, "all"])
    wanted = parser.parse_args().image
    try:
        with progress_on(sys.stderr) as progress:
            folders = build(list(RECIPES) if wanted == "all" else [wanted], progress)
    except LabError as problem:
        print(f"error: {problem.what}", file=sys.stderr)
        print(f"  hint: {problem.hint}" if problem.hint else "", file=sys.stderr)
        return 1
    print("\n".join(str(folder) for folder in folders))
    return 0


if __name__ == "__main__":
    sys.exit(main())
