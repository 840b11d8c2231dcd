"""JavaScript that pages hold: which releases of which libraries, and the page's own script.

The files lie in ``scripts/`` as their publishers made them, with their licences. They are part of a
page, so that it needs no network. Vega's expressions are interpreted, not compiled: a page works
where a content security policy forbids ``eval``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Library:
    """One file of a published package.

    Args:
        name, version: of the npm package.
        licence: its SPDX name; the text is ``scripts/<name>.LICENSE.txt``.
        file: in ``scripts/``.
        sha256: of the file.
    """

    name: str
    version: str
    licence: str
    file: str
    sha256: str

    def read(self) -> bytes:
        return (files("slaibench.report") / "scripts" / self.file).read_bytes()

    def licence_text(self) -> str:
        place = files("slaibench.report") / "scripts" / f"{self.name}.LICENSE.txt"
        return place.read_text("utf-8")


LIBRARIES = (
    Library(
        "vega",
        "6.4.0",
        "BSD-3-Clause",
        "vega.min.js",
        "8f6a3587cf8d4f42c7e08120e3eb05d067e746d554e39d2dcf52acc0bd5ba28f",
    ),
    Library(
        "vega-lite",
        "6.5.0",
        "BSD-3-Clause",
        "vega-lite.min.js",
        "83e215e84e308ee8688fa6503ba0f1cf8a3c05c0d61df2841a0b92bf86809e00",
    ),
    Library(
        "vega-interpreter",
        "2.3.2",
        "BSD-3-Clause",
        "vega-interpreter.js",
        "c0bdb735a63f9276f136e8d90d7fdf5d8e9df8031eb069048fc9975c876fd7f9",
    ),
)


@cache
def scripts() -> tuple[str, ...]:
    """All libraries as a page holds them, in the order in which they are loaded, each with its
    name, version and licence before it."""
    return tuple(_embedded(library) for library in LIBRARIES)


def _embedded(library: Library) -> str:
    code = library.read().decode("utf-8")
    # No page has a source map beside it; a developer's tools would ask for one.
    code = re.sub(r"^//# sourceMappingURL=.*$", "", code, flags=re.MULTILINE).strip()
    if library.name == "vega-interpreter":
        # It is published as a module only, which a page that is opened as a file cannot import.
        code = re.sub(
            r"^import (\{.*?\}) from 'vega-util';$", r"const \1 = vega;", code, flags=re.M
        )
        code = re.sub(
            r"^export \{ expression as expressionInterpreter \};$",
            "vega.expressionInterpreter = expression;",
            code,
            flags=re.MULTILINE,
        )
        code = f"(() => {{\n{code}\n}})();"
    title = f"/*! {library.name} {library.version}, {library.licence}\n"
    return f"{title}{library.licence_text().strip()}\n*/\n{code}"
