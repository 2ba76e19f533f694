"""How a file writes its times: found from the shapes that occur, cast by SQL made of constants."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retention.errors import FileError
from retention.ingest.engine import DAY_US, END_US, FIRST_US, literal, rows_of

if TYPE_CHECKING:
    import duckdb

_MAX_SHAPES = 20_000
_VALUE = "time_value"
_CLOCK = r"(?P<comma>,?)(?P<gap>[ T])0?0:00(?P<seconds>:00(?P<fraction>\.0{1,6})?)?(?P<half> ?[AaPp][Mm])?"
_ISO = re.compile(
    r"0000(?P<sep>[-/])0?0(?P=sep)0?0"
    r"(?P<clock>[ T]0?0:00(?::00(?:\.0+)?)?(?P<zone> ?(?:Z|UTC)| ?[+-]00(?::?00)?)?)?"
)
_NUMERIC = re.compile(rf"0?0(?P<sep>[-/.])0?0(?P=sep)(?P<year>0000|00)(?P<clock>{_CLOCK})?")
_NAMED = re.compile(rf"0?0(?P<sep>[-/ ])(?P<month>[A-Za-z]+)(?P=sep)(?P<year>0000|00)(?P<clock>{_CLOCK})?")
_ENGLISH = re.compile(rf"(?P<month>[A-Za-z]+) 0?0,(?P<space> ?)(?P<year>0000)(?P<clock>{_CLOCK})?")
_NUMBER = re.compile(r"0{8,19}(\.0+)?")
_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_MONTH_NAMES = {name[:n] for name in _MONTHS for n in (3, len(name))}


@dataclass(frozen=True, slots=True)
class _Form:
    """One way of writing a time.

    `cast` is SQL with ``{t}`` for the text, and ``{a}``, ``{b}`` for the day and the month of 12/1/2010.
    """

    cast: str
    is_local: bool
    has_clock: bool

    @property
    def is_numeric(self) -> bool:
        return "{a}" in self.cast

    def sql(self, *, is_day_first: bool) -> str:
        day, month = ("{a}", "{b}") if is_day_first else ("{b}", "{a}")
        return self.cast.replace("{t}", _VALUE).replace(day, "%d").replace(month, "%m")


@dataclass(frozen=True, kw_only=True, slots=True)
class TimePlan:
    """How to cast the column of times; all but the first two are written over a column ``time_value``.

    Parameters
    ----------
    raw, value : str
        SQL over ``raw`` of the text to show, and of the value to cast.
    us : str
        SQL of microseconds, on the local clock where `is_local` holds.
    is_local : str
        SQL condition.
    has_clock : str
        SQL condition: the value carries a time of day.
    note : str
        What was assumed, for the person; empty when nothing was.
    """

    raw: str
    value: str
    us: str
    is_local: str
    has_clock: str
    note: str = ""


def plan_times(
    con: duckdb.DuckDBPyConnection,
    column: str,
    type_: str,
    *,
    timezone: str,
    has_explicit_timezone: bool,
    is_sample: bool = False,
) -> TimePlan:
    """Find out how a column of ``raw`` writes its times.

    From a sample, a time of a shape that it lacks is cast to null, whatever it may mean.

    Raises
    ------
    FileError
        If some times carry an offset and others do not, and the zone was not chosen.
    """
    shown = f"{column}::varchar"
    if type_ == "DATE":
        return TimePlan(
            raw=shown, value=column, us=f"epoch_us({_VALUE}::timestamp)", is_local="true", has_clock="false"
        )
    if type_.startswith("TIMESTAMP") and "ZONE" in type_:
        return TimePlan(
            raw=shown,
            value=column,
            us=f"epoch_us({_VALUE})",
            is_local="false",
            has_clock=f"epoch_us(timezone({literal(timezone)}, {_VALUE})) % {DAY_US} <> 0",
        )
    if type_.startswith("TIMESTAMP"):
        us = f"epoch_us(try_cast({_VALUE} as timestamp))"
        return TimePlan(raw=shown, value=column, us=us, is_local="true", has_clock=f"{us} % {DAY_US} <> 0")
    if type_ in {"DOUBLE", "FLOAT"} or type_.startswith("DECIMAL"):
        text = (
            f"case when {column} = trunc({column}) then try_cast({column} as bigint)::varchar"
            f" else try_cast({column} as decimal(38, 6))::varchar end"
        )
    else:
        text = column if type_ == "VARCHAR" else shown
    return _plan_text(con, text, timezone, has_explicit_timezone=has_explicit_timezone, is_sample=is_sample)


def _plan_text(
    con: duckdb.DuckDBPyConnection, text: str, timezone: str, *, has_explicit_timezone: bool, is_sample: bool
) -> TimePlan:
    shapes = rows_of(
        con,
        f"""
        select shape(r.time_value) as s, count(*) as n from (select {text} as time_value from raw) as r
        where r.time_value is not null group by s order by n desc, s limit {_MAX_SHAPES}
    """,
    )
    forms: dict[_Form, list[str]] = {}
    n_unknown = 0
    for shape, n in shapes:
        form = _form_of(shape)
        if form is None:
            n_unknown += n
        else:
            forms.setdefault(form, []).append(shape)
    if not forms:
        return TimePlan(raw=text, value=text, us="null::bigint", is_local="false", has_clock="false")
    is_day_first, note = _day_first(con, text, [s for form in forms if form.is_numeric for s in forms[form]])
    by_cast = _grouped(forms, lambda form: form.sql(is_day_first=is_day_first))
    plan = TimePlan(
        raw=text,
        value=text,
        us=_choose(by_cast, otherwise="null::bigint" if n_unknown or is_sample else None),
        is_local=_choose(_grouped(forms, lambda form: str(form.is_local).lower())),
        has_clock=_choose(_grouped(forms, lambda form: str(form.has_clock).lower())),
        note=note,
    )
    if not has_explicit_timezone and len({form.is_local for form in forms}) == 2:
        _refuse_mixture(con, plan, timezone)
    return plan


def _grouped(forms: Mapping[_Form, list[str]], key: Callable[[_Form], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for form, shapes in forms.items():
        groups.setdefault(key(form), []).extend(shapes)
    return groups


def _choose(groups: Mapping[str, list[str]], *, otherwise: str | None = None) -> str:
    """Choose among expressions by shape; one expression for all needs no choice."""
    if len(groups) == 1 and otherwise is None:
        return next(iter(groups))
    # A shape got here by matching a pattern of ours in full: digits, letters of months, and separators.
    whens = " ".join(
        f"when shape({_VALUE}) in ({', '.join(map(literal, shapes))}) then {sql}" for sql, shapes in groups.items()
    )
    return f"case {whens} else {otherwise or 'null'} end"


def _day_first(con: duckdb.DuckDBPyConnection, text: str, shapes: Sequence[str]) -> tuple[bool, str]:
    """Decide between 12/1 and 1/12 from parts above 12; the month comes first when nothing tells."""
    if not shapes:
        return False, ""
    n_day, n_month = rows_of(
        con,
        f"""
        select count_if(p.a > 12 and p.b <= 12), count_if(p.b > 12 and p.a <= 12) from (
            select try_cast(regexp_extract(r.t, '^(\\d+)', 1) as integer) as a,
                   try_cast(regexp_extract(r.t, '^\\d+\\D(\\d+)', 1) as integer) as b
            from (select {text} as t from raw) as r where shape(r.t) in ({", ".join(map(literal, shapes))})) as p
    """,
    )[0]
    if n_day or n_month:
        if n_day and n_month:
            order = "day first" if n_day > n_month else "month first"
            return n_day > n_month, f"Dates are written both ways round; read {order}, as most of the telling ones are."
        return n_day > 0, ""
    if all("." in shape.partition(" ")[0] for shape in shapes):
        return True, "No day above 12 shows the order of day and month; dates with dots are read day first."
    return False, "No day above 12 shows the order of day and month; dates are read month first."


def _refuse_mixture(con: duckdb.DuckDBPyConnection, plan: TimePlan, timezone: str) -> None:
    n_local, n_instant, local, instant = rows_of(
        con,
        f"""
        select count_if(r.is_local), count_if(not r.is_local), any_value(case when r.is_local then r.t end),
               any_value(case when not r.is_local then r.t end)
        from (select v.time_value as t, {plan.us} as us, {plan.is_local} as is_local
              from (select {plan.value} as time_value from raw) as v) as r
        where r.us >= {FIRST_US} and r.us < {END_US}
    """,
    )[0]
    if n_local and n_instant:
        raise FileError(
            f"The file has mixed time zones: {n_instant:,} times carry an offset ({instant}) and "
            f"{n_local:,} do not ({local}).",
            hint=f"Say which zone the latter are in (now {timezone}), or export them all alike.",
        )


def _form_of(shape: str) -> _Form | None:
    iso = _ISO.fullmatch(shape)
    if iso:
        text = "{t}"
        if iso["zone"] and iso["zone"][1:2] in {"+", "-"}:
            text = r"regexp_replace({t}, ' ([-+])', '\1')"
        type_ = "timestamptz" if iso["zone"] else "timestamp"
        return _Form(f"epoch_us(try_cast({text} as {type_}))", iso["zone"] is None, iso["clock"] is not None)
    if _NUMBER.fullmatch(shape):
        return _number_form(shape)
    for pattern, date in (
        (_NUMERIC, "{{a}}{sep}{{b}}{sep}"),
        (_NAMED, "%d{sep}{name}{sep}"),
        (_ENGLISH, "{name} %d,{space}"),
    ):
        match = pattern.fullmatch(shape)
        if match is None:
            continue
        groups = match.groupdict(default="")
        month = groups.get("month", "")
        if month and month.casefold() not in _MONTH_NAMES:
            return None
        written = date.format(sep=groups.get("sep"), space=groups.get("space"), name="%b" if len(month) == 3 else "%B")
        written += ("%Y" if groups["year"] == "0000" else "%y") + _clock_format(groups)
        return _Form("epoch_us(try_strptime({t}, '" + written + "'))", True, bool(groups["clock"]))
    return None


def _clock_format(groups: Mapping[str, str]) -> str:
    if not groups["clock"]:
        return ""
    half = groups["half"]
    return (
        groups["comma"]
        + groups["gap"]
        + ("%I:%M" if half else "%H:%M")
        + (":%S" if groups["seconds"] else "")
        + (".%f" if groups["fraction"] else "")
        + (" %p" if half.startswith(" ") else "%p" if half else "")
    )


def _number_form(shape: str) -> _Form | None:
    """Tell epoch seconds, milli-, micro- and nanoseconds by size, and dates written solid.

    As epoch numbers, eight digits would lie before 1974 and fourteen before 1974: they are dates.
    """
    whole, point, _ = shape.partition(".")
    n = len(whole)
    if n in (8, 14):
        written = "%Y%m%d" if n == 8 else "%Y%m%d%H%M%S"
        return None if point else _Form("epoch_us(try_strptime({t}, '" + written + "'))", True, n == 14)
    number = "try_cast({t} as decimal(38, 6))" if point else "try_cast({t} as bigint)"
    scale = "* 1000000" if n <= 10 else "* 1000" if n <= 13 else ""
    if n > 16:
        return _Form(f"({number} // 1000)::bigint", False, True)
    return _Form(f"({number} {scale})::bigint", False, True)
