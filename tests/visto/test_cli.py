"""The command line as its users meet it: help, exit codes, JSON, and errors without tracebacks."""

import contextlib
import json
import resource
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from visto.cli.app import COMMANDS, app, explained, load
from visto.cli.errors import CommandError, Exit
from visto.cli.http import problem
from visto.cli.output import fail
from visto.supervisor.state import held

ROOT = Path(__file__).resolve().parents[2]
GOOD = """\
id: hello
tasks:
  - id: greet
    type: set
    values: {text: hello}
"""


@pytest.fixture
def visto(tmp_path, monkeypatch):
    monkeypatch.setenv("VISTO_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for name in ("VISTO_URL", "VISTO_API_KEY", "VISTO_DATABASE_URL", "VISTO_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return lambda *arguments, **more: CliRunner().invoke(app, list(arguments), **more)


def commands():
    """Every command with its path, e.g. ``flow validate``."""
    for name in COMMANDS:
        command = load(name)
        inner = getattr(command, "commands", None)
        if inner:
            yield from ((f"{name} {sub}", one) for sub, one in inner.items())
        else:
            yield name, command


@pytest.mark.parametrize(
    ("name", "command"), list(commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_says_what_it_does_with_an_example(name, command):
    assert "Example: " in command.help
    assert f"visto {name}" in command.help
    if name.split()[0] not in {"api", "worker", "chroma", "database"} and name != "flow schema":
        assert "Exit codes:" in command.help


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_prints_its_help(visto, name):
    done = visto(name, "--help")
    assert done.exit_code == 0, done.output
    assert "--install-completion" not in done.output


def test_help_starts_quickly():
    """In processor time, which other programs do not lengthen; the best of three."""
    assert min(_help_seconds() for _ in range(3)) < 0.4


def _help_seconds():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "visto", "--help"], cwd=ROOT, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from visto.cli.app import app; app(['--help'], standalone_mode=False); print(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in ("pydantic", "sqlalchemy", "httpx", "temporalio", "chromadb", "langchain", "rich.table"):
        assert f"'{name}'" not in done.stdout


def test_an_unknown_command_names_the_nearest(visto):
    done = visto("flwo")
    assert done.exit_code == Exit.USAGE
    assert "Did you mean 'flow'?" in done.output


def test_a_good_flow_is_validated(visto, tmp_path):
    (tmp_path / "hello.yaml").write_text(GOOD)
    done = visto("flow", "validate", "hello.yaml")
    assert done.exit_code == 0, done.output
    assert "1 checked, errors: 0" in done.stderr
    assert done.stdout == ""


def test_problems_come_with_file_line_and_column(visto, tmp_path):
    (tmp_path / "bad.yaml").write_text(GOOD.replace("type: set", "type: sett"))
    done = visto("flow", "validate", "bad.yaml")
    assert done.exit_code == Exit.NO
    assert done.stdout.startswith("bad.yaml:4:11  unknown-type")


@pytest.mark.parametrize("format", ["json", "sarif", "github"])
def test_problems_come_in_every_format(visto, tmp_path, format):
    (tmp_path / "bad.yaml").write_text(GOOD.replace("type: set", "type: sett"))
    done = visto("flow", "validate", "bad.yaml", "--format", format)
    assert done.exit_code == Exit.NO
    assert "unknown-type" in (done.stdout if format == "github" else json.dumps(json.loads(done.stdout)))


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"\xff\xfe\x00", "not UTF-8"), (b"a: [", ":2:1"), (b"", ":1:1"), (b"a" * 300_000, "300000 bytes")],
    ids=["binary", "broken", "empty", "huge"],
)
def test_a_malformed_file_is_a_problem_and_not_a_traceback(visto, tmp_path, content, words):
    (tmp_path / "bad.yaml").write_bytes(content)
    done = visto("flow", "validate", "bad.yaml")
    assert done.exit_code == Exit.NO, done.output
    assert words in done.output
    assert "should not have happened" not in done.output


def test_a_flow_may_come_from_standard_input(visto):
    done = visto("flow", "validate", "-", input=GOOD.replace("greet", "Greet!"))
    assert done.exit_code == Exit.NO
    assert done.stdout.startswith("<stdin>:3:")


def test_a_folder_stands_for_its_flows_without_their_tests(visto, tmp_path):
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "hello.yaml").write_text(GOOD)
    (tmp_path / "flows" / "hello.test.yaml").write_text("cases: []\n")
    assert "1 checked" in visto("flow", "validate", "flows").stderr


def test_a_missing_file_is_named(visto):
    done = visto("flow", "validate", "nowhere.yaml")
    assert done.exit_code == Exit.USAGE
    assert "nowhere.yaml does not exist" in done.stderr


def test_the_examples_we_ship_are_valid(visto):
    done = visto("flow", "validate", str(ROOT / "flows"))
    assert done.exit_code == 0, done.output


def test_a_flow_is_drawn_as_text_and_as_mermaid(visto, tmp_path):
    (tmp_path / "hello.yaml").write_text(GOOD)
    assert "greet" in visto("flow", "graph", "hello.yaml").stdout
    assert visto("flow", "graph", "hello.yaml", "--format", "mermaid").stdout.startswith("flowchart")


