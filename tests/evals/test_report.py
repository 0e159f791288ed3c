"""The report that people read, and regressions against a baseline."""

from __future__ import annotations

import pytest

from evals.model import EvalError, Report, Rows
from evals.report import Baseline, read_baseline, regression, saved, text
from evals.scorers import score
from tests.evals.support import answer

KEY = "offline/offline-1, words, 2 examples"


def report(right=8, wrong=2, **more):
    answers = [answer("a", "a", 0.9)] * right + [answer("a", "b", 0.1)] * wrong
    given = {"flow": "triage", "field": "category", "labels": 2, "method": "Own labels.", "seconds": 2.0}
    return Report(**(given | {"score": score(answers)} | more))


def baseline(figure=0.8, tolerance=0.05):
    return Baseline(flow="triage", field="category", tolerance=tolerance, figures={KEY: figure})


def test_the_report_names_accuracy_its_confident_half_and_the_time_of_a_row():
    told = text(report())
    assert "80.0 %  (8 of 10)" in told
    assert "100.0 %  (5 rows)" in told
    assert "2.0 s, 200 ms a row" in told
    assert "2 x  a -> b" in told


def test_the_report_says_what_was_done_with_the_labels():
    assert "Own labels." in text(report())


def test_lost_rows_are_named():
    told = text(report(rows=Rows(total=3, waiting=1, lost=("m1", "m2")), execution="e1", state="waiting"))
    assert "lost: m1, m2" in told


def test_many_lost_rows_do_not_flood_the_report():
    told = text(report(rows=Rows(total=50, lost=tuple(f"m{n}" for n in range(50)))))
    assert "m19 ..." in told
    assert "m20" not in told
    assert "lost                 50" in told


@pytest.mark.parametrize(("right", "worse"), [(8, False), (9, False), (7, True)])
def test_a_regression_is_an_accuracy_below_the_figure_by_more_than_the_tolerance(right, worse):
    found = regression(report(right, 10 - right), baseline(), KEY)
    assert (found is not None) == worse


def test_exactly_at_the_tolerance_is_no_regression():
    assert regression(report(8, 2), baseline(figure=0.9, tolerance=0.1), KEY) is None


def test_a_figure_of_another_flow_field_or_configuration_is_not_compared():
    """Silence would read as success."""
    for changed in ({"flow": "other"}, {"field": "priority"}):
        with pytest.raises(EvalError, match="about category"):
            regression(report(**changed), baseline(), KEY)
    with pytest.raises(EvalError, match="no figure"):
        regression(report(), baseline(), "openai/gpt")


def test_saving_keeps_the_figures_of_other_configurations(tmp_path):
    path = tmp_path / "baseline.json"
    saved(report(8, 2), path, "one")
    saved(report(9, 1), path, "two")
    saved(report(7, 3), path, "one")
    assert read_baseline(path).figures == {"one": 0.7, "two": 0.9}


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"flow": "a", "field": "b", "tolerance": 2}'])
def test_a_file_that_is_no_baseline_is_refused(tmp_path, content):
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(EvalError, match="no baseline"):
        read_baseline(tmp_path / "bad.json")
