"""The controls of the Cohorts page."""

from __future__ import annotations

import streamlit as st

from retention.cohorts.answer import filter_values
from retention.cohorts.spec import (
    AGES,
    AVERAGES,
    ENTRIES,
    MAX_AT_LEAST,
    MAX_HORIZON,
    MODES,
    OPERATORS,
    CohortSpec,
    Condition,
    parse_brackets,
)
from retention.cohorts.words import label_caution
from retention.errors import SpecError
from retention.periods import PERIODS
from retention.store.catalogue import Catalogue
from retention.ui import address
from retention.ui.answers import answer, catalogue
from retention.ui.cohort_address import MAX_FILTERS, USUAL_BRACKETS, CohortView, brackets_text, read_view, usual_period
from retention.ui.pages import caution
from retention.ui.words import day, plain

ENTRY_WORDS = {
    "first-ever": "First ever",
    "first-matching": "First that meets the filters",
    "recurring": "Every time (recurring)",
}
MODE_WORDS = {
    "on": "In that period",
    "on-or-after": "In that period or later",
    "on-or-before": "By the end of that period",
    "streak": "In every period up to it",
    "bracket": "In custom brackets",
}
PERIOD_WORDS = {"day": "Day", "week": "Week", "month": "Month"}
AGE_WORDS = {"calendar": "Calendar periods", "elapsed": "Exact hours since the start"}
AVERAGE_WORDS = {
    "pooled": "Pooled (by user)",
    "simple": "Simple (by cohort)",
    "deduplicated": "Each user once",
    "common cohorts": "Common cohorts",
}
OPERATOR_WORDS = {
    "=": "is any of",
    "!=": "is none of",
    ">=": "at least",
    "<=": "at most",
    ">": "more than",
    "<": "less than",
}
FEW_ROWS = 24


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
    "brackets",
    "open_ended",
    "horizon",
    "colours",
    "rows",
    "group",
    "versus",
    "entry",
    "ages",
    "at_least",
    "average",
    "from",
    "to",
)


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
    filters = [
        f"where_{i}_{part}" for i in range(int(state["filters"])) for part in ("name", "operator", "values", "number")
    ]
    for name in (*_LASTING, *filters):
        if name in state:
            state[name] = state[name]
    _keep_known(known)
    if state["complaints"]:
        st.warning(
            "The address could not be read in full, so defaults stand in. " + plain(" ".join(state["complaints"]))
        )
    with st.container(key="controls"):
        _main_row(known)
        drawn = _more(known)
    try:
        view = _collect(drawn)
        state["last_view"] = view
    except SpecError as error:
        st.error(plain(f"{error.message} {error.hint}".strip()) + " The numbers below are of the settings before.")
        view = state["last_view"]
    if said := _in_force(view):
        st.caption(f"In force: {said}.")
    caution(label_caution(view.spec.where, view.spec.by, known, view.spec.from_on))
    if state.get("cohorts_seen_view") not in (None, view):
        state["complaints"] = []
    state["cohorts_seen_view"] = view
    return view


def _keep_known(known: Catalogue) -> None:
    """Drop choices that an import or an erasure has taken out of the store."""
    state = st.session_state
    for name in ("start", "return"):
        state[name] = [event for event in state.get(name, []) if event in known.events]
    if state.get("by") not in known.attributes:
        state["by"] = None


def _main_row(known: Catalogue) -> None:
    events = list(known.events)
    one, two, three, four, five, six = st.columns([1.3, 1.3, 1.35, 1.55, 0.75, 1.1])
    one.multiselect(
        "Users start with",
        events,
        key="start",
        placeholder="Any activity",
        help="The event that puts a user into a cohort. Leave it empty for any activity, as the Data page defines it.",
    )
    two.multiselect(
        "They come back with",
        events,
        key="return",
        placeholder="Any activity",
        help="The events that count as coming back. The very event that started the user is never counted.",
    )
    three.selectbox(
        "Retained means",
        MODES,
        key="mode",
        format_func=MODE_WORDS.__getitem__,
        help="**In that period**: active in period 3, say. **Or later**: in period 3 or any after it, up"
        " to the last one shown."
        " **By the end of**: at any time up to period 3. **In every period**: without a break.",
    )
    four.segmented_control(
        "Period",
        PERIODS,
        key="period",
        format_func=PERIOD_WORDS.__getitem__,
        required=True,
        width="stretch",
        help="How wide a cohort and each step along the grid is. Weeks begin as the Data page says.",
    )
    if st.session_state["mode"] == "bracket":
        five.text_input(
            "Brackets", key="brackets", help="Ranges of periods, such as 0,1,2-4: the last covers periods 2 to 4."
        )
    else:
        five.number_input(
            "Look ahead",
            1,
            MAX_HORIZON,
            key="horizon",
            help="How many periods after the start to look at, from 1 to 104.",
        )
    six.selectbox(
        "Split by",
        list(known.attributes),
        index=None,
        key="by",
        placeholder="No split",
        help="Compare groups of users by a property, as it was when they started, or by a segment.",
    )


