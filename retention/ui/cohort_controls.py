"""The controls of the Cohorts page, and the address that says the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import streamlit as st

from retention.cohorts.answer import filter_values
from retention.cohorts.spec import (
    AGES, AVERAGES, ENTRIES, MAX_AT_LEAST, MAX_HORIZON, MODES, OPERATORS, CohortSpec, Condition, parse_brackets,
)  # fmt: skip
from retention.errors import SpecError, nearest
from retention.periods import PERIODS, Period
from retention.store.catalogue import Catalogue
from retention.ui import address
from retention.ui.answers import answer, catalogue

ENTRY_WORDS = {
    "first-ever": "First ever", "first-matching": "First that meets the filters", "recurring": "Every time (recurring)",
}  # fmt: skip
MODE_WORDS = {
    "on": "In that period", "on-or-after": "In that period or later", "on-or-before": "By the end of that period",
    "streak": "In every period up to it", "bracket": "In custom brackets",
}  # fmt: skip
PERIOD_WORDS = {"day": "Day", "week": "Week", "month": "Month"}
AGE_WORDS = {"calendar": "Calendar periods", "elapsed": "Exact hours since the start"}
AVERAGE_WORDS = {
    "pooled": "Pooled: every user weighs the same", "simple": "Simple: every cohort weighs the same",
    "deduplicated": "Deduplicated: every user once", "common cohorts": "Common cohorts: those complete at every age",
}  # fmt: skip
OPERATOR_WORDS = {"=": "is any of", "!=": "is none of", ">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
MAX_FILTERS = 6
FEW_ROWS = 24
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
    choose("by", "by", list(known.properties))
    for field, name in (("start", "start"), ("returns", "return")):
        fine = tuple(dict.fromkeys(event for event in told.get(name, []) if event in known.events))
        complaints += [f"There is no event “{e}”. {nearest(e, known.events)}" for e in told.get(name, []) if e not in known.events]
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
            condition = _condition(text)
            known.property_name(condition.name)
            conditions.append(condition)
        except SpecError as error:
            complaints.append(str(error))
    found["where"] = tuple(conditions)
    found["is_open_ended"] = one("open_ended") == "1" and found.get("mode") == "on-or-after"
    if found.get("mode") == "bracket":
        try:
            found["brackets"] = CohortSpec(mode="bracket", brackets=parse_brackets(one("brackets") or USUAL_BRACKETS)).brackets
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
        spec=spec, average=average, is_stretched=one("colours") == "stretched", is_whole=one("rows") == "all",
        group=one("group") if spec.by else None, versus=tuple(told.get("versus", [])) if spec.by else (),
    )  # fmt: skip
    return view, complaints


def view_address(view: CohortView) -> dict[str, list[str]]:
    """Write a view as an address; what is as by default is left out, except the period, whose default depends on the data."""
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
        said["where"] = [_condition_text(condition) for condition in spec.where]
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


def _condition_text(condition: Condition) -> str:
    """Write a condition as it is typed where that reads back the same, and as JSON where a value holds a comma, say."""
    with suppress(SpecError):
        if Condition.parse(str(condition)) == condition:
            return str(condition)
    return json.dumps([condition.name, condition.operator, *condition.values], ensure_ascii=False)


def _condition(text: str) -> Condition:
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


def _seed(view: CohortView) -> None:
    """Put the controls where an address says."""
    spec, state = view.spec, st.session_state
    state["start"], state["return"] = list(spec.start), list(spec.returns)
    state["entry"], state["mode"], state["period"], state["ages"] = spec.entry, spec.mode, spec.period, spec.ages
    state["horizon"], state["at_least"], state["open_ended"] = max(spec.horizon, 1), spec.at_least, spec.is_open_ended
    state["brackets"] = brackets_text(spec) or USUAL_BRACKETS
    state["by"] = spec.by
    state["from"], state["to"] = spec.from_on, spec.to_on
    state["average"], state["colours"], state["rows"] = view.average, view.is_stretched, view.is_whole
    state["group"], state["versus"] = view.group, list(view.versus)
    state["filters"] = len(spec.where)
    for i, condition in enumerate(spec.where):
        state[f"where_{i}_name"], state[f"where_{i}_operator"] = condition.name, condition.operator
        state[f"where_{i}_values"] = list(condition.values)
        state[f"where_{i}_number"] = condition.values[0]


# What a control that is out of sight falls back to: Streamlit forgets the state of what it does not draw.
_LASTING = (
    "brackets", "open_ended", "horizon", "colours", "rows", "group", "versus", "entry", "ages", "at_least", "average", "from", "to",
)  # fmt: skip


def cohort_controls(first_us: int | None = None) -> CohortView:
    """Draw the controls and return what they say; a contradiction is said and answered with the last sound question."""
    known = catalogue()
    known.require_clock()
    state = st.session_state
    turn, told = address.taken()
    if state.get("cohorts_turn") != turn:
        view, complaints = read_view(told, known, usual_period(known, first_us))
        _seed(view)
        state["complaints"] = complaints
        state["last_view"] = view
        state["cohorts_turn"] = turn
    filters = [f"where_{i}_{part}" for i in range(int(state["filters"])) for part in ("name", "operator", "values", "number")]
    for name in (*_LASTING, *filters):
        if name in state:
            state[name] = state[name]
    _keep_known(known)
    if state["complaints"]:
        st.warning("The address could not be read in full, so defaults stand in. " + " ".join(state["complaints"]))
    with st.container(key="controls"):
        _main_row(known)
        drawn = _more(known)
    try:
        view = _collect(drawn)
        state["last_view"] = view
    except SpecError as error:
        st.error(f"{error.message} {error.hint}".strip() + " The numbers below are of the settings before.")
        view = state["last_view"]
    if state.get("cohorts_seen_view") not in (None, view):
        state["complaints"] = []
    state["cohorts_seen_view"] = view
    return view


def _keep_known(known: Catalogue) -> None:
    """Drop choices that an import or an erasure has taken out of the store."""
    state = st.session_state
    for name in ("start", "return"):
        state[name] = [event for event in state.get(name, []) if event in known.events]
    if state.get("by") not in known.properties:
        state["by"] = None


def _main_row(known: Catalogue) -> None:
    events = list(known.events)
    one, two, three, four, five, six = st.columns([1.3, 1.3, 1.35, 1.55, 0.75, 1.1])
    one.multiselect(
        "Users start with", events, key="start", placeholder="Any activity",
        help="The event that puts a user into a cohort. Leave it empty for any activity, as the Data page defines it.",
    )  # fmt: skip
    two.multiselect(
        "They come back with", events, key="return", placeholder="Any activity",
        help="The events that count as coming back. The very event that started the user is never counted.",
    )  # fmt: skip
    three.selectbox(
        "Retained means", MODES, key="mode", format_func=MODE_WORDS.__getitem__,
        help="**In that period**: active in period 3, say. **Or later**: in period 3 or any after it, up to the last one shown."
        " **By the end of**: at any time up to period 3. **In every period**: without a break.",
    )  # fmt: skip
    four.segmented_control(
        "Period", PERIODS, key="period", format_func=PERIOD_WORDS.__getitem__, required=True, width="stretch",
        help="How wide a cohort and each step along the grid is. Weeks begin as the Data page says.",
    )  # fmt: skip
    if st.session_state["mode"] == "bracket":
        five.text_input("Brackets", key="brackets", help="Ranges of periods, such as 0,1,2-4: the last covers periods 2 to 4.")
    else:
        five.number_input(
            "Look ahead", 1, MAX_HORIZON, key="horizon", help="How many periods after the start to look at, from 1 to 104.",
        )  # fmt: skip
    six.selectbox(
        "Split by", list(known.properties), index=None, key="by", placeholder="No split",
        help="Compare groups of users by a property, as it was when they started.",
    )  # fmt: skip


def _more(known: Catalogue) -> int:
    """Draw the further settings and return how many filters there are."""
    state = st.session_state
    n_filters = int(state["filters"])
    panel = st.expander(_more_label(), key="more", on_change="rerun")
    if not panel.open:
        return n_filters
    with panel:
        one, two, three, four = st.columns(4)
        one.selectbox(
            "Which start counts", ENTRIES, key="entry", format_func=ENTRY_WORDS.__getitem__,
            help="**First ever**: the first start in all history, whatever dates are shown; filters must hold for that very event."
            " **First that meets the filters**: the first one that does. **Every time**: once in each period with a start.",
        )  # fmt: skip
        two.selectbox(
            "Count time in", AGES, key="ages", format_func=AGE_WORDS.__getitem__,
            help="Calendar: from one calendar day, week or month to the next. Exact: whole 24 hours, 7 days or 30 days from"
            " each user's own start.",
        )  # fmt: skip
        three.number_input(
            "At least so many times", 1, MAX_AT_LEAST, key="at_least", help="Return events needed to count as retained.",
        )  # fmt: skip
        four.selectbox(
            "Average row", AVERAGES, key="average", format_func=AVERAGE_WORDS.__getitem__,
            help="Only complete cells enter it. Common cohorts: the same users at every age, so that the curve cannot turn up"
            " because other cohorts are in it.",
        )  # fmt: skip
        one, two, three, four = st.columns(4)
        one.date_input("Starts from", key="from", value=None, help="First day of starts that are shown.")
        two.date_input("Starts before", key="to", value=None, help="First day that is left out again.")
        with three:
            st.checkbox(
                "Count returns beyond the last period", key="open_ended", disabled=state["mode"] != "on-or-after",
                help="Only with “in that period or later”: counts up to the end of the data. Older cohorts were then watched for"
                " longer (right-censored), so compare rows with care.",
            )  # fmt: skip
        with four:
            st.checkbox("Stretch the colours", key="colours", help="Colours over the range of the values instead of 0–100 %.")
            st.checkbox("Show every cohort", key="rows", help=f"Instead of the latest {FEW_ROWS}. The average covers all of them.")
        st.markdown("**Only users whose start has**")
        for i in range(n_filters):
            _filter_row(known, i)
        if n_filters < MAX_FILTERS and known.properties:
            st.button("Add a filter", key="add_filter", on_click=_add_filter, args=(next(iter(known.properties)),))
        elif not known.properties:
            st.caption("Your data carry no properties to filter by.")
    return n_filters


def _more_label() -> str:
    """Say in the label what is set inside, so that no filter works unseen."""
    state, said = st.session_state, []
    n_filters = int(state.get("filters", 0))
    if n_filters:
        said.append("1 filter" if n_filters == 1 else f"{n_filters} filters")
    if state["entry"] != "first-ever":
        said.append(ENTRY_WORDS[state["entry"]].lower())
    if state["ages"] != "calendar":
        said.append("exact hours")
    if state["at_least"] != 1:
        said.append(f"at least {state['at_least']} times")
    if state["from"] or state["to"]:
        said.append(" ".join([f"from {state['from']}"] * bool(state["from"]) + [f"before {state['to']}"] * bool(state["to"])))
    return "Filters and more settings" + (f" — {', '.join(said)}" if said else "")


def _add_filter(name: str) -> None:
    state = st.session_state
    i = int(state.get("filters", 0))
    state["filters"] = i + 1
    state[f"where_{i}_name"], state[f"where_{i}_operator"], state[f"where_{i}_values"] = name, "=", []
    state[f"where_{i}_number"] = ""


def _remove_filter(i: int) -> None:
    state = st.session_state
    n = int(state["filters"])
    for j in range(i, n - 1):
        for part in ("name", "operator", "values", "number"):
            state[f"where_{j}_{part}"] = state.get(f"where_{j + 1}_{part}", [] if part == "values" else "")
    state["filters"] = n - 1


def _filter_row(known: Catalogue, i: int) -> None:
    state = st.session_state
    for part, empty in (("values", []), ("number", "")):
        state.setdefault(f"where_{i}_{part}", empty)
    if state.get(f"where_{i}_name") not in known.properties:
        state[f"where_{i}_name"] = next(iter(known.properties))
    one, two, three, four = st.columns([1.2, 1, 2.6, 0.7], vertical_alignment="bottom")
    name = one.selectbox("Property", list(known.properties), key=f"where_{i}_name")
    operator = two.selectbox("Condition", OPERATORS, key=f"where_{i}_operator", format_func=OPERATOR_WORDS.__getitem__)
    if operator in ("=", "!="):
        options = answer(filter_values, name)
        missing = [value for value in state[f"where_{i}_values"] if value not in options]
        three.multiselect(
            "Values", [*options, *missing], key=f"where_{i}_values", placeholder="Choose or type", accept_new_options=True,
        )  # fmt: skip
    else:
        three.text_input("Number", key=f"where_{i}_number")
    four.button("Remove", key=f"where_{i}_remove", on_click=_remove_filter, args=(i,), width="stretch")


def _collect(n_filters: int) -> CohortView:
    state = st.session_state
    conditions = []
    for i in range(n_filters):
        operator = state[f"where_{i}_operator"]
        number = str(state[f"where_{i}_number"]).strip()
        values = tuple(state[f"where_{i}_values"]) if operator in ("=", "!=") else tuple([number] if number else [])
        if values:  # a condition that is still being written asks nothing yet
            conditions.append(Condition(name=state[f"where_{i}_name"], operator=operator, values=values))
    mode = state["mode"]
    spec = CohortSpec(
        entry=state["entry"], start=tuple(state["start"]), returns=tuple(state["return"]), mode=mode,
        brackets=parse_brackets(state["brackets"]) if mode == "bracket" else (),
        period=state["period"], ages=state["ages"], horizon=int(state["horizon"]), at_least=int(state["at_least"]),
        is_open_ended=bool(state["open_ended"]) and mode == "on-or-after", where=tuple(conditions), by=state["by"],
        from_on=state["from"], to_on=state["to"],
    )  # fmt: skip
    return CohortView(spec=spec, average=state["average"], is_stretched=bool(state["colours"]), is_whole=bool(state["rows"]))


def with_groups(view: CohortView, group: str | None, versus: Sequence[str]) -> CohortView:
    """Return the view with the groups that were chosen beside the grid."""
    return replace(view, group=group, versus=tuple(versus))
