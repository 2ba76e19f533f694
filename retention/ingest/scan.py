"""Where records of a delimited file begin, as physical lines: the engine counts records, a person counts lines."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from retention.errors import FileError
from retention.ingest.unpack import chunks_of

_LF, _CR, _QUOTE = 10, 13, 34
_SENTINEL = "\x00end"
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Newlines:
    """Which line ends a text has, and whether it holds quotes.

    Parameters
    ----------
    n_lf, n_cr, n_crlf, n_quotes : int
        Line feeds, carriage returns, pairs of both, double quotes.
    """

    n_lf: int
    n_cr: int
    n_crlf: int
    n_quotes: int

    @property
    def are_uniform(self) -> bool:
        """Whether every line ends the same way, with a line feed."""
        return self.n_cr == 0 or self.n_cr == self.n_crlf == self.n_lf


def survey(path: Path) -> Newlines:
    """Count line ends and quotes, and refuse zero bytes.

    Raises
    ------
    FileError
        If a byte is zero; its line is named.
    """
    n_lf = n_cr = n_crlf = n_quotes = 0
    last = b""
    for chunk in chunks_of(path):
        zero = chunk.find(b"\0")
        if zero >= 0:
            line = n_lf + chunk.count(b"\n", 0, zero) + 1
            raise FileError(
                f"Line {line} holds a NUL byte; the file is damaged or is not text.",
                hint="Export it again; nothing was imported.",
            )
        # bytes.count is a memchr loop: several GB a second.
        n_lf += chunk.count(b"\n")
        n_quotes += chunk.count(b'"')
        if b"\r" in chunk or last == b"\r":
            n_cr += chunk.count(b"\r")
            n_crlf += chunk.count(b"\r\n") + (last == b"\r" and chunk.startswith(b"\n"))
        last = chunk[-1:]
    return Newlines(n_lf=n_lf, n_cr=n_cr, n_crlf=n_crlf, n_quotes=n_quotes)


def unify_newlines(path: Path, to: Path, newlines: Newlines) -> Path:
    """Write the text with line feeds only, which the engine's strict parser asks for.

    A carriage return that ends no line becomes a space, unless no line feed occurs at all.
    """
    lone = b" " if newlines.n_lf else b"\n"
    with to.open("wb") as out:
        held = b""
        for chunk in chunks_of(path):
            block = held + chunk
            held = b"\r" if block.endswith(b"\r") else b""
            block = block[: len(block) - len(held)]
            out.write(block.replace(b"\r\n", b"\n").replace(b"\r", lone))
        if held:
            out.write(b"\n")
    return to


def starts_by_parity(path: Path, *, n_skipped: int = 0) -> Iterator[tuple[Ints, Ints]]:
    """Give byte offset and physical line of each record's start, chunk by chunk.

    Parameters
    ----------
    path : Path
        Text whose line ends are uniform.
    n_skipped : int
        Physical lines before the header.

    Notes
    -----
    A line feed ends a record iff an even number of quotes stands before it. That holds when quotes occur
    only around fields; a stray quote inside a field breaks it, and the caller sees counts that disagree.
    Blank lines are no records.
    """
    offset = 0
    line = 1
    n_quotes = 0
    last = np.uint8(0)
    start = (0, 1)  # Offset and line of the record whose end has not been seen.
    for chunk in chunks_of(path):
        data = np.frombuffer(chunk, dtype=np.uint8)
        ends = np.flatnonzero(data == _LF)
        lines_after = line + 1 + np.arange(len(ends), dtype=np.int64)
        line += len(ends)
        quotes = np.flatnonzero(data == _QUOTE) if b'"' in chunk else np.empty(0, dtype=np.int64)
        if len(quotes) or n_quotes % 2:
            outside = (np.searchsorted(quotes, ends) + n_quotes) % 2 == 0
            ends, lines_after = ends[outside], lines_after[outside]
        n_quotes += len(quotes)
        if len(ends):
            offsets = np.concatenate(([start[0]], ends[:-1] + 1 + offset))
            lines = np.concatenate(([start[1]], lines_after[:-1]))
            lengths = ends + offset - offsets
            byte_before = np.where(ends > 0, data[ends - 1], last)
            is_blank = (lengths == 0) | ((lengths == 1) & (byte_before == _CR))
            keep = ~is_blank & (lines > n_skipped)
            yield offsets[keep], lines[keep]
            start = (int(ends[-1]) + 1 + offset, int(lines_after[-1]))
        offset += len(chunk)
        last = data[-1]
    if n_quotes % 2:
        raise StrayQuote
    if start[0] < offset and start[1] > n_skipped:
        yield np.array([start[0]], dtype=np.int64), np.array([start[1]], dtype=np.int64)


class StrayQuote(ValueError):
    """Quotes do not pair up, so parity says nothing."""


def starts_by_parser(path: Path, *, delimiter: str, n_skipped: int = 0) -> Iterator[tuple[Ints, Ints]]:
    """Do the same with Python's parser, a hundred times slower and right about stray quotes.

    Raises
    ------
    FileError
        If a quote is still open at the end; the line where it opened is named.
    """
    csv.field_size_limit(1 << 30)
    position = 0
    with path.open("rb") as stream:
        for _ in range(n_skipped):
            position += len(stream.readline())

        def lines() -> Iterator[str]:
            nonlocal position
            for raw in stream:
                position += len(raw)
                yield raw.decode("utf-8", errors="replace")
            yield _SENTINEL

        offsets: list[int] = []
        numbers: list[int] = []
        record: list[str] = []
        n_before = 0
        begin = position
        reader = csv.reader(lines(), delimiter=delimiter, skipinitialspace=True)
        for record in reader:
            if record and record != [_SENTINEL]:
                offsets.append(begin)
                numbers.append(n_skipped + n_before + 1)
            n_before, begin = reader.line_num, position
            if len(numbers) >= 1 << 18 and record:
                yield np.array(offsets[:-1], dtype=np.int64), np.array(numbers[:-1], dtype=np.int64)
                offsets, numbers = offsets[-1:], numbers[-1:]
        if record != [_SENTINEL]:
            raise unclosed_quote(numbers[-1] + sum(field.count("\n") for field in record[:-1]))
    yield np.array(offsets, dtype=np.int64), np.array(numbers, dtype=np.int64)


def unclosed_quote(line: int) -> FileError:
    """Word the refusal of a quote that swallows the rest of the file."""
    return FileError(
        f"A quote opened on line {line} is never closed and swallows the rest of the file.",
        hint='Close the quote, or double it ("") if it belongs to the text; nothing was imported.',
    )
