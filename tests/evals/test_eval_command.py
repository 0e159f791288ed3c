"""``visto eval`` as its users meet it: what is refused before anything runs."""

from __future__ import annotations

import csv

import pytest
from typer.testing import CliRunner

from evals.data import write_unlabelled
from tests.evals.support import CASES, FLOW, cases, subject
from visto.cli.app import app
from visto.cli.errors import CommandError, Exit
from visto.cli.eval import _handed_over


@pytest.fixture
def visto(tmp_path, monkeypatch):
    monkeypatch.setenv("VISTO_HOME", str(tmp_path / "home"))
    for name in ("VISTO_URL", "VISTO_API_KEY", "VISTO_REVIEWER_KEY", "VISTO_FILES_ROOT"):
        monkeypatch.delenv(name, raising=False)
    return lambda *arguments: CliRunner().invoke(app, ["eval", *arguments])


def test_data_without_the_labelled_column_are_the_command_lines_error(visto):
    done = visto("agent", str(FLOW), "--data", str(CASES), "--label", "mood")
    assert done.exit_code == Exit.USAGE
    assert "no column 'mood'" in done.stderr
    assert "category" in done.stderr


def test_a_map_and_the_datas_labels_exclude_each_other(visto):
    done = visto("run", str(FLOW), "--data", str(CASES), "--map", "map.yaml", "--enum-from-data")
    assert done.exit_code == Exit.USAGE


def test_without_an_installation_nothing_is_started(visto):
    done = visto("run", str(FLOW), "--data", str(CASES))
    assert done.exit_code == Exit.UNREACHABLE
    assert "visto dev" in done.stderr


def test_a_baseline_of_another_flow_is_refused_and_not_passed(visto, tmp_path):
    (tmp_path / "other.json").write_text('{"flow": "other", "field": "category"}')
    done = visto("agent", str(FLOW), "--data", str(CASES), "--limit", "1", "--baseline", str(tmp_path / "other.json"))
    assert done.exit_code not in (Exit.OK, Exit.DEFECT)
    assert "other" in done.stderr


def test_rows_are_put_where_the_flow_may_read_them(visto, tmp_path):
    given = subject(cases("a", "b"))
    inputs = _handed_over(given, [{"id": "file", "type": "file"}], "file")
    with (tmp_path / "home" / "files" / "default" / inputs["file"]).open(newline="") as file:
        assert list(csv.DictReader(file)) == [case.row for case in given.cases]


@pytest.mark.parametrize("declared", [[], [{"id": "file", "type": "string"}], [{"id": "rows", "type": "file"}]])
def test_an_input_that_takes_no_file_is_refused(visto, declared):
    """Else the flow would start with a path that is gone."""
    with pytest.raises(CommandError, match="cannot be handed over"):
        _handed_over(subject(cases("a")), declared, "file")


def test_an_installation_elsewhere_is_refused(visto, monkeypatch):
    monkeypatch.setenv("VISTO_URL", "https://visto.example")
    with pytest.raises(CommandError, match="cannot be handed over"):
        _handed_over(subject(cases("a")), [{"id": "file", "type": "file"}], "file")


def test_cells_with_commas_quotes_and_lines_survive(tmp_path):
    row = {"id": "1", "text": 'He said, "no"\nand left'}
    given = [cases("a")[0].model_copy(update={"row": row})]
    write_unlabelled(given, tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [row]
