# SPDX-License-Identifier: MIT
"""Chromium without a window, driven by its own protocol over a pipe."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
DEBS = ROOT / "build" / "debs" / "root"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --remote-debugging-pipe about:blank"
)


def command() -> tuple[list[str], dict[str, str]]:
    """The browser of the system, or the one that scripts/debs.sh unpacks."""
    if found := shutil.which("chromium"):
        return [found], {}
    subprocess.run([ROOT / "scripts" / "debs.sh", "chromium"], check=True)
    libraries = sorted({str(path.parent) for path in DEBS.rglob("*.so*")})
    return [str(DEBS / "usr" / "lib" / "chromium" / "chromium")], {"LD_LIBRARY_PATH": ":".join(libraries)}


class Tab:
    def __init__(self, to: int, source: int) -> None:
        self._to, self._from = to, source
        self._left = b""
        self._calls = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        """What the browser said of its own accord."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Security.setIgnoreCertificateErrors", ignore=True)  # the test's own

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            said = self._said()
            if said.get("id") == self._calls:
                if "error" in said:
                    raise RuntimeError(f"{method}: {said['error']}")
                result: dict[str, Any] = said["result"]
                return result
            self.events.append(said)

    def _said(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            if not select.select([self._from], [], [], 60)[0]:
                raise TimeoutError("the browser says nothing")
            if not (more := os.read(self._from, 1 << 20)):
                raise EOFError("the browser has ended")
            self._left += more
        line, _, self._left = self._left.partition(b"\0")
        said: dict[str, Any] = json.loads(line)
        return said

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression in the page; of a promise, what it comes to."""
        # By the protocol, which the page's policy has no say in.
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def wait(self, script: str, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not self.run(f"!!({script})"):
            if time.monotonic() > end:
                raise TimeoutError(f"not within {seconds} s: {script}")
            time.sleep(0.05)

    def open(self, url: str) -> None:
        """Goes there, from no page: what the last one has still to do is not waited for by mistake."""
        self.call("Page.navigate", url="about:blank")
        self.wait("location.href === 'about:blank'")
        self.call("Page.navigate", url=url)
        self.wait("location.href !== 'about:blank' && document.readyState === 'complete'")

    def log_in(self, url: str, name: str, password: str) -> None:
        self.open(url)
        for field, text in (("name", name), ("password", password)):
            self.run(f"document.querySelector('[name={field}]').value = {json.dumps(text)}")
        self.run("document.querySelector('button').click()")
        self.ready()

    def ready(self) -> None:
        """Until all charts are drawn."""
        self.wait("document.body?.dataset.state === 'ready' || document.body?.dataset.state === 'failed'")
        if self.run("document.body.dataset.state") != "ready":
            raise RuntimeError(self.run("document.getElementById('notice').textContent"))

    def size(self, width: int, height: int, dark: bool = False, scale: float = 1) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 500,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, whole: bool = False) -> bytes:
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"])

    def requested(self) -> list[str]:
        """The addresses of all that was asked for."""
        sent = [e["params"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return [p["request"]["url"] for p in sent]

    def complaints(self) -> list[str]:
        """What was written to the console: refusals of the page's policy among it."""
        logged = [e["params"]["entry"]["text"] for e in self.events if e.get("method") == "Log.entryAdded"]
        said = [e for e in self.events if e.get("method") in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown")]
        return logged + [json.dumps(e["params"]) for e in said]


@contextmanager
def chromium(folder: Path) -> Iterator[Tab]:
    program, environment = command()
    profile = folder / "profile"
    profile.mkdir(parents=True)
    theirs, to = os.pipe()
    source, theirs_too = os.pipe()
    # The protocol is on descriptors 3 and 4.
    shell = f'exec "$@" 3<&{theirs} 4>&{theirs_too}'
    whole = ["bash", "-c", shell, "bash", *program, *FLAGS.split(), f"--user-data-dir={profile}"]
    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            whole,
            pass_fds=(theirs, theirs_too),
            env=os.environ | environment | {"HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    os.close(theirs)
    os.close(theirs_too)
    try:
        yield Tab(to, source)
    finally:
        process.terminate()
        process.wait(20)
        os.close(to)
        os.close(source)
