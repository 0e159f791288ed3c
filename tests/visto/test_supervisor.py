"""``visto dev`` as processes: what a kill of any part, or of everything, leaves behind (nothing)."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from visto.supervisor import state
from visto.supervisor.processes import Identity

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).with_name("fake_dev.py")
LIMIT_S = 30


def eventually(what, limit_s=LIMIT_S):
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"did not come true within {limit_s} s: {what}")


class Dev:
    """One supervisor process on a home."""

    def __init__(self, home, behaviour="serve"):
        self.home = home
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(home), behaviour],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def ready(self):
        return eventually(lambda: self._ready_state() or self._ended())

    def _ready_state(self):
        found = state.read(self.home)
        return found if found and found.ready and found.supervisor.pid == self.process.pid else None

    def _ended(self):
        if self.process.poll() is not None:
            raise AssertionError(self.process.stderr.read())

    def stop(self, number=signal.SIGTERM):
        began = time.monotonic()
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=LIMIT_S)
        return time.monotonic() - began, out, err


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def start(home):
    started = []

    def run(behaviour="serve", at=home):
        started.append(Dev(at, behaviour))
        return started[-1]

    yield run
    for dev in started:
        if dev.process.poll() is None:
            dev.process.kill()
        dev.process.communicate()


def all_gone(processes):
    return lambda: not any(one.is_alive() for one in processes)


def test_starts_everything_and_stops_all_of_it_within_five_seconds(start, home):
    dev = start()
    running = dev.ready()
    assert set(running.children) == {"temporal", "chroma", "api", "worker"}
    assert all(one.is_alive() for one in running.processes())
    seconds, out, _ = dev.stop(signal.SIGINT)
    assert seconds < 5
    assert dev.process.returncode == 0
    assert not any(one.is_alive() for one in running.processes())
    assert json.loads(out)["urls"]["api"] == running.urls["api"]
    assert not (home / state.STATE).exists()


def test_a_process_that_ignores_the_request_to_stop_is_killed_in_time(start):
    dev = start("deaf")
    running = dev.ready()
    seconds, _, _ = dev.stop()
    assert seconds < 5
    assert not any(one.is_alive() for one in running.processes())


@pytest.mark.parametrize("name", ["temporal", "chroma", "api", "worker"])
def test_a_killed_part_comes_back_at_the_same_address(start, home, name):
    dev = start()
    before = dev.ready()
    os.kill(before.children[name].pid, signal.SIGKILL)
    after = eventually(lambda: (now := state.read(home)) and now.children[name] != before.children[name] and now)
    assert after.ports == before.ports
    assert after.children[name].is_alive()
    assert {key: one for key, one in after.children.items() if key != name} == {
        key: one for key, one in before.children.items() if key != name
    }
    _, _, err = dev.stop()
    assert f"{name} ended (killed by SIGKILL)" in err


def test_a_killed_supervisor_takes_its_children_with_it_and_the_next_start_works(start):
    first = start()
    before = first.ready()
    first.process.kill()
    eventually(all_gone(before.processes()))
    after = start().ready()
    assert after.supervisor != before.supervisor
    assert all(one.is_alive() for one in after.processes())


def test_killing_everything_at_once_stops_no_later_start(start):
    first = start()
    before = first.ready()
    for pid in [before.supervisor.pid, *(one.pid for one in before.processes())]:
        with contextlib.suppress(ProcessLookupError):  # parts end by themselves when the one that started them is gone
            os.kill(pid, signal.SIGKILL)
    assert start().ready().ready


def test_a_second_start_on_the_same_home_says_where_the_first_one_is(start):
    running = start().ready()
    second = start()
    _, err = second.process.communicate(timeout=LIMIT_S)
    assert second.process.returncode == 1
    error = json.loads(err.splitlines()[-1])["error"]
    assert error["code"] == "already_running"
    assert running.urls["api"] in error["message"]
    assert running.supervisor.is_alive()


def test_a_part_that_cannot_start_ends_the_start_with_its_own_words_and_leaves_nothing(start):
    dev = start("fail")
    _, err = dev.process.communicate(timeout=LIMIT_S)
    assert dev.process.returncode == 1
    assert "this cannot work" in err
    assert "did not start" in err
    assert "Traceback" not in err
    session = [one for one in psutil.process_iter(["cmdline"]) if str(dev.home) in " ".join(one.info["cmdline"] or [])]
    assert session == []


def test_a_process_left_by_an_earlier_run_is_ended_and_a_reused_pid_is_not(start, home):
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        home.mkdir()
        children = {"worker": Identity.of(left.pid), "api": Identity(bystander.pid, 12345.0)}
        state.write(home, state.State(children=children))
        start().ready()
        assert left.wait(timeout=5) == -signal.SIGKILL
        assert bystander.poll() is None
    finally:
        for process in (left, bystander):
            process.kill()
            process.wait()
