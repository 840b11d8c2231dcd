"""Study files on the command line: a file runs as its options would, and options become a file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from slaibench.cli.app import STUDIES
from slaibench.cli.study_keys import keys_of
from slaibench.cli.study_run import _write, command_line, saved
from slaibench.cli.verbosity import Verbosity, speaking
from slaibench.spec.study_file import parse, read
from slaibench.spec.study_layout import PLACES, StudyKind
from tests.cli.command import ROOT, refused, slaibench
from tests.studies.studies import WORKLOAD

STUDY = f"""
kind = "sweep"
schedulers = ["sarathi", "slai"]

[load]
workload = "{WORKLOAD}"
rates = 5
requests = 60
seeds = 1

[running]
jobs = 1
results = "runs"
no_report = true
"""
EXAMPLE = ROOT / "docs" / "studies" / "two-schedulers.toml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("study.toml").write_text(STUDY)
    return tmp_path


def test_a_file_is_run_and_options_after_it_override_it(folder: Path) -> None:
    ran = slaibench("run", "study.toml", "--json")
    assert ran.status == 0, ran
    doc = json.loads(ran.out)
    assert [point["scheduler"] for point in doc["points"]] == ["sarathi", "slai"]
    assert doc["spec"]["num_requests"] == 60
    ran = slaibench("run", "study.toml", "--json", "-s", "slai", "--rates=6", "--requests", "50")
    (point,) = json.loads(ran.out)["points"]
    assert (point["scheduler"], point["rate_rps"]) == ("slai", 6)
    assert (folder / "runs").is_dir()


def test_what_was_asked_is_written_and_runs_again(folder: Path) -> None:
    options = ("--workload", WORKLOAD, "--requests", "60", "--rates", "5", "--jobs", "1")
    asked = ("sweep", "-s", "slai", *options, "--no-report", "--json")
    first = slaibench(*asked, "--save-study", "sub/again.toml")
    assert first.status == 0, first
    assert "study file: sub/again.toml" in first.err
    again = slaibench("run", "sub/again.toml", "--json")
    assert json.loads(again.out) == json.loads(first.out)
    text = (folder / "sub" / "again.toml").read_text()
    assert read(Path("sub/again.toml")).fields.keys() == {
        *("schedulers", "workload", "rates", "num_requests")
    }
    assert slaibench(*asked, "--save-study", "sub/again.toml").status == 0  # the same text
    assert "there is another file" in refused(*asked, "--fresh", "--save-study", "sub/again.toml")
    assert (folder / "sub" / "again.toml").read_text() == text


def test_what_is_left_out_is_said_under_quiet(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with speaking(Verbosity.QUIET):
        _write(Path("a.toml"), "", ["endpoint.url"])
    assert capsys.readouterr().err == "a.toml leaves out what may be secret: endpoint.url\n"


def test_the_page_s_example_is_the_file_beside_it() -> None:
    page = (ROOT / "docs" / "study-files.md").read_text("utf-8")
    _, example = EXAMPLE.read_text("utf-8").split("\n", 1)  # without the comment
    assert f"```toml\n{example}```" in page


def test_a_command_that_is_refused_writes_no_file(folder: Path) -> None:
    refused("sweep", "-s", "nobody", "--save-study", "new.toml")
    assert "ends in .toml" in refused("sweep", "--save-study", "mine.py")
    assert not (folder / "new.toml").exists()


def test_secrets_are_left_out_and_named() -> None:
    keys = keys_of(STUDIES[StudyKind.REPLAY], StudyKind.REPLAY)
    values = {key.name: key.default for key in keys} | {
        "url": "http://host:1/v1?key=abcdef123",
        "header": ["X-Key: abcdef123"],
        "extra_body": '{"user": "abcdef123 someone", "top_p": 1}',
        "no_ignore_eos": True,
        "timeout": 5.0,
    }
    text, left_out = saved(keys, StudyKind.REPLAY, values, Path("study.toml"))
    assert "abcdef123" not in text
    assert left_out == ["endpoint.dialect.headers", "endpoint.dialect.extra_body", "endpoint.url"]
    assert parse(text, Path("study.toml")).fields == {
        "dialect": {"ignore_eos": False},
        "timeout_s": 5.0,
    }


def test_a_dialect_becomes_options_and_comes_back() -> None:
    text = (
        'kind = "replay"\n[endpoint]\nurl = "http://localhost:1"\n[endpoint.dialect]\n'
        "ignore_eos = false\nexact_lengths = true\ninsecure = true\nextra_body = {top_p = 1}\n"
        'headers = {X-Key = "a: b"}\n'
    )
    keys = keys_of(STUDIES[StudyKind.REPLAY], StudyKind.REPLAY)
    words = command_line(parse(text, Path("study.toml")), keys, ())
    assert set(words) == {
        "--url=http://localhost:1",
        "--no-ignore-eos",
        "--insecure",
        '--extra-body={"top_p": 1}',
        "--header=X-Key: a: b",
    }


@pytest.mark.parametrize("kind", StudyKind)
def test_every_option_of_a_specification_stands_where_its_field_does(kind: StudyKind) -> None:
    for key in keys_of(STUDIES[kind], kind):
        if key.field in PLACES and key.field != "dialect":
            assert key.place == PLACES[key.field]
        else:
            assert key.place.partition(".")[0] in ("running", "endpoint", kind.value)
    assert "--save-study" in slaibench(kind.value, "--help").out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[running]\njobs = 0", "running.jobs 0: must be at least 1"),
        ('[running]\njobs = "4"', 'running.jobs "4": must be a whole number'),
        ('[running]\nexecutor = "rey"', "running.executor \"rey\": did you mean 'ray'?"),
        ("[running]\njob = 1", "running.job: sweep has no such key: did you mean 'running.jobs'?"),
        ('[endpoint]\nurl = "http://a"', "endpoint.url: sweep has no such key"),
        ("[load]\nseeds = 0", "load.seeds 0: must be greater than or equal to 1"),
    ],
)
def test_what_a_command_lacks_is_refused_with_file_and_key(
    folder: Path, text: str, words: str
) -> None:
    (folder / "study.toml").write_text(f'kind = "sweep"\n{text}\n')
    assert f"study.toml: {words}" in refused("run", "study.toml")


@pytest.mark.parametrize("kind", [StudyKind.COMPARE, StudyKind.CAPACITY])
def test_schedulers_that_are_arguments_come_last_and_once(kind: StudyKind) -> None:
    text = f'kind = "{kind}"\nschedulers = ["orca", "slai", "sarathi"]\n[load]\nseeds = 2\n'
    words = command_line(parse(text, Path("study.toml")), keys_of(STUDIES[kind], kind), ("-q",))
    assert words == ["--seeds=2", "-q", "--", "orca", "slai", "sarathi"]


def test_a_server_s_capacity_is_a_study_of_an_endpoint() -> None:
    text = 'kind = "capacity"\n[endpoint]\nurl = "http://localhost:1"\n[capacity]\nminutes = 1\n'
    study = parse(text, Path("study.toml"))
    assert (study.spec().backend, study.spec().schedulers) == ("endpoint", ("endpoint",))
    keys = keys_of(STUDIES[study.kind], study.kind)
    assert command_line(study, keys, ()) == ["--url=http://localhost:1", "--minutes=1"]


def test_a_file_is_named_first(folder: Path) -> None:
    assert "name a study file first" in refused("run")
    assert "name a study file first" in refused("run", "--seeds", "1", "study.toml")
    assert "nope.toml: No such file" in refused("run", "nope.toml")


VALID = {
    "sweep": STUDY,
    "example": EXAMPLE.read_text("utf-8"),
    "dialect": 'kind = "replay"\n[endpoint.dialect]\nextra_body = {a = 1}\nheaders = {a = "b"}\n',
    "bound": 'kind = "bound"\n[bound]\noutputs = [50, 150]\neps = 0.1\nrad = false\n',
    "validate": 'kind = "validate"\n[validate]\nbetween = "sim,vllm"\n[load]\nrates = "2:4"\n',
}
INVALID = {
    "kind": 'kind = "swep"\n',
    "no-kind": "[load]\nseeds = 1\n",
    "key": 'kind = "sweep"\n[load]\nrate = 1\n',
    "table": 'kind = "sweep"\n[bound]\neps = 0.1\n',
    "type": 'kind = "sweep"\n[load]\nseeds = "3"\n',
    "bound": 'kind = "sweep"\n[load]\nseeds = 0\n',
    "choice": 'kind = "sweep"\n[serving]\ndevice = "cpuu"\n',
    "rates-of-capacity": 'kind = "capacity"\n[load]\nrates = 3\n',
    "minutes-of-sweep": 'kind = "sweep"\n[capacity]\nminutes = 1\n',
    "url-of-sweep": 'kind = "sweep"\n[endpoint]\nurl = "http://a"\n',
    "dialect": 'kind = "replay"\n[endpoint.dialect]\nignor_eos = false\n',
    "dialect-of-sweep": 'kind = "sweep"\n[endpoint.dialect]\nignore_eos = false\n',
    "jobs": 'kind = "sweep"\n[running]\njobs = 0\n',
}


def checks(folder: Path, texts: Mapping[str, str]) -> dict[str, bool]:
    """By name: whether the schema takes a file."""
    (folder / "schema.json").write_text(slaibench("run", "--schema").out)
    files = [folder / f"{name}.toml" for name in texts]
    for file, text in zip(files, texts.values(), strict=True):
        file.write_text(text)
    command = [sys.executable, "-m", "check_jsonschema", "-o", "JSON", "--schemafile"]
    done = subprocess.run(
        [*command, folder / "schema.json", *files], capture_output=True, text=True, check=False
    )
    report = json.loads(done.stdout)
    assert not report.get("parse_errors"), report
    wrong = {error["filename"] for error in report.get("errors", ())}
    return {file.stem: str(file) not in wrong for file in files}


def takes(folder: Path, name: str) -> bool:
    """Whether the command takes a file."""
    try:
        study = read(folder / f"{name}.toml")
        study.spec()
        command_line(study, keys_of(STUDIES[study.kind], study.kind), ())
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(("texts", "valid"), [(VALID, True), (INVALID, False)])
def test_the_schema_says_what_the_command_says(
    tmp_path: Path, texts: Mapping[str, str], valid: bool
) -> None:
    assert checks(tmp_path, texts) == dict.fromkeys(texts, valid)
    assert {name: takes(tmp_path, name) for name in texts} == dict.fromkeys(texts, valid)
