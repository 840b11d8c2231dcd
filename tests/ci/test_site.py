"""The site of docs/: every page is in its navigation, and links out of docs/ lead somewhere."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HOOK = ROOT / "docs" / "_site" / "links.py"
PAGE = SimpleNamespace(file=SimpleNamespace(src_uri="README.md"))


@pytest.fixture
def hook() -> Any:
    spec = importlib.util.spec_from_file_location("links", HOOK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_link_out_of_docs_leads_into_the_repository(
    hook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "[what changed](../CHANGELOG.md), [here](tutorial.md)"
    monkeypatch.delenv(hook.REPOSITORY, raising=False)
    assert hook.on_page_markdown(text, page=PAGE) == "what changed, [here](tutorial.md)"
    monkeypatch.setenv(hook.REPOSITORY, "https://h.example/a/b/")
    linked = "[what changed](https://h.example/a/b/blob/main/CHANGELOG.md), [here](tutorial.md)"
    assert hook.on_page_markdown(text, page=PAGE) == linked
    with pytest.raises(FileNotFoundError, match=r"README.md links to no/such.py"):
        hook.on_page_markdown("[x](../no/such.py)", page=PAGE)


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text().partition("\nnav:")[2]
    listed = [line.rpartition(": ")[2] for line in navigation.splitlines() if line.endswith(".md")]
    assert sorted(listed) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))


@pytest.mark.skipif(find_spec("material") is None, reason="needs the extra 'docs'")
def test_it_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "tutorial" / "index.html").is_file()
