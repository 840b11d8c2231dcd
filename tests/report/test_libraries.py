"""Libraries in pages: the files that their publishers made, with their licences."""

from __future__ import annotations

import hashlib
from importlib.resources import files

from slaibench.report.libraries import LIBRARIES, scripts


def test_each_file_is_the_published_one_with_its_licence() -> None:
    for library in LIBRARIES:
        assert hashlib.sha256(library.read()).hexdigest() == library.sha256, library.name
        assert "Redistribution and use in source and binary forms" in library.licence_text()


def test_no_script_lies_there_that_is_not_named() -> None:
    folder = files("slaibench.report") / "scripts"
    names = {place.name for place in folder.iterdir() if place.name.endswith(".js")}
    assert names == {library.file for library in LIBRARIES}


def test_a_page_s_scripts_are_no_modules_and_end_no_element() -> None:
    for library, script in zip(LIBRARIES, scripts(), strict=True):
        assert script.startswith(f"/*! {library.name} {library.version}, {library.licence}")
        assert "</script" not in script
        assert "sourceMappingURL" not in script
        assert "\nimport {" not in script
        assert "\nexport {" not in script
