"""A file's syntax is what Python does with it, not what it looks like."""

from __future__ import annotations

from pathlib import Path

import pytest

from slaibench.machine.syntax import Import, digest_of, syntax_of

CODE = '''
"""A module."""

from theirs.package import thing

LIMIT = 3
"""What it is."""


class Kind:
    """A kind."""

    size: int = 4

    def double(self, by=2):
        """Twice."""
        return self.size * by + len("text")
'''


def digest(tmp_path: Path, text: str) -> str:
    path = tmp_path / "module.py"
    path.write_text(text, encoding="utf-8")
    return syntax_of(path).digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""A module."""', '"""Another module.\n\nAt length."""'),
        ('"""A module."""\n', ""),
        ('    """A kind."""\n', ""),
        ('        """Twice."""\n', "        # twice\n"),
        ('"""What it is."""\n', ""),
        ("LIMIT = 3", "LIMIT   =  3  # three"),
        ("self.size * by + len", "(self.size * by) + len"),
        ('"text"', "'text'"),
        ("by=2):", "by=2,\n    ):"),
        ("\n\n\n", "\n\n\n\n\n"),
    ],
)
def test_looks_do_not_count(tmp_path: Path, old: str, new: str) -> None:
    assert old in CODE
    assert digest(tmp_path, CODE.replace(old, new)) == digest(tmp_path, CODE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT = 3.0"),
        ("LIMIT = 3", "LIMIT = True"),
        ("by=2", "by=3"),
        ("by=2", "*, by=2"),
        ("self.size * by", "self.size + by"),
        ('"text"', 'b"text"'),
        ('"text"', '"texts"'),
        ("size: int", "size: float"),
        ("import thing", "import thing as other"),
        ("return", "yield"),
        ("    def double", "    @staticmethod\n    def double"),
        ("self.size * by + len", "self.size * (by + len"),
    ],
)
def test_what_is_done_counts(tmp_path: Path, old: str, new: str) -> None:
    changed = CODE.replace(old, new)
    assert changed != CODE
    if changed.count("(") != changed.count(")"):
        changed = changed.replace('("text")', '("text"))')
    assert digest(tmp_path, changed) != digest(tmp_path, CODE)


def test_the_digest_is_the_same_wherever_it_is_taken(tmp_path: Path) -> None:
    # Of this text, by any version of Python: fields that are empty, or came later, say nothing.
    expected = "92a2f2a9ad6c7e3f05a365b0f97dafbaeb7a30bddf35a8acf1a85231314bf9c9"
    assert digest(tmp_path, CODE) == expected


def test_imports_are_those_that_are_run(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "from typing import TYPE_CHECKING\n"
        "import theirs.first\n"
        "from . import near\n"
        "from .far import thing\n"
        "if TYPE_CHECKING:\n    from theirs.types import Only\n"
        "def late():\n    from theirs.late import one, two\n"
        "PROGRAM = 'theirs.program'\nPLUG_IN = 'theirs.plug:register'\nWORDS = 'nothing of it.'\n"
    )
    assert set(syntax_of(path).imports) == {
        Import("typing", ("TYPE_CHECKING",)),
        Import("theirs.first"),
        Import(".", ("near",)),
        Import(".far", ("thing",)),
        Import("theirs.late", ("one", "two")),
        Import("theirs.program"),
        Import("theirs.plug.register"),
    }


def test_of_what_is_no_source_the_bytes_count(tmp_path: Path) -> None:
    file = tmp_path / "compiled.so"
    file.write_bytes(b"\x7fELF")
    before = digest_of(file)
    file.write_bytes(b"\x7fELF ")
    assert digest_of(file) != before


def test_what_is_not_python_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SyntaxError):
        digest(tmp_path, "def broken(:\n")
