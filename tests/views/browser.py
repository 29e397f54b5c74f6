"""A real browser, driven over its debugging pipe: what a page does when nobody helps it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

INSTALL = "chromium is missing: run scripts/install-debian-packages, or apt-get install chromium"


def chromium() -> str:
    """The program; without it a test fails in CI and is skipped elsewhere."""
    program = shutil.which("chromium")
    if program is None and os.environ.get("CI"):
        pytest.fail(INSTALL)
    if program is None:
        pytest.skip(INSTALL)
    return program


class Page:
    """One tab: what it was asked, what it logged, and what it wanted from elsewhere."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._out, self._in = os.fdopen(to_browser, "wb", 0), os.fdopen(from_browser, "rb", 0)
        self._rest, self._number, self._session, self._tab = b"", 0, "", ""
        self.said: list[str] = []
        self.requests: list[str] = []

    def open(self, url: str, *, dark: bool = False, width: int = 1300) -> None:
        """Load the page in a new tab, in place of the last one, and wait until it is there."""
        self.said, self.requests, self._session = [], [], ""
        before, self._tab = self._tab, self.ask("Target.createTarget", url="about:blank")["targetId"]
        if before:
            self.ask("Target.closeTarget", targetId=before)
        target = self._tab
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Log", "Runtime", "Network"):
            self.ask(f"{domain}.enable")
        self.ask(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}],
        )
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.ask("Page.navigate", url=url)
        self._until("Page.loadEventFired")

    def run(self, script: str) -> Any:
        """The value of an expression in the page; what a promise comes to."""
        found = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        for kind in ("rawKeyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and return its result; events that come meanwhile are kept."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            pass
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def leave(self) -> None:
        """Ask the browser to end."""
        self._session = ""
        self.ask("Browser.close")

    def close(self) -> None:
        """Close both pipes."""
        self._out.close()
        self._in.close()

    def _until(self, event: str) -> None:
        while self._next().get("method") != event:
            pass

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = self._in.read(1 << 20)
            assert more, "the browser has gone"
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        self._keep(found)
        return found

    def _keep(self, event: dict[str, Any]) -> None:
        given = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(given["request"]["url"])
            case "Log.entryAdded":
                self.said.append(given["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                self.said.append(json.dumps(given))


@contextmanager
def browser(profile: Path) -> Iterator[Page]:
    """A browser without a window, with a profile of its own, that ends with the block."""
    read_commands, write_commands = os.pipe()
    read_answers, write_answers = os.pipe()
    # The pipe of the debugger is file descriptors 3 and 4 of the browser.
    options = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --window-size=1280,1000"
    launch = f'exec 3<&{read_commands} 4>&{write_answers}; exec "$0" {options} --remote-debugging-pipe "$@"'
    process = subprocess.Popen(
        ["bash", "-c", launch, chromium(), f"--user-data-dir={profile}"],
        pass_fds=(read_commands, write_answers),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(read_commands)
    os.close(write_answers)
    page = Page(write_commands, read_answers)
    try:
        yield page
        page.leave()
        process.wait(20)
    finally:
        page.close()
        process.kill()
        process.wait()
