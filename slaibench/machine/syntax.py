"""What a Python file says, whatever it looks like: a hash of its syntax, and what it imports."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_MODULE_NAME = re.compile(r"[a-z_]\w*(\.\w+)+(:\w+)?")


@dataclass(frozen=True, slots=True)
class Import:
    """A module that a file names.

    Args:
        module: its full name, or something inside of it (``package.module.Class``).
        names: what is taken from it; empty: it is named as a whole.
    """

    module: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Syntax:
    """A file without its comments, docstrings, line breaks and line numbers.

    Args:
        digest: 64 hex digits; the same in every Python that reads the file.
        imports: modules named in it, in functions too; not those that only types are taken from.
            Whatever text has the form of a module's name is among them: programs and plug-ins are
            named so.
    """

    digest: str
    imports: tuple[Import, ...]


def syntax_of(path: Path) -> Syntax:
    """The syntax of a file.

    Raises:
        OSError: it cannot be read.
        SyntaxError: it is not Python.
    """
    return _syntax(path.read_bytes(), str(path))


def digest_of(path: Path) -> str:
    """Of a file's syntax; of its bytes where it is not Python's source (compiled, say).

    Raises:
        OSError, SyntaxError: as ``syntax_of``.
    """
    if path.suffix == ".py":
        return syntax_of(path).digest
    return hashlib.sha256(path.read_bytes()).hexdigest()


@lru_cache(maxsize=4096)
def _syntax(data: bytes, name: str) -> Syntax:
    said: list[str] = []
    imports: list[Import] = []
    _read(ast.parse(data, name), said, imports)
    digest = hashlib.sha256("\0".join(said).encode("utf-8", "surrogatepass")).hexdigest()
    return Syntax(digest, tuple(dict.fromkeys(imports)))


def _read(node: ast.AST, said: list[str], imports: list[Import]) -> None:
    """One walk for both. Not by ``ast.dump``, whose text differs between versions of Python: what
    is empty or absent says nothing, so that fields that came later do not either."""
    kind = type(node)
    said.append(kind.__name__)
    if kind is ast.Constant:
        value = node.value  # type: ignore[attr-defined]
        said.append(ascii(value))
        if type(value) is str and _MODULE_NAME.fullmatch(value):
            imports.append(Import(value.replace(":", ".")))
        return
    if kind is ast.Import or kind is ast.ImportFrom:
        imports.extend(_imports(node))
    inside = _without_docstring(node) if kind in _DOCUMENTED else None
    for name in kind._fields:
        value = getattr(node, name, None)
        if value is None or value == []:
            continue
        said.append(name)
        if type(value) is list:
            for item in inside if inside is not None and name == "body" else value:
                if isinstance(item, ast.AST):
                    _read(item, said, [] if _is_for_types(item) else imports)
                else:
                    said.append(ascii(item))
            said.append("]")
        elif isinstance(value, ast.AST):
            _read(value, said, imports)
        else:
            said.append(ascii(value))
    said.append(")")


def _without_docstring(node: ast.AST) -> list[ast.stmt]:
    body: list[ast.stmt] = list(node.body)  # type: ignore[attr-defined]
    # Texts below attributes, as this project documents them, are statements too and do nothing.
    return [stmt for stmt in body if not _is_text(stmt)]


def _is_text(stmt: ast.stmt) -> bool:
    return (
        type(stmt) is ast.Expr
        and type(stmt.value) is ast.Constant
        and type(stmt.value.value) is str
    )


def _is_for_types(node: ast.AST) -> bool:
    return type(node) is ast.If and type(node.test) is ast.Name and node.test.id == "TYPE_CHECKING"


def _imports(node: ast.AST) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        yield Import(module, tuple(alias.name for alias in node.names))
