"""The transport `none`: a device that lab compiles for and can't start anything on."""

from __future__ import annotations

from typing import NoReturn

from lab.core.errors import DeviceError
from lab.devices.link import Access
from lab.formats.target import TargetSpec

_APP = (
    "missing: an app that links the static library, made and signed in Xcode on a Mac with a developer's account, "
    "and TVM's runtime built for iOS; `lab compile` and `lab convert` make the library and the weights"
)


def check(target: TargetSpec) -> str:
    """Return in words that nothing would be reached."""
    return "none: compiles only"


def connect(target: TargetSpec, access: Access) -> NoReturn:
    """Raise DeviceError, which says what is missing to run on the device of `target`."""
    what = f"target {target.name} compiles only: its [device].transport is 'none'"
    if "-ios" in target.compile.mtriple:
        raise DeviceError(f"{what}, as iOS starts nothing but signed apps", hint=_APP)
    raise DeviceError(what, hint="copy the file to a name of your own, and set the transport that reaches your device")
