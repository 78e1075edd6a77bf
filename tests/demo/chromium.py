"""Headless Chromium for tests, spoken to over the pipe of its DevTools protocol."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
]


class Page:
    """One page, and what it asked for and complained of since it was opened."""

    def __init__(self, write, read):
        self._write = write
        self._read = read
        self._number = 0
        self._session = None
        self.requests = []
        self.complaints = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            self.ask(f"{domain}.enable")

    def ask(self, method, **parameters):
        """Send a command and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._write.write(json.dumps(message).encode() + b"\0")
        self._write.flush()
        while (answer := self._next()).get("id") != self._number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, path):
        """Load a file and wait until it is complete."""
        self.ask("Page.navigate", url=path.as_uri())
        while self._next().get("method") != "Page.loadEventFired":
            pass
        self.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 100)))")

    def evaluate(self, expression):
        """Return what a JavaScript expression comes to."""
        answer = self.ask(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def prefer(self, scheme, media="screen"):
        """Show the page in the colour scheme `light` or `dark`, on a screen or in print."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.ask("Emulation.setEmulatedMedia", media=media, features=[feature])

    def close(self):
        """End Chromium in good order."""
        self._session = None
        self.ask("Browser.close")

    def _next(self):
        message = bytearray()
        while (byte := self._read.read(1)) != b"\0":
            assert byte, "Chromium has ended"
            message += byte
        event = json.loads(message)
        parameters = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif event.get("method") in {
            "Runtime.consoleAPICalled",
            "Runtime.exceptionThrown",
            "Log.entryAdded",
            "Audits.issueAdded",
        }:
            self.complaints.append(parameters)
        return event


@contextmanager
def chromium():
    """Start Chromium and yield an empty page."""
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("Chromium is missing: apt-get install chromium", pytrace=False)
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        its_input, write = high_pipe()
        read, its_output = high_pipe()
        # It reads its descriptor 3 and writes its descriptor 4.
        command = f'exec "$@" 3<&{its_input} 4>&{its_output}'
        with Path(directory, "errors").open("wb") as errors:
            process = subprocess.Popen(
                ["bash", "-c", command, "bash", program, *FLAGS, f"--user-data-dir={directory}"],
                pass_fds=[its_input, its_output],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
            )
        stack.callback(end, process)
        os.close(its_input)
        os.close(its_output)
        page = Page(
            stack.enter_context(os.fdopen(write, "wb")), stack.enter_context(os.fdopen(read, "rb"))
        )
        yield page
        page.close()
        process.wait()


def end(process):
    """End what is left of Chromium when a test has failed."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def high_pipe():
    """Return both ends of a pipe, with numbers that leave 3 and 4 free."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high
