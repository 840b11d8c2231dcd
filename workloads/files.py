"""Files of workloads as they are found: compressed or not, and whatever is wrong with them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from slaibench.workloads.errors import WorkloadError

COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst", ".zip")
"""Of text files; parquet is compressed inside."""
LINES = (".jsonl", ".ndjson")
PARQUET = (".parquet", ".pq")


def kind_of(path: Path) -> str:
    """The suffix that says what a file holds, in small letters: ``.csv`` of ``a.csv.gz``."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in COMPRESSIONS else suffix


def forms(*suffixes: str) -> str:
    """Suffixes in words, for error messages."""
    return f"{', '.join(suffixes)} (text files also with {', '.join(COMPRESSIONS)})"


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Around reading a file: whatever is wrong with it is a sentence with its name.

    Raises:
        WorkloadError: it is not there, is empty, or cannot be read.
    """
    if not path.is_file():
        raise WorkloadError(f"{path}: no such file")
    try:
        if path.stat().st_size == 0:
            raise WorkloadError(f"{path}: the file is empty")
        yield
    except WorkloadError:
        raise
    except UnicodeDecodeError as error:
        raise WorkloadError(f"{path}: not a text file in UTF-8 ({error})") from None
    except UnicodeEncodeError:
        raise WorkloadError(f"{path}: cannot be read: it holds half a character") from None
    except (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise WorkloadError(f"{path}: cannot be read: {error}") from error
    except RecursionError:
        raise WorkloadError(f"{path}: cannot be read: it is nested too deeply") from None
    except MemoryError as error:
        raise WorkloadError(
            f"{path}: cannot be read: it takes more memory than there is"
        ) from error


@contextmanager
def opened_text(path: Path) -> Iterator[IO[str]]:
    """The text of a file, in UTF-8; a byte order mark is left out. Use it in ``reading``."""
    with _opened(path) as binary, io.TextIOWrapper(binary, "utf-8-sig", newline="") as text:
        yield text


def bytes_of(path: Path) -> bytes:
    """What a file holds. Use it in ``reading``."""
    with _opened(path) as binary:
        return bytes(binary.read())


def _opened(path: Path) -> Any:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return gzip.open(path, "rb")
    if suffix == ".bz2":
        return bz2.open(path, "rb")
    if suffix == ".xz":
        return lzma.open(path, "rb")
    if suffix == ".zip":
        return io.BytesIO(_only_member(path))
    if suffix == ".zst":
        import pyarrow as pa  # noqa: PLC0415  (0.1 s)

        return io.BytesIO(pa.CompressedInputStream(pa.OSFile(str(path)), "zstd").read())
    return path.open("rb")


def _only_member(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) != 1:
            raise WorkloadError(f"{path}: holds {len(members)} files, one is needed")
        try:
            return archive.read(members[0])
        except (RuntimeError, NotImplementedError) as error:  # a password, a method of its own
            raise WorkloadError(f"{path}: cannot be read: {error}") from error


def parquet_columns(
    path: Path, choose: Callable[[Sequence[str]], Sequence[str]]
) -> dict[str, list[Any]]:
    """Columns of a parquet file, by name.

    Args:
        choose: from the names that it has to those that are wanted.

    Raises:
        WorkloadError: it is no parquet file, or ``choose`` refuses.
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        file = pq.ParquetFile(path)
        wanted = list(choose(file.schema_arrow.names))
        table = file.read(columns=wanted)
        return {name: table.column(name).to_pylist() for name in wanted}
    except WorkloadError:
        raise
    except (pa.ArrowException, OSError, LookupError, ValueError, OverflowError) as error:
        said = str(error).partition("\n")[0]
        raise WorkloadError(f"{path}: not a readable parquet file: {said}") from None
