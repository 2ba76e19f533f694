"""Tell what a file is from its first bytes; its name proves nothing."""

from __future__ import annotations

import codecs
import re
from typing import Literal

from retention.errors import FileError

Content = Literal["text", "gzip", "parquet"]
HEAD_BYTES = 1 << 20

_REFUSED: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "The file is an Excel workbook or a ZIP archive.", "Save the sheet as CSV, or unpack the archive."),
    (b"\xd0\xcf\x11\xe0", "The file is an old Excel workbook.", "Save the sheet as CSV and import that."),
    (b"%PDF", "The file is a PDF document.", "Export the data as CSV or Parquet."),
    (b"SQLite format 3", "The file is an SQLite database.", "Export the table as CSV or Parquet."),
    (b"BZh", "The file is compressed with bzip2.", "Unpack it, or compress it with gzip."),
    (b"\xfd7zXZ", "The file is compressed with xz.", "Unpack it, or compress it with gzip."),
    (b"(\xb5/\xfd", "The file is compressed with Zstandard.", "Unpack it, or compress it with gzip."),
    (b"ORC", "The file is an ORC file.", "Export the data as CSV or Parquet."),
    (b"Obj\x01", "The file is an Avro file.", "Export the data as CSV or Parquet."),
)


def content_of(head: bytes) -> Content:
    """Tell gzip, Parquet and text apart, and refuse what can never be a table of events.

    Raises
    ------
    FileError
        If the file is empty or of a kind that is not read.
    """
    if not head:
        raise FileError("The file is empty.", hint="Export it again; it should hold a header and rows.")
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"PAR1"):
        return "parquet"
    if head[8:12] == b"DUCK":
        raise FileError(
            "The file is a database.", hint="Databases are never imported; export the table as CSV or Parquet."
        )
    for magic, message, hint in _REFUSED:
        if head.startswith(magic):
            raise FileError(message, hint=hint)
    return "text"


def refuse_markup(start: str, *, is_json_wanted: bool) -> None:
    """Refuse HTML, XML and misplaced JSON by how their text begins.

    Raises
    ------
    FileError
        If the text is blank, HTML, XML, or JSON where columns were expected (and the other way round).
    """
    begin = start.lstrip("\ufeff \t\r\n")
    if not begin:
        raise FileError(
            "The file is empty: it holds nothing but blanks.", hint="Export it again; it should hold a header and rows."
        )
    if re.match(r"<(!doctype|html|head|body|\?xml|!--|table|div)", begin, re.IGNORECASE):
        raise FileError(
            "The file is a web page (HTML or XML), not a table.",
            hint="A download that asked for sign-in often saves such a page; download the file again.",
        )
    if is_json_wanted:
        if begin.startswith("["):
            raise FileError(
                "The file is one JSON array; JSON lines have one object a line.",
                hint="Write each object on a line of its own (jq -c '.[]').",
            )
        return
    if begin[0] in "{[" and re.match(r'[{\[]\s*("|\{|\[|\}|\]|\d)', begin):
        raise FileError(
            "The file holds JSON, not rows of columns.",
            hint="Choose the preset segment or ga4 for JSON lines, or export as CSV.",
        )


def encoding_from_mark(head: bytes) -> str | None:
    """Read the encoding off a byte-order mark, or off the zero bytes of UTF-16 without one."""
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    sample = head[:4096]
    sample = sample[: len(sample) // 2 * 2]
    if len(sample) >= 8:
        even, odd = sample[0::2].count(0), sample[1::2].count(0)
        half = len(sample) // 2
        # Mostly Latin text in UTF-16 has a zero in nearly every second byte and none elsewhere.
        if odd > 0.7 * half and even < 0.05 * half:
            return "utf-16-le"
        if even > 0.7 * half and odd < 0.05 * half:
            return "utf-16-be"
    return None


_HIGH_RUNS = re.compile(rb"[\x80-\xff]+")


def guess_encoding(lines: bytes) -> str:
    """Guess the encoding of lines that hold bytes above 127 and are not all valid UTF-8.

    Parameters
    ----------
    lines : bytes
        Some of those lines, whole.

    Returns
    -------
    str
        ``utf-8`` (a few damaged rows among good ones), ``gb18030``, ``cp1252`` or ``latin-1``.

    Notes
    -----
    Chinese text in GBK has its high bytes in pairs, mostly both above 0xA0; an accented letter in Latin-1 stands
    alone between ASCII letters. Text of capitals with accents only can fool this: name the encoding then.
    """
    decoded = lines.decode("utf-8", errors="replace")
    n_bad = decoded.count("\ufffd")
    n_good = sum(1 for ch in decoded if ch > "\x7f" and ch != "\ufffd")
    if n_good > 4 * n_bad:
        return "utf-8"
    runs = _HIGH_RUNS.findall(lines)
    n_single = sum(1 for run in runs if len(run) == 1)
    if n_single <= 0.2 * len(runs):
        try:
            text = lines.decode("gb18030")
        except UnicodeDecodeError:
            text = ""
        high = [ch for ch in text if ch > "\x7f"]
        han = sum(1 for ch in high if "\u4e00" <= ch <= "\u9fff" or "\u3000" <= ch <= "\u303f" or ch >= "\uff00")
        if high and han >= 0.8 * len(high):
            return "gb18030"
    if any(0x80 <= byte <= 0x9F for byte in lines):
        try:
            lines.decode("cp1252")
        except UnicodeDecodeError:
            return "latin-1"
        return "cp1252"
    return "latin-1"
