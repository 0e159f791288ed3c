"""The four renderings of diagnostics."""

import json

from workflows.flow.diagnostics import Diagnostic, has_errors, render

BAD = Diagnostic("flows/a, b.yaml", 3, 7, "unknown-key", "`frm` is not known\n100 %", "did you mean `from`?")
WARN = Diagnostic("flows/a, b.yaml", 2, 1, "never-happens", "too late", severity="warning")


def test_text_names_file_line_and_column_in_order():
    assert render([BAD, WARN]).splitlines()[0] == "flows/a, b.yaml:2:1  never-happens  warning: too late"
    assert str(BAD).startswith("flows/a, b.yaml:3:7  unknown-key  `frm`")
    assert str(BAD).endswith("(did you mean `from`?)")


def test_json_holds_every_part():
    assert json.loads(render([BAD], "json"))[0]["column"] == 7


def test_sarif_is_version_2_1_with_the_place():
    sarif = json.loads(render([BAD, WARN], "sarif"))
    assert sarif["version"] == "2.1.0"
    (run,) = sarif["runs"]
    assert [result["level"] for result in run["results"]] == ["warning", "error"]
    assert run["results"][1]["locations"][0]["physicalLocation"]["region"] == {"startLine": 3, "startColumn": 7}


def test_github_annotations_escape_what_would_end_them():
    assert render([BAD], "github") == (
        "::error file=flows/a%2C b.yaml,line=3,col=7,title=unknown-key::`frm` is not known%0A100 %25 (did you mean `from`?)"
    )


def test_only_errors_stop_a_flow():
    assert has_errors([BAD, WARN])
    assert not has_errors([WARN])
    assert render([]) == ""
