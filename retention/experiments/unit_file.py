"""A file of units, one row each with its arm and outcomes, to the units of an experiment: without a store."""

from __future__ import annotations

import csv
import io
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd

from retention.errors import FileError, SpecError, nearest
from retention.experiments.spec import MetricSpec, UnitFileSpec
from retention.experiments.units import Flags, Floats, Ints, Outcome, Units

MOST_INFLATED_BYTES = 4 << 30
MOST_INFLATION = 400
"""Tables deflate 3 to 30 times; zeros deflate 1,000 times."""
_GRACE_BYTES = 64 << 20
MOST_GROUPS = 13
CONTROLS = ("control", "holdout", "no e-mail", "no email", "no contact", "none", "placebo", "baseline", "untreated")
"""What an arm that is left alone is usually called."""
_YES_NO = {"1": 1.0, "1.0": 1.0, "true": 1.0, "yes": 1.0, "0": 0.0, "0.0": 0.0, "false": 0.0, "no": 0.0}
_EMPTY = ("", "null", "nan", "<na>", "\\n")
_MISSING = (*_EMPTY, "none", "n/a")
"""No value, of an outcome or a property; an arm may be called "none"."""
_REFUSED = (
    (b"PK\x03\x04", "an Excel workbook or a ZIP archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF"),
)


@dataclass(frozen=True, slots=True)
class UnitTable:
    """What a file of units holds, before anybody has said what its columns mean.

    Attributes
    ----------
    columns : tuple of str
    n_rows : int
        Rows that were looked at: a head of the file.
    head : DataFrame
        The first rows as text.
    """

    columns: tuple[str, ...]
    n_rows: int
    head: pd.DataFrame


def unit_columns(content: bytes, n_rows: int = 200) -> UnitTable:
    """Look into a file: its columns and first rows.

    Raises
    ------
    FileError
        If it is empty, damaged, or no table.
    """
    head = _table(content, None, n_rows)
    return UnitTable(tuple(head.columns), len(head), head)


def units_of_file(content: bytes, spec: UnitFileSpec) -> Units:
    """Read the units of an experiment from a file: CSV, CSV.gz or Parquet, told apart by content.

    Raises
    ------
    FileError
        If it is empty, damaged, or no table.
    SpecError
        If a column is missing, there is no control or no second arm, or an outcome is text.

    Notes
    -----
    Rows without an arm, rows that do not agree, rows whose outcome is from before the exposure, and units in two arms are
    left out, and further rows of a unit after its first; each kind is reported in a sentence.
    """
    table = _table(content, spec.columns, None)
    if not len(table):
        raise FileError("The file holds no unit: it has a header and no row.", hint="Export it again.")
    notes: list[str] = []
    arms = _text(table[spec.arm])
    table, arms = _kept(table, arms, _is_known(arms), notes, "no arm")
    control = _control(arms, spec)
    table, arms = _agreeing(table, arms, spec, notes)
    moments = {column: _moments(table[column]) for column in (spec.exposure, spec.time) if column}
    if spec.exposure and spec.time:
        early = (moments[spec.time] < moments[spec.exposure]).to_numpy()
        if early.any() and early.all():
            raise SpecError(
                f'Every outcome ("{spec.time}") is from before its exposure ("{spec.exposure}"), so it cannot have come of it.',
                hint="Check whether the two columns are the wrong way round.",
            )
        table, arms = _kept(
            table, arms, ~early, notes, "an outcome from before the exposure, which cannot have come of it"
        )
    table, arms = _once(table, arms, spec, moments, notes)
    names = (control, *sorted(set(arms.unique()) - {control}))
    if len(names) < 2 or not (arms == control).any():
        raise SpecError("Of one of the arms no row is left.", hint=" ".join(notes))
    group = pd.Categorical(arms, categories=list(names)).codes.astype(np.int64)
    known = [column for column in moments if not moments[column][table.index].isna().any()]
    if moments and not known:
        notes.append("The day is not known of every unit, so that nothing is read day by day.")
    return Units(
        groups=names,
        group=group,
        outcomes=tuple(_outcome(table, metric) for metric in spec.outcomes),
        day=_days(moments[known[-1]][table.index]) if known else None,
        expected_shares=_shares(spec, names),
        breakdowns={column: _labels(table[column]) for column in spec.by},
        notes=tuple(notes),
        costs=None if spec.cost is None else _costs(_numbers(table, spec.cost), group, len(names)),
    )