@pytest.mark.parametrize(
    "arguments",
    [
        ["inbox"],
        ["run", "hello"],
        ["approve", "x"],
        ["executions", "list"],
        ["flow", "list"],
        ["pause", "--all", "--why", "x"],
    ],
)
def test_without_a_running_visto_the_remedy_is_named(visto, arguments):
    done = visto(*arguments)
    assert done.exit_code == Exit.UNREACHABLE
    assert "visto dev" in done.stderr


def test_errors_come_as_json_when_json_is_asked_for(visto):
    done = visto("inbox", "--json")
    assert done.exit_code == Exit.UNREACHABLE
    assert json.loads(done.stderr)["error"]["code"] == "not_running"
    assert done.stdout == ""


def test_an_address_where_nobody_listens_is_unreachable(visto, monkeypatch):
    monkeypatch.setenv("VISTO_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("VISTO_API_KEY", "vk_x")
    done = visto("inbox")
    assert done.exit_code == Exit.UNREACHABLE
    assert "127.0.0.1:9 cannot be reached" in done.stderr


@pytest.mark.parametrize("pair", ["risk", "=high", " =x"])
def test_a_field_that_is_no_pair_is_a_usage_error(visto, pair):
    done = visto("edit", "gate", "--field", pair)
    assert done.exit_code == Exit.USAGE
    assert "name=value" in done.stderr


@pytest.mark.parametrize("options", [[], ["--all", "--flow", "x"], ["--namespace", "--all"]])
def test_a_pause_says_exactly_what_is_meant(visto, options):
    done = visto("pause", "--why", "test", *options)
    assert done.exit_code == Exit.USAGE
    assert "exactly one" in done.stderr


def test_doctor_finds_a_key_that_others_can_read(visto, tmp_path):
    keys = tmp_path / "home" / "keys"
    keys.mkdir(parents=True)
    (keys / "journal.key").write_text("x")
    (keys / "journal.key").chmod(0o644)
    done = visto("doctor", "--json")
    findings = json.loads(done.stdout)["findings"]
    [found] = [one for one in findings if one["what"] == "keys"]
    assert done.exit_code == Exit.NO
    assert found["level"] == "problem"
    assert found["remedy"] == f"Run: chmod 600 {keys / 'journal.key'}"


def test_doctor_is_content_with_a_fresh_installation(visto):
    done = visto("doctor")
    assert done.exit_code == 0, done.output


def test_doctor_says_that_a_database_does_not_answer_without_its_password(visto, monkeypatch):
    monkeypatch.setenv("VISTO_DATABASE_URL", "postgresql://visto:s3cr3t@127.0.0.1:9/visto")
    done = visto("doctor")
    assert done.exit_code == Exit.NO
    assert "PROBLEM  database" in done.stdout
    assert "s3cr3t" not in done.output


def test_an_error_that_brings_its_remedy_keeps_both():
    class StoreUnavailable(Exception):
        remedy = "Free disk space."

    found = explained(StoreUnavailable("The disk is full."))
    assert isinstance(found, CommandError)
    assert (str(found), found.remedy, found.exit_code) == ("The disk is full.", "Free disk space.", Exit.UNREACHABLE)


@pytest.mark.parametrize("below", ["", "x", "x/y"])
def test_a_home_that_cannot_be_a_folder_is_a_usage_error_that_names_it(visto, tmp_path, below):
    (tmp_path / "afile").write_text("")
    home = tmp_path / "afile" / below
    done = visto("dev", "--any-ports", "--home", str(home))
    assert done.exit_code == Exit.USAGE, done.output
    assert str(home) in done.stderr
    assert "--home" in done.stderr


def test_a_second_dev_on_one_home_says_nothing_about_ports(visto, tmp_path):
    with held(tmp_path / "home"), socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # then somebody else has the usual port, which is as good
            taken.bind(("127.0.0.1", 8400))
            taken.listen()
        done = visto("dev")
    assert done.exit_code == Exit.NO
    assert "runs already" in done.stderr
    assert "port" not in done.stderr


def test_a_wrong_key_is_refused_with_the_command_that_makes_one():
    """The API names its own address; at the command line there is a command for it."""
    told = {"code": "invalid_key", "detail": "The API key is unknown.", "remedy": "POST /api/v1/keys"}
    found = problem(httpx.Response(401, json=told))
    assert (found.exit_code, found.code) == (Exit.REFUSED, "invalid_key")
    assert "`visto people key NAME`" in found.remedy


def test_a_defect_is_told_in_one_line(visto, monkeypatch):
    from visto.cli import flow_files

    monkeypatch.setattr(flow_files, "find", lambda _: 1 / 0)
    done = visto("flow", "validate", "x.yaml")
    assert done.exit_code == Exit.DEFECT
    assert "ZeroDivisionError" in done.stderr
    assert "Traceback" not in done.output


def test_the_group_can_be_built_without_loading_any_command():
    assert set(get_command(app).commands) == set(COMMANDS)


def test_a_refused_flow_is_told_line_by_line(capsys):
    """A refusal that brings diagnostics shows them: nobody is sent to look for lines that were not printed."""
    problem = {"file": "f.yaml", "line": 60, "column": 32, "code": "unknown-group", "message": "there is no group `x`"}
    refused = CommandError("The flow has 1 problem.", remedy="Correct it.", detail={"diagnostics": [problem]})
    fail(refused, as_json=False)
    assert capsys.readouterr().err.splitlines() == [
        "Error: The flow has 1 problem.",
        "  f.yaml:60:32  unknown-group  there is no group `x`",
        "  Correct it.",
    ]
