"""A real browser without a window, over its DevTools pipe: what users see of a page, and what it complains of.

Nothing but the standard library: no port is opened, no driver is needed.
"""

from __future__ import annotations

import base64
import fcntl
import io
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome")
#: No window; without a sandbox, which containers do not have. WebGL is by the CPU.
OPTIONS = (
    "--headless=new", "--no-sandbox", "--no-first-run", "--disable-extensions", "--disable-background-networking",
    "--remote-debugging-pipe",
)  # fmt: skip
WEBGL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
NO_WEBGL = ("--disable-gpu", "--disable-3d-apis")
PATIENCE = 40.0  # seconds
PIPES = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def find_browser() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page. `events` is everything that the browser reported."""

    def __init__(self, profile: Path, width: int = 1200, height: int = 900, *, webgl: bool = True) -> None:
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        # above 10, so that neither is in the way when they are put where the browser looks for them, at 3 and 4
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_browser, from_browser)]
        own = [f"--user-data-dir={profile}", f"--window-size={width},{height}"]
        words = [find_browser(), *OPTIONS, *(WEBGL if webgl else NO_WEBGL), *own, "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", PIPES, *map(str, ends), *words],
            pass_fds=ends, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for end in (to_browser, from_browser, *ends):
            os.close(end)
        self.events: list[dict[str, Any]] = []
        self._rest, self._asked, self._session = b"", 0, None
        pages = [one for one in self.call("Target.getTargets")["targetInfos"] if one["type"] == "page"]
        attached = self.call("Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)
        os.close(self._read)
        os.close(self._write)

    def open(self, path: Path) -> None:
        """Waits until the page and its pictures are loaded."""
        self.call("Page.navigate", url=path.as_uri())
        self.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")

    def wait_for(self, condition: str) -> None:
        """Until a JavaScript expression is true."""
        end = time.monotonic() + PATIENCE
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < end, f"waited in vain for {condition}"
            time.sleep(0.1)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression, awaited."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def screenshot(self, selector: str | None = None) -> np.ndarray:
        """[H, W, 3] uint8 of what is in the window, or of one element that is."""
        options: dict[str, Any] = {}
        if selector is not None:
            box = self.box(selector)
            options["clip"] = {**box, "scale": 1}
        picture = base64.b64decode(self.call("Page.captureScreenshot", format="png", **options)["data"])
        return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))

    def box(self, selector: str) -> dict[str, float]:
        """x, y, width, height of an element on the page."""
        return self.run(
            f"(() => {{ const box = document.querySelector({json.dumps(selector)}).getBoundingClientRect(); "
            "return {x: box.x + scrollX, y: box.y + scrollY, width: box.width, height: box.height}; })()"
        )

    def drag(self, selector: str, across: float, down: float) -> None:
        """Press in the middle of an element, move in steps, let go."""
        box = self.box(selector)
        scrolled = self.run("[scrollX, scrollY]")
        x, y = box["x"] + box["width"] / 2 - scrolled[0], box["y"] + box["height"] / 2 - scrolled[1]
        self._mouse("mousePressed", x, y)
        for step in range(1, 9):
            self._mouse("mouseMoved", x + across * step / 8, y + down * step / 8)
        self._mouse("mouseReleased", x + across, y + down)

    def complaints(self) -> list[str]:
        """Errors on the console, and exceptions that no one caught."""
        found = []
        for event in self.events:
            kind, values = event.get("method"), event.get("params", {})
            if kind == "Runtime.exceptionThrown":
                found.append(str(values["exceptionDetails"]))
            elif kind == "Runtime.consoleAPICalled" and values["type"] in ("error", "assert"):
                found.append(str(values["args"]))
            elif kind == "Log.entryAdded" and values["entry"]["level"] == "error":
                found.append(values["entry"]["text"])
        return found

    def requests(self) -> list[str]:
        """Everything that was asked of a disk or a network, whether it came or not."""
        urls = [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith(("data:", "blob:", "about:"))]

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the DevTools protocol."""
        self._asked += 1
        message: dict[str, Any] = {"id": self._asked, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            answer = self._receive(end)
            if answer.get("id") == self._asked:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)
        raise AssertionError(f"the browser did not answer {method}")

    def _receive(self, end: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], max(0.0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            chunk = os.read(self._read, 1 << 20)
            assert chunk, "the browser has ended"
            self._rest += chunk
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _mouse(self, kind: str, x: float, y: float) -> None:
        pressed = 0 if kind == "mouseReleased" else 1
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=pressed, clickCount=1)
