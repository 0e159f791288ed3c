"""csv.write: once, with one header, and harmless in a spreadsheet."""

from __future__ import annotations

import time
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.base import ConnectorError
from connectors.csv_read import CsvReadProperties, read
from connectors.csv_write import CsvWriteProperties, write


async def put(make_call, op_id="op-1", **properties):
    return await write(make_call(op_id), CsvWriteProperties.model_validate({"path": "out/sheet.csv", **properties}))


def content(files) -> str:
    return (files / "out/sheet.csv").read_bytes().decode()


async def test_mappings_get_a_header_from_their_keys(make_call, files):
    output = await put(
        make_call, rows=[{"id": 1, "ok": True, "note": None}, {"id": 2, "ok": False, "note": 'say "hi", bye'}]
    )
    assert content(files) == 'id,ok,note\n1,true,\n2,false,"say ""hi"", bye"\n'
    assert output.model_dump() == {"path": "out/sheet.csv", "rows_written": 2, "total_rows": 2}


async def test_append_writes_one_header_and_follows_the_columns_that_are_there(make_call, files):
    await put(make_call, "a", rows=[{"id": 1, "risk": "low"}], mode="append")
    await put(make_call, "b", rows=[{"risk": "high", "id": 2}], mode="append")
    output = await put(make_call, "c", rows=[[3, "low"]], mode="append")
    assert content(files) == "id,risk\n1,low\n2,high\n3,low\n"
    assert output.total_rows == 3


async def test_a_repeated_append_returns_the_first_result(make_call, files):
    first = await put(make_call, "a", rows=[{"id": 1}], mode="append")
    await put(make_call, "b", rows=[{"id": 2}], mode="append")
    assert await put(make_call, "a", rows=[{"id": 1}], mode="append") == first
    assert content(files) == "id\n1\n2\n"


async def test_a_file_that_somebody_edited_is_counted_again_and_gets_its_line_end(make_call, files):
    await put(make_call, "a", rows=[{"id": 1}], mode="append")
    (files / "out/sheet.csv").write_text('id\n1\n"two\nlines"')
    assert (await put(make_call, "b", rows=[{"id": 3}], mode="append")).total_rows == 3
    assert content(files) == 'id\n1\n"two\nlines"\n3\n'


async def test_columns_choose_the_order_and_missing_cells_are_empty(make_call, files):
    await put(make_call, rows=[{"b": 2}, ["x", "y"]], columns=["a", "b"])
    assert content(files) == "a,b\n,2\nx,y\n"


async def test_nothing_to_write_is_written(make_call, files):
    assert (await put(make_call, rows=[], columns=["a"])).total_rows == 0
    assert content(files) == "a\n"


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ({"rows": [[1, 2]]}, "need names"),
        ({"rows": [{"a": 1}, {"b": 2}]}, "row 2 has no column for 'b'"),
        ({"rows": [{"a": 1}, [1, 2]]}, "row 2 has 2 cells, the header has 1"),
        ({"rows": [], "columns": ["a", "a"]}, "named twice"),
        ({"rows": [{"=cmd": 1}]}, "can not be a column's name"),
        ({"rows": [{"a": "\ud800"}]}, "half of a character"),
    ],
)
async def test_rows_that_do_not_fit_are_refused_and_nothing_is_written(make_call, files, properties, problem):
    with pytest.raises(ConnectorError, match=problem) as caught:
        await put(make_call, **properties)
    assert caught.value.permanent
    assert caught.value.remedy
    assert not (files / "out/sheet.csv").exists()


async def test_append_refuses_other_columns(make_call, files):
    await put(make_call, "a", rows=[{"id": 1}])
    for rows, columns in ([{"id": 1, "x": 2}], None), ([], ["x"]):
        with pytest.raises(ConnectorError, match="column"):
            await put(make_call, "b", rows=rows, columns=columns, mode="append")
    assert content(files) == "id\n1\n"


@pytest.mark.parametrize("cell", ["=1+1", "+1+1", "-1+1", "@x", "\t=x", "\r=x"])
async def test_cells_that_a_spreadsheet_would_run_become_text(make_call, files, cell):
    await put(make_call, rows=[{"note": cell, "n": -5, "s": "-5.5"}])
    output = await read(make_call(), CsvReadProperties.model_validate({"from": "out/sheet.csv"}))
    assert output.rows == [{"note": f"'{cell}", "n": "-5", "s": "-5.5"}]


async def test_rows_by_reference_are_written_like_a_list(make_call, files):
    call = make_call()
    ref = await call.artifacts.put_rows([{"id": n} for n in range(3)])
    assert (await put(make_call, rows=ref.model_dump())).rows_written == 3
    assert content(files) == "id\n0\n1\n2\n"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), min_size=1, max_size=5
    )
)
async def test_what_is_written_is_read_back(make_call, files, texts):
    """Whatever the cells contain, except for the apostrophe that protects."""
    await put(make_call, str(uuid.uuid4()), rows=[{"t": text, "end": "."} for text in texts])
    output = await read(make_call(), CsvReadProperties.model_validate({"from": "out/sheet.csv"}))
    for row, text in zip(output.rows, texts, strict=True):
        assert row["t"] in (text, f"'{text}")


async def test_the_thousandth_append_is_about_as_quick_as_the_first(make_call, files):
    """The journal is searched, not decoded; the rows are not counted again."""
    took = []
    for number in range(600):
        began = time.perf_counter()
        await put(make_call, f"op-{number}", rows=[{"id": number}], mode="append")
        took.append(time.perf_counter() - began)
    first, last = sorted(took[:100])[50], sorted(took[-100:])[50]
    assert last < first * 5 + 0.005