def _more(known: Catalogue) -> int:
    """Draw the further settings and return how many filters there are."""
    state = st.session_state
    n_filters = int(state["filters"])
    # Its label must not change: an expander with another label is another one, and closed.
    panel = st.expander("Filters and more settings", key="more", on_change="rerun")
    if not panel.open:
        return n_filters
    with panel:
        one, two, three, four = st.columns(4)
        one.selectbox(
            "Which start counts",
            ENTRIES,
            key="entry",
            format_func=ENTRY_WORDS.__getitem__,
            help="**First ever**: the first start in all history, whatever dates are shown; filters must"
            " hold for that very event."
            " **First that meets the filters**: the first one that does. **Every time**: once in each"
            " period with a start.",
        )
        two.selectbox(
            "Count time in",
            AGES,
            key="ages",
            format_func=AGE_WORDS.__getitem__,
            help="Calendar: from one calendar day, week or month to the next. Exact: whole 24 hours, 7"
            " days or 30 days from"
            " each user's own start.",
        )
        three.number_input(
            "At least so many times",
            1,
            MAX_AT_LEAST,
            key="at_least",
            help="Return events needed to count as retained.",
        )
        four.selectbox(
            "Average row",
            AVERAGES,
            key="average",
            format_func=AVERAGE_WORDS.__getitem__,
            help="Only complete cells enter it. **Pooled**: every user weighs the same. **Simple**: every cohort does."
            " **Each user once**: only a user's first start in the range. **Common cohorts**: those complete at every"
            " age, so that the curve cannot turn up because other cohorts are in it.",
        )
        one, two, three, four = st.columns(4)
        one.date_input("Starts from", key="from", value=None, help="First day of starts that are shown.")
        two.date_input("Starts before", key="to", value=None, help="First day that is left out again.")
        with three:
            st.checkbox(
                "Open-ended",
                key="open_ended",
                disabled=state["mode"] != "on-or-after",
                help="Only with “in that period or later”: returns count up to the end of the data. Older cohorts were"
                " then watched for longer (right-censored), so compare rows with care.",
            )
        with four:
            st.checkbox(
                "Stretch the colours", key="colours", help="Colours over the range of the values instead of 0–100 %."
            )
            st.checkbox(
                "Show every cohort",
                key="rows",
                help=f"Instead of the latest {FEW_ROWS}. The average covers all of them.",
            )
        st.markdown("**Only users whose start has**")
        for i in range(n_filters):
            _filter_row(known, i)
        if n_filters < MAX_FILTERS and known.attributes:
            st.button("Add a filter", key="add_filter", on_click=_add_filter, args=(known.attributes[0],))
        elif not known.attributes:
            st.caption("Your data carry no properties to filter by.")
    return n_filters


def _in_force(view: CohortView) -> str:
    """Say what is set out of sight, so that no filter works unseen."""
    spec = view.spec
    said = [f"{c.name} {OPERATOR_WORDS[c.operator]} {', '.join(c.values)}" for c in spec.where]
    if spec.entry != "first-ever":
        said.append(f"start: {ENTRY_WORDS[spec.entry].lower()}")
    if spec.ages != "calendar":
        said.append("time in exact hours")
    if spec.at_least != 1:
        said.append(f"at least {spec.at_least} times")
    if spec.is_open_ended:
        said.append("returns beyond the last period count")
    if spec.from_on:
        said.append(f"starts from {day(spec.from_on)}")
    if spec.to_on:
        said.append(f"starts before {day(spec.to_on)}")
    return plain("; ".join(said))


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
    if state.get(f"where_{i}_name") not in known.attributes:
        state[f"where_{i}_name"] = known.attributes[0]
    one, two, three, four = st.columns([1.2, 1, 2.6, 0.7], vertical_alignment="bottom")
    name = one.selectbox("Property", list(known.attributes), key=f"where_{i}_name")
    operator = two.selectbox("Condition", OPERATORS, key=f"where_{i}_operator", format_func=OPERATOR_WORDS.__getitem__)
    if operator in ("=", "!="):
        options = answer(filter_values, name)
        missing = [value for value in state[f"where_{i}_values"] if value not in options]
        three.multiselect(
            "Values",
            [*options, *missing],
            key=f"where_{i}_values",
            placeholder="Choose or type",
            accept_new_options=True,
        )
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
        entry=state["entry"],
        start=tuple(state["start"]),
        returns=tuple(state["return"]),
        mode=mode,
        brackets=parse_brackets(state["brackets"]) if mode == "bracket" else (),
        period=state["period"],
        ages=state["ages"],
        horizon=int(state["horizon"]),
        at_least=int(state["at_least"]),
        is_open_ended=bool(state["open_ended"]) and mode == "on-or-after",
        where=tuple(conditions),
        by=state["by"],
        from_on=state["from"],
        to_on=state["to"],
    )
    return CohortView(
        spec=spec, average=state["average"], is_stretched=bool(state["colours"]), is_whole=bool(state["rows"])
    )