# The table ------------------------------------------------------------------------------------------


def _table(content: bytes, columns: Sequence[str] | None, n_rows: int | None) -> pd.DataFrame:
    if not content.strip():
        raise FileError("The file is empty.", hint="Export it again; it should hold a header and rows.")
    if content[:2] == b"\x1f\x8b":
        content = _inflated(content)
    for magic, what in _REFUSED:
        if content.startswith(magic):
            raise FileError(f"The file is {what}, not a table of units.", hint="Save the sheet as CSV and read that.")
    found = _parquet(content, columns, n_rows) if content[:4] == b"PAR1" else _delimited(content, columns, n_rows)
    return found.reset_index(drop=True)


def _inflated(content: bytes) -> bytes:
    limit = min(MOST_INFLATED_BYTES, max(_GRACE_BYTES, MOST_INFLATION * len(content)))
    parts, n, rest = [], 0, content
    while rest:
        inflater = zlib.decompressobj(31)
        try:
            part = inflater.decompress(rest, limit - n + 1)
        except zlib.error:
            raise FileError("The gzip file is damaged.", hint="Copy or download it again.") from None
        n += len(part)
        if n > limit:
            raise FileError(
                f"The gzip file inflates beyond {limit / 1e9:,.1f} GB.", hint="It is damaged or made to harm."
            )
        if not inflater.eof:
            raise FileError("The gzip file is cut off: its end is missing.", hint="Copy or download it again.")
        parts.append(part)
        rest = inflater.unused_data.lstrip(b"\0")
    return b"".join(parts)


def _parquet(content: bytes, columns: Sequence[str] | None, n_rows: int | None) -> pd.DataFrame:
    try:
        found = pd.read_parquet(io.BytesIO(content))
    except (ValueError, OSError):
        raise FileError("The Parquet file is damaged.", hint="Copy or download it again.") from None
    _check_columns(list(map(str, found.columns)), columns)
    return found.head(n_rows) if n_rows is not None else found[list(columns or found.columns)]


def _delimited(content: bytes, columns: Sequence[str] | None, n_rows: int | None) -> pd.DataFrame:
    encoding = _encoding(content)
    head = content[: 1 << 16].decode(encoding, errors="replace").lstrip("\ufeff\r\n")
    first = head.splitlines()[0]
    if first.lstrip()[:1] in "<{[":
        raise FileError("The file is a web page or JSON, not rows of columns.", hint="Export it as CSV or Parquet.")
    separator = max(",;\t|", key=first.count)
    header, *rows = islice(csv.reader(io.StringIO(head), delimiter=separator), 2)
    row = rows[0] if rows else []
    _check_columns(header, columns)
    if twice := [name for i, name in enumerate(header) if name in header[:i]]:
        raise FileError(
            f'The header must name each column once, not "{twice[0]}" twice.', hint="Export it again as CSV."
        )
    if any(row[len(header) :]):  # the parser would take the first cells for names of rows, and shift the others
        raise FileError(
            f"The first row must have {len(header)} cells as the header has, not {len(row)}.",
            hint="Export it again as CSV.",
        )
    blank = [f"\0{i}" for i in range(len(row) - len(header))]  # a separator at the end of each row
    try:
        # Every column is read: with some alone the parser would not see that a row has more cells than the header.
        found = pd.read_csv(
            io.BytesIO(content), sep=separator, encoding=encoding, dtype=str, keep_default_na=False, nrows=n_rows, header=0,
            names=[*header, *blank], index_col=False,
        )  # fmt: skip
        return found[list(header if columns is None else columns)]
    except pd.errors.ParserError as error:
        told = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        what = f"line {told[2]} has {told[3]} cells, and the header {told[1]}" if told else "a quote is not closed"
        raise FileError(f"The rows of the file cannot be told apart: {what}.", hint="Export it again as CSV.") from None


