"""``visto eval run`` against everything that ``visto dev`` starts: no row is lost, and the figure is the agent's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.evals.support import CASES, FLOW, POLICY, ROOT
from visto.supervisor import state

pytestmark = pytest.mark.slow
LIMIT_S = 120
ROWS = 15


class Dev:
    """A stack on a home of its own, and the command against it."""

    def __init__(self, home: Path) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("VISTO_")}
        self.home, self.env = home, {**clean, "VISTO_HOME": str(home), "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "visto", "dev", "--any-ports", "--no-ui"],
            env=self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def ready(self) -> None:
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline and self.process.poll() is None:
            found = state.read(self.home)
            if found and found.ready:
                return
            time.sleep(0.1)
        pytest.fail(f"The stack did not start: {self.process.poll()}")

    def visto(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "visto", *arguments]
        return subprocess.run(command, env=self.env | more, capture_output=True, text=True, check=False)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=LIMIT_S)


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    stack = Dev(tmp_path_factory.mktemp("home"))
    try:
        stack.ready()
        for made in (
            stack.visto("people", "add", "Reviewer", "--role", "reviewer", "--group", "support"),
            stack.visto("rag", "ingest", str(POLICY), "--collection", "support-policy"),
        ):
            assert made.returncode == 0, made.stderr
        yield stack
    finally:
        stack.stop()


def test_every_row_ends_decided_and_written_once(dev: Dev):
    """All gates are decided as the data say, so the flow ends, and its sheet has a line for each row.

    What the worker was given holds no answers.
    """
    key = dev.visto("people", "key", "Reviewer", "--scope", "gates:read", "--scope", "gates:decide").stdout.strip()
    arguments = ("eval", "run", str(FLOW), "--data", str(CASES), "--limit", str(ROWS), "--decide", "expected", "--json")
    done = dev.visto(*arguments, VISTO_REVIEWER_KEY=key)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["rows"] == {"total": ROWS, "auto": 0, "decided": ROWS, "waiting": 0, "failed": 0, "lost": []}
    assert report["state"] == "succeeded"
    assert report["score"]["cases"] == ROWS
    assert report["score"]["accuracy"] > 0.5
    sheet = (dev.home / "files/default/sheets/support-triage.csv").read_text(encoding="utf-8").splitlines()
    ids = [line.partition(",")[0] for line in sheet[1:]]
    assert len(ids) == len(set(ids)) == ROWS
    (handed,) = (dev.home / "files/default/inbox").glob("*rows.csv")
    assert handed.read_text(encoding="utf-8").splitlines()[0] == "id,text,priority"


def test_deciding_needs_a_persons_key(dev: Dev):
    done = dev.visto("eval", "run", str(FLOW), "--data", str(CASES), "--decide", "expected")
    assert (done.returncode, "VISTO_REVIEWER_KEY" in done.stderr) == (2, True)
