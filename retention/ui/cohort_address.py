"""The view of the Cohorts page as a value, and as an address that says the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from retention.cohorts.spec import (
    AGES,
    AVERAGES,
    ENTRIES,
    MAX_AT_LEAST,
    MAX_HORIZON,
    MODES,
    CohortSpec,
    Condition,
    parse_brackets,
)
from retention.errors import SpecError, nearest
from retention.periods import PERIODS, Period
from retention.store.catalogue import Catalogue
from retention.ui import address

MAX_FILTERS = 6
USUAL_BRACKETS = "0,1,2-4,5-8"


@dataclass(frozen=True, kw_only=True, slots=True)
class CohortView:
    """What the Cohorts page shows: the question, and how its answer is laid out.

    Parameters
    ----------
    spec : CohortSpec
    average : str
        Kind of the average row.
    is_stretched : bool
        Colours over the range of the values instead of 0 to 100 %.
    is_whole : bool
        Every cohort instead of the latest ones.
    group : str, optional
        The group whose grid is shown.
    versus : tuple of str
        The groups whose curves are shown and the first two of which are compared.
    """

    spec: CohortSpec
    average: str = "pooled"
    is_stretched: bool = False
    is_whole: bool = False
    group: str | None = None
    versus: tuple[str, ...] = ()


def usual_period(known: Catalogue, first_us: int | None) -> Period:
    """Choose the period that gives a grid of readable size."""
    if known.clock is None or first_us is None:
        return "week"
    days = (known.clock.as_of_us - first_us) / 86_400_000_000
    return "month" if days >= 300 else "week" if days >= 28 else "day"


def read_view(told: address.Address, known: Catalogue, period: Period) -> tuple[CohortView, list[str]]:
    """Read a view from an address; what cannot be read is complained of and replaced by its default.

    Returns
    -------
    (CohortView, list of str)
    """
    complaints: list[str] = []
    found: dict[str, Any] = {"period": period}

    def one(name: str) -> str | None:
        return told[name][0] if told.get(name) else None

    def choose(field: str, name: str, allowed: Sequence[str]) -> None:
        value = one(name)
        if value is not None and value not in allowed:
            complaints.append(f"“{name}” cannot be “{value}”. {nearest(value, allowed)}")
        elif value is not None:
            found[field] = value

    choose("entry", "entry", ENTRIES)
    choose("mode", "mode", MODES)
    choose("period", "period", PERIODS)
    choose("ages", "ages", AGES)
    choose("by", "by", list(known.attributes))
    for field, name in (("start", "start"), ("returns", "return")):
        fine = tuple(dict.fromkeys(event for event in told.get(name, []) if event in known.events))
        complaints += [
            f"There is no event “{e}”. {nearest(e, known.events)}" for e in told.get(name, []) if e not in known.events
        ]
        found[field] = fine
    for field, name, top in (("horizon", "horizon", MAX_HORIZON), ("at_least", "at_least", MAX_AT_LEAST)):
        value = one(name)
        if value is not None and value.isdecimal() and 1 <= int(value[:6]) <= top:
            found[field] = int(value)
        elif value is not None:
            complaints.append(f"“{name}” must be a whole number from 1 to {top}, not “{value}”.")
    for field, name in (("from_on", "from"), ("to_on", "to")):
        try:
            found[field] = date.fromisoformat(one(name) or "") if one(name) else None
        except ValueError:
            complaints.append(f"“{name}” must be a date such as 2026-01-31, not “{one(name)}”.")
    conditions = []
    for text in told.get("where", [])[:MAX_FILTERS]:
        try:
            condition = condition_of(text)
            known.property_name(condition.name)
            conditions.append(condition)
        except SpecError as error:
            complaints.append(str(error))
    found["where"] = tuple(conditions)
    found["is_open_ended"] = one("open_ended") == "1" and found.get("mode") == "on-or-after"
    if found.get("mode") == "bracket":
        try:
            found["brackets"] = CohortSpec(
                mode="bracket", brackets=parse_brackets(one("brackets") or USUAL_BRACKETS)
            ).brackets
        except SpecError as error:
            complaints.append(str(error))
            found["brackets"] = parse_brackets(USUAL_BRACKETS)
    try:
        spec = CohortSpec(**found)
    except SpecError as error:
        complaints.append(str(error))
        spec = CohortSpec(**{**found, "from_on": None, "to_on": None})  # all else has been checked one by one
    average = one("average") or "pooled"
    if average not in AVERAGES:
        complaints.append(f"“average” cannot be “{average}”. {nearest(average, AVERAGES)}")
        average = "pooled"
    view = CohortView(
        spec=spec,
        average=average,
        is_stretched=one("colours") == "stretched",
        is_whole=one("rows") == "all",
        group=one("group") if spec.by else None,
        versus=tuple(told.get("versus", [])) if spec.by else (),
    )
    return view, complaints


def view_address(view: CohortView) -> dict[str, list[str]]:
    """Write a view as an address without its defaults, save the period, whose default depends on the data."""
    spec, plain = view.spec, CohortSpec()
    said: dict[str, list[str]] = {"period": [spec.period]}

    def put(name: str, value: object, default: object, text: str | None = None) -> None:
        if value != default:
            said[name] = [str(value) if text is None else text]

    put("entry", spec.entry, plain.entry)
    if spec.start:
        said["start"] = list(spec.start)
    if spec.returns:
        said["return"] = list(spec.returns)
    put("mode", spec.mode, plain.mode)
    if spec.mode == "bracket":
        said["brackets"] = [brackets_text(spec)]
    else:
        put("horizon", spec.horizon, plain.horizon)
    put("ages", spec.ages, plain.ages)
    put("at_least", spec.at_least, plain.at_least)
    put("open_ended", spec.is_open_ended, False, "1")
    if spec.where:
        said["where"] = [condition_text(condition) for condition in spec.where]
    put("by", spec.by, None)
    put("from", spec.from_on, None)
    put("to", spec.to_on, None)
    put("average", view.average, "pooled")
    put("colours", view.is_stretched, False, "stretched")
    put("rows", view.is_whole, False, "all")
    put("group", view.group, None)
    if view.versus:
        said["versus"] = list(view.versus)
    return said


def condition_text(condition: Condition) -> str:
    """Write a condition as it is typed where that reads back the same, and as JSON where a value holds a comma, say."""
    with suppress(SpecError):
        if Condition.parse(str(condition)) == condition:
            return str(condition)
    return json.dumps([condition.name, condition.operator, *condition.values], ensure_ascii=False)


def condition_of(text: str) -> Condition:
    """Read a condition from an address."""
    if text.startswith("["):
        try:
            name, operator, *values = json.loads(text)
        except ValueError:
            raise SpecError(f"A condition must look like country=France, not {text!r}.") from None
        return Condition(name=str(name), operator=str(operator), values=tuple(map(str, values)))
    return Condition.parse(text)


def brackets_text(spec: CohortSpec) -> str:
    """Write brackets as a person types them."""
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in spec.brackets)


def with_groups(view: CohortView, group: str | None, versus: Sequence[str]) -> CohortView:
    """Return the view with the groups that were chosen beside the grid."""
    return replace(view, group=group, versus=tuple(versus))