def _encoding(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"


def _check_columns(found: Sequence[str], wanted: Sequence[str] | None) -> None:
    for name in wanted or ():
        if name not in found:
            raise SpecError(f'The file has no column "{name}".', hint=nearest(name, found))


# The rows -------------------------------------------------------------------------------------------


def _text(values: pd.Series) -> pd.Series:
    return values.astype(object).where(values.notna(), "").astype(str).str.strip()


def _is_known(text: pd.Series) -> Flags:
    return ~text.str.casefold().isin(_EMPTY).to_numpy(dtype=bool)


def _kept(
    table: pd.DataFrame, arms: pd.Series, is_kept: Flags, notes: list[str], what: str
) -> tuple[pd.DataFrame, pd.Series]:
    if n := int((~is_kept).sum()):
        notes.append(f"{n:,} of {len(table):,} rows {'has' if n == 1 else 'have'} {what}; left out.")
        table, arms = table[is_kept], arms[is_kept]
    return table, arms


def _control(arms: pd.Series, spec: UnitFileSpec) -> str:
    names = sorted(arms.unique())
    if len(names) > MOST_GROUPS:
        raise SpecError(
            f'The column of the arm, "{spec.arm}", must have at most {MOST_GROUPS} different values, not {len(names):,}.',
            hint="Name the column that says which group a unit is in.",
        )
    listed = ", ".join(names)
    if len(names) < 2:
        raise SpecError(
            f"The file must have a control and at least one other arm, not {listed or 'none'} alone.",
            hint="Without units that were left alone nobody can say what would have happened anyway.",
        )
    if spec.control is not None:
        if spec.control not in names:
            raise SpecError(f'No arm of the file is called "{spec.control}".', hint=nearest(spec.control, names))
        return spec.control
    found = [name for name in names if name.casefold() in CONTROLS]
    if len(found) != 1:
        raise SpecError(
            "The file must have a control: none of its arms is called so.", hint=f"Name the one that is, of {listed}."
        )
    return str(found[0])


def _agreeing(
    table: pd.DataFrame, arms: pd.Series, spec: UnitFileSpec, notes: list[str]
) -> tuple[pd.DataFrame, pd.Series]:
    for column in dict.fromkeys(column for column, _, _ in spec.agree):
        wanted = {arm: value for name, arm, value in spec.agree if name == column}
        for arm in wanted:
            if not (arms == arm).any():
                raise SpecError(f'No arm of the file is called "{arm}".', hint=nearest(arm, arms.unique()))
        meant = arms.map(wanted)
        agrees = meant.isna() | (_text(table[column]) == meant)
        table, arms = _kept(
            table, arms, agrees.to_numpy(dtype=bool), notes, f'a "{column}" that does not agree with their arm'
        )
    return table, arms


def _moments(values: pd.Series) -> pd.Series:
    try:
        text = values if values.dtype.kind == "M" else _text(values).replace("", None)
        return pd.to_datetime(text, utc=True, format=None if values.dtype.kind == "M" else "ISO8601")
    except (ValueError, TypeError):
        raise SpecError(
            f'"{values.name}" must hold moments such as 2026-01-31 or 2026-01-31 18:00:00.', hint="Name another column."
        ) from None


def _once(
    table: pd.DataFrame, arms: pd.Series, spec: UnitFileSpec, moments: dict[str, pd.Series], notes: list[str]
) -> tuple[pd.DataFrame, pd.Series]:
    """Leave each unit once: none that is in two arms, and of the others the earliest row, else the first."""
    if spec.unit is None:
        return table, arms
    values = table[spec.unit]
    units = values if values.dtype.kind in "iu" else _text(values)
    if values.dtype.kind not in "iu":
        table, arms = _kept(table, arms, _is_known(units), notes, "no unit")
        units = units[table.index]
    if not units.duplicated().any():
        return table, arms
    codes, arm_codes = pd.factorize(units)[0], pd.factorize(arms)[0]
    pairs = np.unique(codes * (arm_codes.max() + 1) + arm_codes)
    is_both = np.bincount(pairs // (arm_codes.max() + 1))[codes] > 1
    if is_both.any():
        n = units[is_both].nunique()
        notes.append(
            f"{n:,} {'unit is' if n == 1 else 'units are'} in two arms; left out, with {int(is_both.sum()):,} rows."
        )
        table, arms, units = table[~is_both], arms[~is_both], units[~is_both]
    if column := spec.exposure or spec.time:
        at = moments[column][table.index]
        order = np.argsort(at.dt.tz_localize(None).to_numpy(), kind="stable")  # the unknown come last
        is_again = pd.Series(units.iloc[order].duplicated().to_numpy(), index=table.index[order])[
            table.index
        ].to_numpy()
    else:
        is_again = units.duplicated().to_numpy()
    if n := int(is_again.sum()):
        twice = units[is_again].nunique()
        said = "1 unit has" if twice == 1 else f"{twice:,} units have"
        notes.append(
            f"{said} more than one row; the first of each is read, {n:,} {'row is' if n == 1 else 'rows are'} left out."
        )
    return table[~is_again], arms[~is_again]


# The columns ----------------------------------------------------------------------------------------


def _outcome(table: pd.DataFrame, metric: MetricSpec) -> Outcome:
    values, is_yes_no = _values(table, metric.name)
    kind = metric.kind or ("rate" if is_yes_no else "mean")
    return Outcome(metric.name, kind, values, None if metric.before is None else _numbers(table, metric.before))


def _values(table: pd.DataFrame, column: str) -> tuple[Floats, bool]:
    """Read numbers, or yes and no; what is empty is unknown, not 0."""
    values = table[column]
    if values.dtype.kind in "biuf":
        numbers = values.to_numpy(dtype=float)
    else:
        codes, names = pd.factorize(_text(values))  # few different texts from many rows
        lower = [str(name).casefold() for name in names]
        words = pd.to_numeric(pd.Series(lower, dtype=object).where(lambda t: ~t.isin(_MISSING)), errors="coerce")
        read = np.array([_YES_NO.get(text, number) for text, number in zip(lower, words, strict=True)], dtype=float)
        strange = np.isnan(read) & ~np.isin(lower, _MISSING)
        if strange.any():
            place = int(np.flatnonzero(strange[codes])[0])
            raise SpecError(
                f'"{column}" must hold numbers, or yes and no, not "{names[codes[place]]}".',
                hint="Name another column as the outcome.",
            )
        numbers = read[codes]
    if np.isinf(numbers).any():
        raise SpecError(f'"{column}" must have finite values.', hint="Name another column as the outcome.")
    known = ~np.isnan(numbers)
    if not known.any():
        raise SpecError(f'"{column}" is empty in every row.', hint="Name another column as the outcome.")
    return numbers, bool(np.isin(numbers[known], (0.0, 1.0)).all())


def _numbers(table: pd.DataFrame, column: str) -> Floats:
    return _values(table, column)[0]


def _labels(values: pd.Series) -> np.ndarray:
    text = _text(values)
    return text.where(~text.str.casefold().isin(_MISSING), None).to_numpy(dtype=object)


def _days(at: pd.Series) -> Ints:
    return at.dt.tz_localize(None).to_numpy().astype("datetime64[D]").astype(np.int64)


def _costs(costs: Floats, group: Ints, n_groups: int) -> tuple[float, ...]:
    return tuple(float(v) for v in np.bincount(group, np.nan_to_num(costs), minlength=n_groups))


def _shares(spec: UnitFileSpec, names: Sequence[str]) -> tuple[float, ...] | None:
    if not spec.expected:
        return None
    if len(spec.expected) != len(names):
        raise SpecError(
            f"The shares that were meant must be one for each of {len(names)} arms, not {len(spec.expected)}.",
            hint=f"The arms are {', '.join(names)}.",
        )
    told = dict(spec.expected)
    if set(told) == {""} or len(told) < len(spec.expected):
        return tuple(value for _, value in spec.expected)
    for name in told:
        if name not in names:
            raise SpecError(f'No arm of the file is called "{name}".', hint=nearest(name, names))
    return tuple(told[name] for name in names)
