"""A phone's adb daemon over USB, by adb-shell's libusb transport (an optional package)."""

from __future__ import annotations

import threading
from typing import Any

from lab.core.errors import ConfigError, DeviceUnreachableError
from lab.core.text import said
from lab.devices.adb.wire import Moved

HINT = "pip install 'phi-lab[usb]' (it also needs the system's libusb-1.0), or install the adb program"
POLL_S = 0.5
PAYLOAD_S = 30.0  # between a head and its payload; a phone sends both at once


class UsbWire:
    """Bulk transfers. A device takes and gives a head and its payload as a transfer each."""

    name = "USB"

    def __init__(self, transport: Any, port: str = "") -> None:
        self.port = port
        self._transport = transport
        self._patience_s: float | None = None
        self._closed = False
        self._busy = (threading.Lock(), threading.Lock())  # a transfer each way

    def parts(self, head: bytes, data: bytes) -> list[bytes]:
        """The daemon reads a head and its payload as a transfer each."""
        return [head, data] if data else [head]

    def write(self, data: bytes, moved: Moved) -> None:
        """See `Wire.write`."""
        view = memoryview(data)
        while view:
            with self._busy[1]:
                taken = self._call(self._transport.bulk_write, bytes(view), self._patience_s or PAYLOAD_S)
            view = view[taken:]
            moved()

    def read(self, size_bytes: int) -> bytes:
        """See `Wire.read`; a head is waited for in short turns, since libusb can't be woken up."""
        data = b""
        waited_s = 0.0
        while len(data) < size_bytes:
            try:
                with self._busy[0]:
                    data += self._call(self._transport.bulk_read, size_bytes - len(data), POLL_S)
            except TimeoutError:
                waited_s += POLL_S
                if data or (self._patience_s is not None and waited_s >= self._patience_s):
                    raise
        return data

    def patience(self, seconds: float | None) -> None:
        """See `Wire.patience`."""
        self._patience_s = seconds

    def close(self) -> None:
        """Give the interface back, once no transfer is under way: libusb must not lose it in the middle of one."""
        if self._closed:
            return
        self._closed = True
        held = [lock for lock in self._busy if lock.acquire(timeout=2 * POLL_S)]
        self._transport.close()
        for lock in held:
            lock.release()

    def _call(self, transfer: Any, what: Any, timeout_s: float) -> Any:
        """One transfer, its failure turned into an OSError."""
        if self._closed:
            raise ConnectionResetError("the connection was closed")
        try:
            return transfer(what, timeout_s)
        except Exception as problem:  # adb-shell's two kinds, which share no base that says so
            if "Timeout" in type(getattr(problem, "usb_error", None)).__name__:
                raise TimeoutError("nothing moved over USB") from problem
            raise ConnectionResetError(said(str(problem))) from problem


def attached() -> list[Any]:
    """Return adb-shell's transports of the phones on USB; ConfigError when the package for USB is missing."""
    try:
        from adb_shell.transport.usb_transport import UsbTransport
    except (ImportError, OSError) as problem:
        raise ConfigError("phones on USB need the package libusb1, which is not installed", hint=HINT) from problem
    return list(UsbTransport.find_all_adb_devices())


def serial_of(transport: Any) -> str:
    """Return what the phone calls itself; empty when it can't be asked (mostly: no permission)."""
    try:
        return said(str(transport.serial_number))
    except Exception:  # libusb's own errors, whose package may be missing
        return ""


def plug_in(serial: str, timeout_s: float) -> UsbWire:
    """Open the phone called `serial`, or the only one.

    Raises:
        ConfigError: the package for USB is missing.
        DeviceUnreachableError: none, or several, or it is held by an adb server, or not ours to open.
    """
    there = attached()
    found = _choose(there, serial)
    try:
        found.connect(timeout_s)
    except Exception as problem:  # libusb's own errors, whose package may be missing
        what = f"the phone {serial or serial_of(found)} on USB can't be opened: {said(str(problem))}"
        raise DeviceUnreachableError(
            what,
            hint="an adb server may hold it (adb kill-server), or a udev rule is "
            "missing (apt-get install android-sdk-platform-tools-common)",
        ) from problem
    twins = [one for one in there if serial_of(one) == serial_of(found)]
    return UsbWire(found, path_of(found) if len(twins) > 1 else "")


def path_of(transport: Any) -> str:
    """Return the port that the phone is plugged into as adb writes it, "usb:1-2.3"; empty where it can't be asked."""
    try:
        bus, *ports = transport.port_path
        return f"usb:{int(bus)}-{'.'.join(str(int(port)) for port in ports)}"
    except Exception:  # libusb's own errors, whose package may be missing
        return ""


def _choose(transports: list[Any], wanted: str) -> Any:
    """Return the phone of that serial or port, else the only one that this user may open."""
    names = {one: (serial_of(one), path_of(one)) for one in transports}
    fitting = [one for one in transports if (wanted in names[one] if wanted else names[one][0])]
    if not (fitting or wanted):
        fitting = transports
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        what = f"no phone called {wanted} on USB" if wanted else "no phone on USB"
        raise DeviceUnreachableError(what, hint="plug it in and switch on USB debugging; see 'lab devices'")
    serials = [names[one][0] for one in fitting]
    listed = ", ".join(_handle(*names[one], is_twin=serials.count(names[one][0]) > 1) for one in fitting)
    raise DeviceUnreachableError(f"several phones on USB: {listed}", hint="say which one: --at, or [device].serial")


def _handle(serial: str, path: str, *, is_twin: bool) -> str:
    return (path if is_twin else "") or serial or "(no permission)"
