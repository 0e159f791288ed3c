"""csv.read: strict, streamed, and every error says where and what to do."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.base import ArtifactRef, ConnectorError
from connectors.cells import BadCell, harmless, parse
from connectors.csv_parse import CsvTable, Dialect
from connectors.csv_read import CsvReadProperties, read


async def load(make_call, files, data: bytes | str, **properties):
    (files / "orders.csv").write_bytes(data.encode() if isinstance(data, str) else data)
    return await read(make_call(), CsvReadProperties.model_validate({"from": "orders.csv", **properties}))


async def refusal(make_call, files, data: bytes | str, **properties) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        await load(make_call, files, data, **properties)
    assert caught.value.permanent
    assert caught.value.remedy
    assert str(caught.value).startswith("orders.csv: ")
    return caught.value


async def test_declared_columns_are_kept_and_typed(make_call, files):
    """Only declared columns come back, in the declared order, each of its type; empty cells are null."""
    text = "id,amount,n,ok,day,at,note,extra\n007,12.50,3,yes,2026-11-22,2026-11-22T10:00:00Z,,x\n8,,,,,,hi,y\n"
    columns = {
        "id": "string",
        "amount": "number",
        "n": "int",
        "ok": "bool",
        "day": "date",
        "at": "datetime",
        "note": "string",
    }
    output = await load(make_call, files, text, columns=columns)
    assert output.rows == [
        {
            "id": "007",
            "amount": 12.5,
            "n": 3,
            "ok": True,
            "day": "2026-11-22",
            "at": "2026-11-22T10:00:00+00:00",
            "note": "",
        },
        {"id": "8", "amount": None, "n": None, "ok": None, "day": None, "at": None, "note": "hi"},
    ]
    assert (output.count, output.columns) == (2, list(columns))


async def test_without_columns_everything_is_a_string(make_call, files):
    output = await load(make_call, files, "a, b\n1,2\n\n3,4\n")
    assert output.rows == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


async def test_a_header_alone_is_an_empty_table(make_call, files):
    assert (await load(make_call, files, "a,b\n")).count == 0


@pytest.mark.parametrize("data", ["\ufeffname\nÑuñoa\n".encode(), "name\r\nÑuñoa\r\n".encode(), "name\nÑuñoa".encode()])
async def test_byte_order_mark_line_ends_and_last_line_do_not_matter(make_call, files, data):
    assert (await load(make_call, files, data)).rows == [{"name": "Ñuñoa"}]


async def test_other_encodings_and_delimiters_are_named(make_call, files):
    output = await load(make_call, files, "name;n\nÑuñoa;1\n".encode("latin-1"), encoding="latin-1", delimiter=";")
    assert output.rows == [{"name": "Ñuñoa", "n": "1"}]


async def test_a_file_without_header_takes_its_names_from_columns(make_call, files):
    output = await load(make_call, files, "x,1\ny,2\n", header=False, columns={"k": "string", "v": "int"})
    assert output.rows == [{"k": "x", "v": 1}, {"k": "y", "v": 2}]
    with pytest.raises(ValidationError, match="header: false needs columns"):
        CsvReadProperties.model_validate({"from": "x.csv", "header": False})


async def test_limit_stops_reading(make_call, files):
    """What lies behind the limit is not even checked."""
    assert (await load(make_call, files, "a\n1\n2\n3,4,5\n", limit=2)).count == 2


@pytest.mark.parametrize(
    ("data", "properties", "where", "remedy"),
    [
        (b"", {}, "the file is empty", "first line"),
        (b"\n\n", {}, "the file is empty", "first line"),
        (b"a,amout\n1,2\n", {"columns": {"amount": "number"}}, "line 1: there is no column 'amount'", "'amout'"),
        (b"ID\n1\n", {"columns": {"id": "string"}}, "no column 'id'", "'ID'"),
        (b"a;b\n1;2\n", {"columns": {"b": "string"}}, "no column 'b'", "delimiter: ';'"),
        (b"x,y\n", {"columns": {"country": "string"}}, "no column 'country'", "x, y"),
        (b"a,b,a\n", {}, "line 1: the column 'a' appears twice, as number 1 and 3", "own name"),
        (b"a,,c\n", {}, "column 2 has no name", "delimiter"),
        (b"a,b\n1,2\n1,2,3\n", {}, "line 3 has 3 cells where the header has 2", "quotes"),
        (b"a,b\n1\n", {}, "line 2 has 1 cells where the header has 2", "quotes"),
        (b'a\n"x\ny"\nz,z\n', {}, "line 4 has 2 cells", "quotes"),
        (b'a,b\n1,2\n"open,3\n4,5\n', {}, "line 3: a quoted cell that begins here never ends", '""'),
        (b'a\n"x"y\n', {}, "line 2: ", '""'),
        (b"a\n1\n\x00\n", {}, "line 3 has a NUL byte at byte 4", "UTF-8"),
        ("a\n1\n".encode("utf-16"), {}, "the file is UTF-16", "UTF-8"),
        (b"a\nok\nna\xefve\n", {}, "line 3: byte 7 (0xef) is not valid utf-8", "cp1252"),
        (b"\xef\xbb\xbfa\nna\xefve\n", {}, "line 2: byte 7 (0xef)", "cp1252"),
        (b"n\n1\n1,5\n", {"columns": {"n": "int"}}, "line 3 has 2 cells", "quotes"),
        (b"n\n1\ntwo\n", {"columns": {"n": "int"}}, "line 3, column 'n': 'two' is not of type int", "digits"),
        (b"a" * (1024 * 1024 + 2), {}, "line 1 is longer than", "CSV"),
        (b"a\n" + b"b" * 200_000, {}, "line 2: a cell is longer", ""),
        (b"a\rb\n", {}, "bare carriage return", "line feed"),
    ],
)
async def test_errors_name_file_line_column_and_remedy(make_call, files, data, properties, where, remedy):
    error = await refusal(make_call, files, data, **properties)
    assert where in str(error)
    assert remedy in error.remedy
    assert len(str(error)) < 400


@pytest.mark.parametrize("path", ["missing.csv", "no/such/folder.csv"])
async def test_a_missing_file_is_named(make_call, path):
    with pytest.raises(ConnectorError, match=path) as caught:
        await read(make_call(), CsvReadProperties.model_validate({"from": path}))
    assert caught.value.code == "not_found"


async def test_addresses_of_other_systems_are_refused_with_a_remedy(make_call):
    with pytest.raises(ConnectorError, match="s3://") as caught:
        await read(make_call(), CsvReadProperties.model_validate({"from": "s3://bucket/x.csv"}))
    assert caught.value.remedy


async def test_rows_above_64_kib_travel_as_a_reference_with_schema(make_call, files):
    """The reference can be sliced, and its rows are those of the file."""
    text = "id,amount\n" + "".join(f"{n},{n}.5\n" for n in range(5000))
    output = await load(make_call, files, text, columns={"id": "int", "amount": "number"})
    assert isinstance(output.rows, ArtifactRef)
    assert output.rows.count == output.count == 5000
    assert output.rows.schema_ == {"id": "int", "amount": "number"}
    assert await make_call().artifacts.slice_rows(output.rows, 4998, 6000) == [
        {"id": 4998, "amount": 4998.5},
        {"id": 4999, "amount": 4999.5},
    ]


async def test_an_uploaded_artifact_is_read_like_a_file(make_call):
    call = make_call()
    ref = await call.artifacts.put(b"a\n1\n", media_type="text/csv")
    for source in (ref.uri, ref, ref.model_dump()):
        output = await read(call, CsvReadProperties.model_validate({"from": source}))
        assert output.rows == [{"a": "1"}]


async def test_another_namespaces_artifact_is_refused(make_call):
    ref = await make_call(namespace="hr").artifacts.put(b"a\n1\n", media_type="text/csv")
    with pytest.raises(ConnectorError, match="belongs to namespace 'hr'"):
        await read(make_call(namespace="sales"), CsvReadProperties.model_validate({"from": ref.uri}))


def test_memory_does_not_grow_with_the_file(tmp_path):
    """Reading 3 MB row by row needs a small part of that."""
    path = tmp_path / "big.csv"
    path.write_bytes(b"id,text\n" + b"1,some words that fill the line\n" * 100_000)
    with path.open("rb") as source:
        tracemalloc.start()
        assert sum(1 for _ in CsvTable("big.csv", source, Dialect(), None).rows) == 100_000
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 500_000


@pytest.mark.parametrize(
    ("text", "type"),
    [
        ("1,234", "number"), ("1.", "number"), (".5", "number"), ("+5", "number"), ("0x10", "number"), ("1_000", "number"),
        ("NaN", "number"), ("inf", "number"), ("1e999", "number"), ("€5", "number"), ("007", "number"), ("١٢", "number"),
        ("1.0", "int"), ("-0012", "int"), ("9007199254740993", "int"), ("9" * 5000, "int"), ("--1", "int"),
        ("y", "bool"), ("2", "bool"), ("22/11/2026", "date"), ("2026-02-30", "date"), ("20261122", "date"),
        ("2026-11-22", "datetime"), ("2026-11-22T25:00", "datetime"), ("2026-W47-7", "date"),
    ],
)  # fmt: skip
def test_what_is_not_plainly_of_the_type_is_refused(text, type):
    with pytest.raises(BadCell):
        parse(text, type)


@given(st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_written_as_json_are_read_back(value):
    assert parse(json.dumps(value), "number") == value


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), max_size=8))
def test_any_well_formed_csv_is_read_cell_by_cell(rows):
    """Commas, quotes and line breaks inside cells survive."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b"), *rows])
    table = CsvTable("t.csv", io.BytesIO(text.getvalue().encode()), Dialect(), None)
    assert [tuple(row.values()) for row in table.rows] == rows


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=200) | st.text("ab,;\"'\r\n\t\0é", max_size=60).map(str.encode))
def test_any_bytes_give_rows_or_one_clear_error(data):
    """Nothing but a ConnectorError with a remedy ever comes out of a broken file."""
    problem: ConnectorError | None = None
    try:
        table = CsvTable("t.csv", io.BytesIO(data), Dialect(), None)
        assert all(len(row) == len(table.columns) for row in table.rows)
    except ConnectorError as error:
        problem = error
    assert problem is None or (str(problem).startswith("t.csv: ") and problem.remedy)


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1"])
def test_formulas_are_made_text(text):
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-5", "+5.25", "-1e3", "plain", "a=b", "", "'x"])
def test_numbers_and_plain_text_are_left_alone(text):
    assert harmless(text) == text
