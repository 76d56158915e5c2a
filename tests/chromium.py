"""A page in a headless Chromium, asked by the DevTools protocol: also what forbids itself every script can be measured.

The protocol: https://chromedevtools.github.io/devtools-protocol/.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from websockets.sync.client import ClientConnection, connect

from lookalike.service.parity.browser import FLAGS

PATIENCE_S = 120


class Page:
    """One page, of any size and in any medium."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._ids = itertools.count(1)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol, and wait for its result."""
        number = next(self._ids)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer: dict[str, Any] = json.loads(self._connection.recv(timeout=PATIENCE_S))
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def show(self, content: str, *, width: int, height: int = 900, medium: str = "screen", dark: bool = False) -> None:
        """Show a document."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", media=medium, features=[scheme])
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        is_wide = f"const is_wide = () => innerWidth === {width} ? done() : setTimeout(is_wide, 5)"
        self.run(f"new Promise(done => {{ {is_wide}; is_wide(); }})")
        frame = self.ask("Page.navigate", url="about:blank")["frameId"]  # or what forbids itself things forbids them
        self.ask("Page.setDocumentContent", frameId=frame, html=content)
        self.run("Promise.all([...document.images].map(one => one.decode()))")

    def run(self, expression: str) -> Any:
        """The value of an expression of JavaScript, of the one that it promises where it does."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def picture(self, path: Path) -> None:
        """Save what the page looks like, as a PNG."""
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))


@contextmanager
def page(browser: Path) -> Iterator[Page]:
    """A page in a browser of its own, which ends with the block."""
    with tempfile.TemporaryDirectory(prefix="lk-", ignore_cleanup_errors=True) as profile:
        alone = ["--no-sandbox"] if os.geteuid() == 0 else []
        arguments = [str(browser), *FLAGS, *alone, f"--user-data-dir={profile}", "--remote-debugging-port=0"]
        process = subprocess.Popen(
            [*arguments, "about:blank"],
            env={**os.environ, "HOME": profile, "XDG_CONFIG_HOME": profile},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            new = Request(f"http://127.0.0.1:{_port(Path(profile), process)}/json/new?about:blank", method="PUT")
            with urlopen(new, timeout=PATIENCE_S) as reply:
                address = json.loads(reply.read())["webSocketDebuggerUrl"]
            with connect(address, max_size=None, open_timeout=PATIENCE_S, proxy=None) as connection:
                yield Page(connection)
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def _port(profile: Path, process: subprocess.Popen[bytes]) -> int:
    """Where the browser listens, which it writes into its profile."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        told = profile / "DevToolsActivePort"
        if told.is_file() and (lines := told.read_text().split()):
            return int(lines[0])
        time.sleep(0.05)
    raise TimeoutError("the browser did not say where it listens")
