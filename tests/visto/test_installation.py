"""One running installation and the commands on it: what a newcomer does in the first hour."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from visto.cli.app import app
from visto.cli.errors import Exit
from visto.supervisor import state

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
FLOW = """\
id: petty-cash
inputs:
  - {id: file, type: file}
tasks:
  - id: claims
    type: csv.read
    from: "{{ inputs.file }}"
    columns: {who: string, amount: number}
  - id: each
    type: foreach
    items: "{{ outputs.claims.rows }}"
    tasks:
      - id: pay
        type: gate
        title: "{{ item.who }} asks for {{ item.amount }}"
        show:
          - {label: Amount, value: "{{ item.amount }}", format: money EUR}
        suggest:
          type: agent
          prompt: "{{ item | tojson }}"
          instructions: Decide whether the claim is paid.
          output:
            pay: {type: string, enum: ["yes", "no"]}
        approve:
          reviewers: {groups: [cash], quorum: 1}
          editable: [pay]
          reasons: [too_much]
        on_approve:
          - id: write
            type: csv.write
            path: cash.csv
            mode: append
            columns: [who, pay]
            rows:
              - ["{{ item.who }}", "{{ final.pay }}"]
"""
CLAIMS = "who,amount\nAna,20\nBo,30\nCy,40\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A running ``visto dev``."""
    folder = tmp_path_factory.mktemp("installation")
    process = subprocess.Popen(
        [sys.executable, "-m", "visto", "dev", "--home", str(folder), "--any-ports", "--no-ui", "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    first = process.stdout.readline()
    if not first:
        pytest.fail(process.stderr.read())
    yield folder
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 0


@pytest.fixture
def visto(home, tmp_path, monkeypatch):
    """Runs a command on the installation and returns its JSON, or fails with its words."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "claims.csv").write_text(CLAIMS)
    return _commands(home, monkeypatch)


@pytest.fixture(scope="module")
def rita(home, tmp_path_factory):
    """Applies the flow, adds the one who reviews it and returns her key.

    Each test asks for what it needs: tests of one file may run in processes of their own.
    """
    with pytest.MonkeyPatch.context() as patch:
        visto = _commands(home, patch)
        visto("people", "add", "Rita", "--email", "rita@example.com", "--role", "reviewer", "--group", "cash")
        (path := tmp_path_factory.mktemp("flow") / "petty-cash.yaml").write_text(FLOW)
        assert visto("flow", "apply", str(path))[0]["number"] == 1
        return visto("people", "key", "rita@example.com", "--scope", "gates:read", "--scope", "gates:decide")["secret"]


def _commands(home, patch):
    patch.setenv("VISTO_HOME", str(home))
    for name in ("VISTO_URL", "VISTO_API_KEY", "VISTO_DATABASE_URL", "VISTO_CHROMA_URL", "VISTO_TEMPORAL_ADDRESS"):
        patch.delenv(name, raising=False)

    def run(*arguments, expect=Exit.OK, key=None):
        env = {"VISTO_URL": state.read(home).urls["api"], "VISTO_API_KEY": key} if key else {}
        done = CliRunner().invoke(app, [*arguments, "--json"], env=env)
        assert done.exit_code == expect, done.output
        return json.loads(done.stdout) if done.stdout.strip() else json.loads(done.stderr.splitlines()[-1])

    return run


def test_a_claim_goes_from_file_to_decision_to_sheet_and_the_record_verifies(visto, home, rita):
    before = _sheet(home)
    started = visto(
        "run", "petty-cash", "--input", "file=claims.csv", "--reference", "march", "--idempotency-key", "k1"
    )
    again = visto("run", "petty-cash", "--input", "file=claims.csv", "--reference", "march", "--idempotency-key", "k1")
    assert again["execution"] == started["execution"]

    gates = _waiting(visto, started["execution"], rita, 3)
    own = visto("approve", gates["Ana"]["id"], expect=Exit.REFUSED)
    assert own["error"]["code"] == "not_permitted"
    visto("approve", gates["Ana"]["id"], key=rita)
    other = {"yes": "no", "no": "yes"}[gates["Bo"]["view"]["suggestion"]["pay"]]
    visto("edit", gates["Bo"]["id"], "--field", f'pay="{other}"', key=rita)
    visto("reject", gates["Cy"]["id"], "--reason", "too_much", key=rita)
    late = visto("approve", gates["Cy"]["id"], key=rita, expect=Exit.REFUSED)
    assert late["error"]["code"] == "already_decided"

    done = CliRunner().invoke(
        app,
        [
            "run",
            "petty-cash",
            "-i",
            "file=claims.csv",
            "--idempotency-key",
            "k1",
            "--reference",
            "march",
            "--wait",
            "--timeout",
            "30",
            "--json",
        ],
    )
    assert done.exit_code == Exit.OK, done.output
    assert json.loads(done.stdout)["state"] == "succeeded"
    sheet = _sheet(home)
    assert sheet[0] == "who,pay"
    written = sheet[len(before) or 1 :]
    assert sorted(line.split(",")[0] for line in written) == ["Ana", "Bo"]
    assert f"Bo,{other}" in written

    shown = visto("audit", "show", gates["Ana"]["id"])
    assert shown["action_digest"] == gates["Ana"]["action_digest"]
    assert any("decision.submitted" in line for line in visto("audit", "explain", started["execution"]))
    assert visto("audit", "verify")["verdict"] == "VERIFIED"


def _sheet(home):
    path = home / "files" / "default" / "cash.csv"
    return path.read_text().splitlines() if path.exists() else []


def _waiting(visto, execution, key, count):
    for _ in range(200):
        found = visto("inbox", "--execution", execution, key=key)
        if len(found) == count:
            full = [visto("inbox", one["id"], key=key) for one in found]
            return {gate["title"].split()[0]: gate for gate in full}
    raise AssertionError(f"{len(found)} gates wait, not {count}")


def _ended(visto, execution):
    for _ in range(200):
        shown = visto("executions", "show", execution)
        if shown["ended_at"]:
            return shown
    raise AssertionError(f"The execution is still {shown['state']}")


def test_a_batch_key_decides_every_open_gate_of_an_execution(visto, rita):
    started = visto("run", "petty-cash", "-i", "file=claims.csv")
    gates = _waiting(visto, started["execution"], rita, 3)
    answer = visto("approve", gates["Ana"]["batch_key"], "--batch", key=rita)
    assert (answer["decided"], answer["conflicts"]) == (3, [])
    assert _ended(visto, started["execution"])["state"] == "succeeded"


def test_a_cancelled_execution_says_so(visto, rita):
    started = visto("run", "petty-cash", "-i", "file=claims.csv")
    visto("executions", "cancel", started["execution"], "--reason", "wrong file")
    shown = _ended(visto, started["execution"])
    assert shown["state"] == "cancelled"
    assert shown["timeline"]


def test_a_file_that_does_not_exist_starts_nothing(visto, rita):
    error = visto("run", "petty-cash", "-i", "file=nowhere.csv", expect=Exit.USAGE)["error"]
    assert "nowhere.csv does not exist" in error["message"]


def test_knowledge_is_read_in_once_and_found(visto, tmp_path):
    (tmp_path / "rules.md").write_text("# Rules\n\nClaims above 500 EUR need the director.\n")
    assert visto("rag", "ingest", "rules.md", "--collection", "cash-rules")["added"] == 1
    assert visto("rag", "ingest", "rules.md", "--collection", "cash-rules")["unchanged"] == 1
    hits = visto("rag", "search", "who decides about 600 euros", "--collection", "cash-rules")
    assert "director" in hits[0]["text"]


def test_an_unknown_collection_is_refused_with_a_remedy(visto):
    error = visto("rag", "search", "x", "--collection", "nothing-here", expect=Exit.REFUSED)["error"]
    assert error["remedy"]
    assert error["remedy"] not in error["message"]


def test_effects_are_paused_and_resumed(visto, rita):
    assert visto("pause", "--flow", "petty-cash", "--why", "audit")["items"][0]["reason"] == "audit"
    assert visto("resume", "--flow", "petty-cash")["resumed"] is True
    assert visto("resume", "--flow", "petty-cash")["resumed"] is False


def test_an_erased_execution_leaves_a_record_that_verifies(visto, rita):
    started = visto("run", "petty-cash", "-i", "file=claims.csv")["execution"]
    visto("executions", "cancel", started)
    done = visto("audit", "erase", f"execution:{started}", "--legal-basis", "test", "--yes")
    assert done["contents"] > 0
    assert visto("audit", "verify")["verdict"] == "VERIFIED"


def test_an_export_verifies_without_the_database_and_a_changed_one_does_not(visto, tmp_path):
    visto("audit", "export", "records.tar.gz")
    assert visto("audit", "verify", "records.tar.gz")["verdict"] in {"VERIFIED", "INCOMPLETE"}
    data = bytearray((tmp_path / "records.tar.gz").read_bytes())
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "records.tar.gz").write_bytes(data)
    done = CliRunner().invoke(app, ["audit", "verify", "records.tar.gz"])
    assert done.exit_code not in (Exit.OK, Exit.DEFECT), done.output


def test_doctor_sees_every_part_of_the_running_stack(visto, home):
    found = visto("doctor")["findings"]
    findings = {one["what"]: one["level"] for one in found}
    [temporal] = [one for one in found if one["what"] == "Temporal"]
    assert str(state.read(home).ports["temporal"]) in json.dumps(temporal)
    assert [findings[name] for name in ("API", "Temporal", "Chroma", "Temporal's settings", "database")] == ["ok"] * 5
