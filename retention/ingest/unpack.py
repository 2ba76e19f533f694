"""Turn a file as it came into plain UTF-8 text or Parquet on disk, with its fingerprint."""

from __future__ import annotations

import codecs
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from retention.errors import FileError
from retention.ingest.sniff import HEAD_BYTES, content_of, encoding_from_mark, guess_encoding

CHUNK_BYTES = 8 << 20
MAX_INFLATED_BYTES = 64 << 30
# Text of events deflates 3 to 30 times; zeros deflate 1,000 times.
MAX_INFLATION = 400
_INFLATION_GRACE_BYTES = 256 << 20

Tick = Callable[[float], object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Unpacked:
    """A file ready for its parser.

    Parameters
    ----------
    path : Path
        Plain text in UTF-8, or Parquet; the file itself where nothing had to be changed.
    is_parquet : bool
        Which of the two.
    encoding : str
        Encoding the text had; empty for Parquet.
    n_bytes : int
        Size of the file as it came.
    sha256 : str
        Of the file as it came.
    """

    path: Path
    is_parquet: bool
    encoding: str
    n_bytes: int
    sha256: str


def chunks_of(path: Path) -> Iterator[bytes]:
    """Read a file piece by piece."""
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk


def unpack(path: Path, folder: Path, *, encoding: str | None, tick: Tick) -> Unpacked:
    """Inflate, decode and fingerprint a file, writing to `folder` only what had to be changed.

    Raises
    ------
    FileError
        If the file is missing, empty, damaged, not a table, or inflates beyond reason.
    """
    n_bytes = size_of(path)
    digest = hashlib.sha256()
    plain = path
    head = head_of(path)
    content = content_of(head)
    if content == "gzip":
        plain = folder / "inflated"
        _inflate(path, plain, digest, n_bytes=n_bytes, tick=tick)
        head = head_of(plain)
        content = content_of(head)
        if content == "gzip":
            raise FileError("The file is compressed twice.", hint="Unpack it once and import the result.")
    else:
        n_read = 0
        for chunk in chunks_of(path):
            digest.update(chunk)
            n_read += len(chunk)
            tick(n_read / n_bytes)
    if content == "parquet":
        return Unpacked(path=plain, is_parquet=True, encoding="", n_bytes=n_bytes, sha256=digest.hexdigest())
    found = encoding or encoding_from_mark(head) or _encoding_of(plain)
    text = _as_utf8(plain, folder, found)
    if plain != path and text != plain:
        plain.unlink()
    return Unpacked(path=text, is_parquet=False, encoding=found, n_bytes=n_bytes, sha256=digest.hexdigest())


def size_of(path: Path) -> int:
    """Size of a file that can be read.

    Raises
    ------
    FileError
        If there is no such file, or it is a folder, or it may not be read.
    """
    try:
        if path.is_dir():
            raise FileError(f"{path.name} is a folder.", hint="Name a file in it.")
        with path.open("rb"):
            return path.stat().st_size
    except FileNotFoundError as error:
        raise FileError(f"There is no file {path.name}.", hint="Check the path.") from error
    except PermissionError as error:
        raise FileError(f"{path.name} may not be read.", hint="Check the file's permissions.") from error


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file."""
    with path.open("rb") as stream:
        return stream.read(HEAD_BYTES)


def inflated_head(path: Path) -> bytes:
    """Return the first inflated bytes of a gzip file."""
    inflater = zlib.decompressobj(31)
    try:
        return inflater.decompress(head_of(path), HEAD_BYTES)
    except zlib.error as error:
        raise _damaged() from error


def _damaged() -> FileError:
    return FileError("The gzip file is damaged.", hint="Copy or download it again; nothing was imported.")


def _inflate(path: Path, to: Path, digest: hashlib._Hash, *, n_bytes: int, tick: Tick) -> None:
    limit = min(MAX_INFLATED_BYTES, max(_INFLATION_GRACE_BYTES, MAX_INFLATION * n_bytes))
    inflater = zlib.decompressobj(31)
    n_out = n_in = 0
    is_open = False
    with to.open("wb") as out:
        for chunk in chunks_of(path):
            digest.update(chunk)
            n_in += len(chunk)
            rest = chunk
            while rest:
                if inflater.eof:
                    # Another member follows (cat a.gz b.gz); zeros are padding.
                    rest = rest.lstrip(b"\0")
                    if not rest:
                        break
                    inflater = zlib.decompressobj(31)
                try:
                    piece = inflater.decompress(rest, CHUNK_BYTES)
                except zlib.error as error:
                    raise _damaged() from error
                is_open = not inflater.eof
                n_out += len(piece)
                if n_out > limit:
                    raise FileError(
                        f"The gzip file inflates beyond {limit / 1e9:,.1f} GB, from {n_bytes / 1e6:,.1f} MB.",
                        hint="It is damaged or made to harm; split it if it is real.",
                    )
                out.write(piece)
                rest = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
                while not rest and not inflater.eof and len(piece) == CHUNK_BYTES:
                    # The input is used up while output is still held back.
                    piece = inflater.decompress(b"", CHUNK_BYTES)
                    n_out += len(piece)
                    out.write(piece)
            tick(n_in / n_bytes)
        if is_open:
            raise FileError(
                "The gzip file is cut off: its end is missing.", hint="Copy or download it again; nothing was imported."
            )


def _encoding_of(path: Path) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for chunk in chunks_of(path):
            if not (chunk.isascii() and not decoder.getstate()[0]):
                decoder.decode(chunk)
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return guess_encoding(_lines_above_ascii(path))
    return "utf-8"


def _lines_above_ascii(path: Path, *, limit: int = 256 << 10) -> bytes:
    found: list[bytes] = []
    n = 0
    rest = b""
    for chunk in chunks_of(path):
        block = rest + chunk
        cut = block.rfind(b"\n") + 1
        block, rest = (block[:cut], block[cut:]) if cut else (block, b"")
        for match in re.finditer(rb"[^\n]*[\x80-\xff][^\n]*\n?", block):
            found.append(match[0])
            n += len(match[0])
            if n > limit:
                return b"".join(found)
    found.extend(re.findall(rb"[^\n]*[\x80-\xff][^\n]*", rest))
    return b"".join(found)


def _as_utf8(path: Path, folder: Path, encoding: str) -> Path:
    """Write the text in UTF-8 unless it is so already; a damaged row of UTF-8 is left for the parser to reject."""
    name = codecs.lookup(encoding).name
    if name in {"utf-8", "utf-8-sig", "ascii"}:
        return path
    if name == "gb2312" or name == "gbk":
        name = "gb18030"  # A superset of both, so that a rare character is no reason to refuse the file.
    to = folder / "decoded"
    decoder = codecs.getincrementaldecoder(name)()
    n_lines = 1
    with to.open("w", encoding="utf-8", newline="") as out:
        try:
            for chunk in chunks_of(path):
                text = decoder.decode(chunk)
                n_lines += text.count("\n")
                out.write(text)
            out.write(decoder.decode(b"", True))
        except UnicodeDecodeError as error:
            n_lines += bytes(error.object[: error.start]).count(b"\n")
            raise FileError(
                f"The file is not {encoding} text: line {n_lines} holds bytes that mean nothing in it.",
                hint="Name another encoding, or leave it out to have it detected.",
            ) from error
        except UnicodeEncodeError as error:
            raise FileError(
                f"The file is not {encoding} text: near line {n_lines} it holds half a character.",
                hint="Name another encoding, or leave it out to have it detected.",
            ) from error
    return to
