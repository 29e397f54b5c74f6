"""The kernel's rule that arm64 programs are run by qemu-user, which holds in every folder that is made the root."""

from __future__ import annotations

from pathlib import Path

from lab.core.errors import DeviceError
from lab.core.proc import CommandError, run

RULES = Path("/proc/sys/fs/binfmt_misc")
# Where distributions keep the ready line for the kernel.
LINES = tuple(
    Path(folder) / name
    for folder in ("/usr/lib/binfmt.d", "/etc/binfmt.d")
    for name in ("qemu-aarch64.conf", "qemu-aarch64-static.conf")
)
FIX_BINARY = "F"  # the kernel opens the emulator when the rule is made, and not by its path in the new root
HINT = "apt-get install qemu-user-static"


def ensure_rule() -> Path:
    """Return the emulator that runs arm64 programs; makes the rule when there is none (root).

    Raises DeviceError where it can't be made, or one that is there does not do.
    """
    found = _find()
    if found is None:
        _register()
        found = _find()
    if found is None:
        raise DeviceError("the kernel did not take the rule for arm64 programs (binfmt_misc)", hint=HINT)
    return found


def _find() -> Path | None:
    for rule in sorted(RULES.glob("qemu-aarch64*")):
        text = rule.read_text("utf-8", "replace")
        fields = dict(line.partition(" ")[::2] for line in text.splitlines())
        if not text.startswith("enabled"):
            continue
        if FIX_BINARY not in fields.get("flags:", ""):
            raise DeviceError(
                f"{rule}: the rule for arm64 programs holds only where its emulator is in the root (no flag F)",
                hint=f"remove it: echo -1 > {rule}, and try again; it is then made anew",
            )
        return Path(fields.get("interpreter", "")).resolve()  # by its other name it serves the kernel only
    return None


def _register() -> None:
    line = next((path for path in LINES if path.is_file()), None)
    if line is None:
        raise DeviceError("arm64 programs cannot be run here: qemu-user-static is not installed", hint=HINT)
    try:
        if not (RULES / "register").exists():
            run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(RULES)], timeout_s=30, check=True)
        (RULES / "register").write_text(line.read_text("utf-8"), "utf-8")
    except (OSError, CommandError) as problem:
        raise DeviceError(
            f"the rule for arm64 programs (binfmt_misc) could not be made: {problem}",
            hint="this kernel or container may not allow it; on the host: systemctl restart systemd-binfmt",
        ) from problem
