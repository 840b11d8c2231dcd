"""Reading tables: every form gives the same numbers, every defect names its place."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.files import COMPRESSIONS
from slaibench.workloads.table_file import read_table

PROMPT, OUTPUT, ARRIVAL = [10, 20, 30], [1, 2, 3], [0.5, 1.25, 1.25]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def csv_file(folder: Path, *lines: str) -> Path:
    return write(folder / "t.csv", "\n".join(lines) + "\n")


def test_csv_jsonl_and_parquet_give_the_same_table(tmp_path):
    rows = list(zip(PROMPT, OUTPUT, ARRIVAL, strict=True))
    names = ("prompt_tokens", "output_tokens", "arrival_s")
    files = [
        csv_file(tmp_path, ",".join(names), *(",".join(map(str, row)) for row in rows)),
        write(
            tmp_path / "t.jsonl",
            "".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows),
        ),
        tmp_path / "t.parquet",
    ]
    pq.write_table(pa.table(dict(zip(names, (PROMPT, OUTPUT, ARRIVAL), strict=True))), files[2])
    tables = [read_table(path) for path in files]
    for table in tables:
        assert table.recorded.prompt_tokens.tolist() == PROMPT
        assert table.recorded.output_tokens.tolist() == OUTPUT
        assert table.arrival_s is not None
        assert table.arrival_s.tolist() == ARRIVAL
    assert len({table.identity for table in tables}) == 1
    assert tables[0].note == "t.csv: 3 recorded requests with arrival times"


@pytest.mark.parametrize(
    ("header", "has_times"),
    [
        ("ContextTokens,GeneratedTokens", False),
        ("Request tokens,Response tokens", False),
        ("num_prefill_tokens,num_decode_tokens,arrived_at", True),
        ("input_length,output_length,arrival_time_s", True),
        ("ISL,OSL", False),
        ('"Prompt Len","Output-Len"', False),
    ],
)
def test_common_names_of_columns_are_understood(tmp_path, header, has_times):
    row = "7,8" + (",0.5" if has_times else "")
    table = read_table(csv_file(tmp_path, header, row))
    assert table.recorded.prompt_tokens.tolist() == [7]
    assert table.recorded.output_tokens.tolist() == [8]
    assert (table.arrival_s is not None) == has_times


def test_column_order_and_further_columns_do_not_matter(tmp_path):
    table = read_table(
        csv_file(tmp_path, "user,output_tokens,text,prompt_tokens", 'u,5,"a, b\nc",9')
    )
    assert (table.recorded.prompt_tokens[0], table.recorded.output_tokens[0]) == (9, 5)


def test_first_listed_name_wins(tmp_path):
    table = read_table(csv_file(tmp_path, "input_len,prompt_tokens,output_tokens", "1,2,3"))
    assert table.recorded.prompt_tokens.tolist() == [2]


def test_whole_floats_blank_lines_and_a_byte_order_mark_are_fine(tmp_path):
    path = write(tmp_path / "t.csv", "\ufeffprompt_tokens,output_tokens\n12.0,3\n\n4,5\n")
    assert read_table(path).recorded.prompt_tokens.tolist() == [12, 4]


def test_of_columns_that_differ_in_case_only_the_first_wins(tmp_path):
    table = read_table(csv_file(tmp_path, "Prompt_Tokens,prompt_tokens,output_tokens", "1,2,3"))
    assert table.recorded.prompt_tokens.tolist() == [1]


def test_dates_become_seconds_after_the_first(tmp_path):
    path = csv_file(
        tmp_path,
        "TIMESTAMP,ContextTokens,GeneratedTokens",
        "2023-11-16 23:59:59.5000000,374,44",
        "2023-11-17 00:00:01,396,109",
        "2023-11-17 00:00:01.0000004,396,109",
    )
    times_s = read_table(path).arrival_s
    np.testing.assert_allclose(times_s, [0, 1.5, 1.5000004], atol=1e-9, rtol=0)


def test_dates_with_a_time_zone_and_in_parquet_are_fine(tmp_path):
    path = tmp_path / "t.parquet"
    stamps = pa.array([1_000_000, 3_500_000], type=pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"timestamp": stamps, "isl": [1, 2], "osl": [3, 4]}), path)
    assert read_table(path).arrival_s.tolist() == [0, 2.5]
    csv = csv_file(
        tmp_path,
        "TIMESTAMP,ContextTokens,GeneratedTokens",
        "2024-05-10 00:00:00.009930+00:00,1,2",
        "2024-05-10 02:00:01.009930+02:00,1,2",
    )
    np.testing.assert_allclose(read_table(csv).arrival_s, [0, 1])


@pytest.mark.parametrize(("unit", "second_s"), [("s", 1500.0), ("ms", 1.5)])
def test_plain_timestamps_need_their_unit(tmp_path, unit, second_s):
    path = csv_file(tmp_path, "timestamp,input_length,output_length", "0,5,6", "1500,5,6")
    assert read_table(path, timestamp=unit).arrival_s.tolist() == [0, second_s]
    with pytest.raises(WorkloadError, match=r"t\.csv:timestamp=ms'"):
        read_table(path)


def test_milliseconds_by_name(tmp_path):
    path = csv_file(tmp_path, "arrival_ms,isl,osl", "250,5,6")
    assert read_table(path).arrival_s.tolist() == [0.25]


HEADER = "arrival_s,prompt_tokens,output_tokens"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([HEADER], "no rows, only a header"),
        (["a,b,c", "1,2,3"], r"no column for prompt tokens \(prompt_tokens, .* nor for output.*"
                             "found: a, b, c"),
        (["prompt_tokens,x", "1,2"], r"no column for output tokens \(.*found: prompt_tokens, x"),
        ([HEADER, "0,5,6", "1,5"], "line 3: 2 fields where the header has 3.*cut short"),
        ([HEADER, "0,5,6,7"], "line 2: 4 fields where the header has 3"),
        ([HEADER, "0,5,6", "", "1,x,6"], "line 4: prompt_tokens must be a whole .* not 'x'"),
        ([HEADER, "0,5,0"], "line 2: output_tokens must be .* from 1 .* not '0'"),
        ([HEADER, "0,-5,1"], "line 2: prompt_tokens .* not '-5'"),
        ([HEADER, "0,5.5,1"], "line 2: prompt_tokens .* not '5.5'"),
        ([HEADER, "0,nan,1"], "not 'nan'"),
        ([HEADER, "0,99999999999,1"], "from 1 to 2147483647"),
        ([HEADER, "0,,1"], "line 2: prompt_tokens .* not ''"),
        ([HEADER, "-1,5,6"], "line 2: arrival_s must be at least 0, not -1"),
        ([HEADER, "0,5,6", "2,5,6", "1,5,6"], "line 4: arrival_s 1 is earlier than 2 .*sort"),
        ([HEADER, "0,5,6", "soon,5,6"], "line 3: arrival_s must be a number, not 'soon'"),
        ([HEADER, "nan,5,6"], "line 2: arrival_s must be a number"),
        (["timestamp,isl,osl", "2023-11-16 18:17:03,1,2", "later,1,2"],
         "line 3: timestamp must be a date .*not 'later'"),
        ([HEADER, '0,"5,6'], "not CSV"),
    ],
)  # fmt: skip
def test_defects_of_a_csv_are_named_with_their_line(tmp_path, lines, message):
    with pytest.raises(WorkloadError, match=f"t\\.csv.*{message}"):
        read_table(csv_file(tmp_path, *lines))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (['{"isl": 1, "osl": 2}', '{"isl": 1, "os'], "line 2: not JSON .*cut short"),
        (["[1, 2]"], r"line 1: an object is needed, not '\[1, 2\]"),
        (['{"isl": 1, "osl": 2}', '{"isl": 1}'], "line 2: osl must be .* not None"),
        (['{"isl": 1, "osl": true}'], "line 1: osl .* not True"),
        (
            ['{"isl": 1, "osl": 2, "timestamp": "\\ud800"}'],
            r"line 1: timestamp must be a date .* not '\\ud800'",
        ),
        (['{"isl": 1}'], "no column for output tokens .*found: isl"),
    ],
)
def test_defects_of_json_lines_are_named_with_their_line(tmp_path, lines, message):
    with pytest.raises(WorkloadError, match=f"t\\.jsonl.*{message}"):
        read_table(write(tmp_path / "t.jsonl", "\n".join(lines)))


def test_defects_of_parquet_are_named_with_their_row(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"prompt_tokens": [5, None], "output_tokens": [1, 1]}), path)
    with pytest.raises(WorkloadError, match=r"row 2: prompt_tokens .* not None"):
        read_table(path)
    pq.write_table(pa.table({"prompt_tokens": [5], "x": [1]}), path)
    with pytest.raises(WorkloadError, match=r"no column for output .*found: prompt_tokens, x"):
        read_table(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(WorkloadError, match="not a readable parquet file"):
        read_table(path)


def test_missing_empty_binary_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(WorkloadError, match=r"none\.csv: no such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(WorkloadError, match=r"t\.csv: the file is empty"):
        read_table(write(tmp_path / "t.csv", ""))
    with pytest.raises(WorkloadError, match=r"one of \.csv, \.jsonl"):
        read_table(write(tmp_path / "t.xlsx", "x"))
    binary = tmp_path / "b.csv"
    binary.write_bytes(b"prompt_tokens,output_tokens\n\xff\xfe,1\n")
    with pytest.raises(WorkloadError, match="not a text file in UTF-8"):
        read_table(binary)
    with pytest.raises(WorkloadError, match="timestamp must be s or ms, not 'us'"):
        read_table(binary, timestamp="us")


ZEROS = ("timestamp,isl,osl", "5,472,18", "45,80,0", "46,0,3", "60,417,276.0")


def test_rows_of_no_tokens_are_left_out_if_asked_for_and_counted(tmp_path):
    path = csv_file(tmp_path, *ZEROS)
    with pytest.raises(WorkloadError, match=r"line 4: isl .* '0'; '.*t\.csv:zeros=drop' leaves"):
        read_table(path, timestamp="s")
    table = read_table(path, timestamp="s", zeros="drop")
    assert table.recorded.output_tokens.tolist() == [18, 276]
    assert table.arrival_s.tolist() == [5, 60]
    assert table.note == (
        "t.csv: 2 recorded requests with arrival times; rows of 0 tokens left out: 2"
    )
    with pytest.raises(WorkloadError, match="all 1 rows have 0 tokens"):
        read_table(csv_file(tmp_path, "isl,osl", "0,1"), zeros="drop")
    with pytest.raises(WorkloadError, match=r"not '-1'$"):
        read_table(csv_file(tmp_path, "isl,osl", "-1,1"), zeros="drop")
    with pytest.raises(WorkloadError, match="zeros must be drop, not 'keep'"):
        read_table(path, zeros="keep")


@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_text_files_may_be_compressed(tmp_path, suffix):
    text = b"isl,osl\n5,6\n7,8\n"
    path = tmp_path / f"t.csv{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("t.csv", text)
    elif suffix == ".zst":
        with pa.CompressedOutputStream(str(path), "zstd") as out:
            out.write(text)
    else:
        path.write_bytes(
            {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}[suffix](text)
        )
    assert read_table(path).recorded.prompt_tokens.tolist() == [5, 7]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(WorkloadError, match=rf"t\.csv\{suffix}: cannot be read"):
        read_table(path)


def test_an_archive_of_several_files_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.csv.zip", "w") as archive:
        for name in ("a.csv", "b.csv"):
            archive.writestr(name, "isl,osl\n5,6\n")
    with pytest.raises(WorkloadError, match="holds 2 files, one is needed"):
        read_table(tmp_path / "t.csv.zip")


def test_decimals_and_dates_of_a_database_are_numbers_and_dates(tmp_path):
    path = tmp_path / "t.parquet"
    columns = {
        "isl": [Decimal("5"), Decimal("7.0")],
        "osl": [Decimal("6"), Decimal("8")],
        "timestamp": [date(2024, 1, 1), date(2024, 1, 2)],
    }
    pq.write_table(pa.table(columns), path)
    table = read_table(path)
    assert table.recorded.prompt_tokens.tolist() == [5, 7]
    assert table.arrival_s.tolist() == [0, 86400]
    pq.write_table(pa.table({"isl": [Decimal("1.5")], "osl": [Decimal("1.0")]}), path)
    with pytest.raises(WorkloadError, match=r"row 1: isl must be .* not Decimal\('1\.5'\)"):
        read_table(path)


def test_reference_traces_have_their_published_shape(data_dir):
    sharegpt = read_table(data_dir / "traces" / "sharegpt4_8k_lengths.csv")
    assert len(sharegpt.recorded) == 30_731
    assert sharegpt.arrival_s is None
    described = sharegpt.describe()
    assert described["prompt_tokens"]["p50"] == 1730
    assert described["prompt_tokens"]["p90"] == 5696
    assert described["output_tokens"]["p50"] == 415
    assert described["output_tokens"]["p90"] == 834
    assert described["total_tokens"]["max"] <= 8192
