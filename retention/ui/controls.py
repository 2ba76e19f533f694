"""The controls of a page, each bound to its part of the page's address: a link restores them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import streamlit as st

from retention.cohorts.answer import filter_values
from retention.cohorts.spec import Condition
from retention.cohorts.words import label_caution
from retention.errors import SpecError, nearest
from retention.ui import address
from retention.ui.answers import answer, catalogue
from retention.ui.cohort_address import condition_of, condition_text
from retention.ui.pages import caution
from retention.ui.words import plain

MAX_FILTERS = 4
NOTHING = "–"


class Controls:
    """The controls of one page.

    Parameters
    ----------
    page : str
        Goes before the names of the widgets; the names of the address stay short.

    Notes
    -----
    Streamlit forgets the state of a widget that is not drawn; so the state is set once for each address that is
    taken up, and touched in every run.
    """

    def __init__(self, page: str) -> None:
        self._page = page
        turn, self._told = address.taken()
        state = st.session_state
        if state.get(f"{page}__turn") != turn:
            for name in [n for n in state if str(n).startswith((f"{page}_v_", f"{page}__"))]:
                del state[name]
            state[f"{page}__said"] = {name: list(value) for name, value in self._told.items()}
            state[f"{page}__turn"] = turn
        for name in [n for n in state if str(n).startswith(f"{page}_v_")]:
            state[name] = state[name]
        # What is not drawn now, on a tab that is shut, keeps its part of the address.
        self._said: dict[str, list[str]] = state[f"{page}__said"]
        address.put(**{f"{name}_": value for name, value in self._said.items()})
        self._complaints: list[str] = state.setdefault(f"{page}__complaints", [])
        self._place = st.container()

    # One kind of control each ------------------------------------------------------------------------

    def choice(
        self,
        name: str,
        options: Sequence[str],
        default: str | None,
        label: str,
        *,
        words: Mapping[str, str] | None = None,
        help: str = "",
        at: Any = st,
        is_optional: bool = False,
    ) -> str | None:
        """Draw a list to choose one of; with `is_optional`, or none."""
        key = self._seed(name, default, lambda told: self._one_of(name, told[0], options))
        if st.session_state[key] not in (*options, *([None] if is_optional else [])):
            st.session_state[key] = default
        at.selectbox(
            label,
            [None, *options] if is_optional else list(options),
            key=key,
            format_func=lambda value: NOTHING if value is None else plain((words or {}).get(value, value)),
            help=help or None,
            placeholder=NOTHING,
        )
        return self._put(name, default)

    def pills(
        self,
        name: str,
        options: Sequence[str],
        default: str,
        label: str,
        *,
        words: Mapping[str, str] | None = None,
        help: str = "",
        at: Any = st,
    ) -> str:
        """Draw a row of buttons, one of which is pressed."""
        key = self._seed(name, default, lambda told: self._one_of(name, told[0], options))
        at.segmented_control(
            label,
            list(options),
            key=key,
            format_func=lambda value: (words or {}).get(value, value),
            required=True,
            help=help or None,
        )
        return str(self._put(name, default))

    def number(self, name: str, low: int, high: int, default: int, label: str, *, help: str = "", at: Any = st) -> int:
        """Draw a whole number."""

        def read(told: list[str]) -> int | None:
            text = told[0]
            if text.isdecimal() and low <= int(text[:9]) <= high:
                return int(text)
            self._complaints.append(f"“{name}” must be a whole number from {low} to {high}, not “{text}”.")
            return None

        key = self._seed(name, default, read)
        st.session_state[key] = min(max(int(st.session_state[key] or 0), low), high)
        at.number_input(label, low, high, key=key, help=help or None)
        return int(self._put(name, default))

    def amount(
        self, name: str, low: float, high: float, default: float, label: str, *, step: float = 1.0, help: str = "", at: Any = st
    ) -> float:
        """Draw an amount that need not be whole."""

        def read(told: list[str]) -> float | None:
            try:
                value = float(told[0])
            except ValueError:
                value = float("nan")
            if low <= value <= high:
                return value
            self._complaints.append(f"“{name}” must be a number from {low:g} to {high:g}, not “{told[0]}”.")
            return None

        key = self._seed(name, default, read)
        st.session_state[key] = min(max(float(st.session_state[key] or 0.0), low), high)
        at.number_input(label, low, high, key=key, step=step, help=help or None)
        return float(self._put(name, default, lambda value: [f"{value:.12g}"]))

    def slider(
        self, name: str, low: int, high: int, default: int, label: str, *, format: str = "", help: str = "", at: Any = st
    ) -> int:
        """Draw a whole number to slide; `low` must be less than `high`."""

        def read(told: list[str]) -> int | None:
            if told[0].isdecimal() and low <= int(told[0][:9]) <= high:
                return int(told[0])
            self._complaints.append(f"“{name}” must be a whole number from {low} to {high}, not “{told[0]}”.")
            return None

        key = self._seed(name, default, read)
        st.session_state[key] = min(max(int(st.session_state[key]), low), high)
        at.slider(label, low, high, key=key, format=format or None, help=help or None)
        return int(self._put(name, default))

    def many(
        self,
        name: str,
        options: Sequence[str],
        default: tuple[str, ...],
        label: str,
        *,
        words: Mapping[str, str] | None = None,
        placeholder: str = "",
        help: str = "",
        at: Any = st,
        most: int | None = None,
    ) -> tuple[str, ...]:
        """Draw a list to choose several of."""

        def read(told: list[str]) -> list[str]:
            return [value for value in told if self._one_of(name, value, options) is not None]

        key = self._seed(name, list(default), read)
        st.session_state[key] = [value for value in st.session_state[key] if value in options]
        at.multiselect(
            label,
            list(options),
            key=key,
            placeholder=placeholder or "Choose",
            help=help or None,
            max_selections=most,
            format_func=lambda value: plain((words or {}).get(value, value)),
        )
        return tuple(self._put(name, list(default)))

    def flag(self, name: str, label: str, *, default: bool = False, help: str = "", at: Any = st) -> bool:
        """Draw a box to tick."""
        key = self._seed(name, default, lambda told: told[0] == "1")
        at.checkbox(label, key=key, help=help or None)
        return bool(self._put(name, default, lambda value: ["1" if value else "0"]))

    def day(self, name: str, label: str, *, default: date | None = None, help: str = "", at: Any = st) -> date | None:
        """Draw a date, or none."""

        def read(told: list[str]) -> date | None:
            try:
                return date.fromisoformat(told[0])
            except ValueError:
                self._complaints.append(f"“{name}” must be a date such as 2026-01-31, not “{told[0]}”.")
                return default

        key = self._seed(name, default, read)
        at.date_input(label, key=key, value=None, help=help or None)
        return self._put(name, default)

    def text(self, name: str, label: str, *, default: str = "", help: str = "", at: Any = st) -> str:
        """Draw a line of text."""
        key = self._seed(name, default, lambda told: told[0][:200])
        at.text_input(label, key=key, help=help or None)
        return str(self._put(name, default))

    def tabs(self, name: str, labels: Sequence[str]) -> list[Any]:
        """Draw tabs; only the one that is ``.open`` need be filled."""
        key = self._seed(name, labels[0], lambda told: self._one_of(name, told[0], labels))
        drawn = st.tabs(list(labels), key=key, on_change="rerun")
        self._put(name, labels[0])
        return list(drawn)

    # Several together --------------------------------------------------------------------------------

    def population(self, *, has_by: bool = True) -> tuple[tuple[Condition, ...], str | None]:
        """Draw the filters on users and the breakdown; both look at the user's first activity."""
        known = catalogue()
        names = list(known.attributes)
        if not names:
            return (), None
        by: str | None = None
        with st.container(key=f"{self._page}_population"):
            one, two, *pairs = st.columns([1.1, 1.1, 2.2] if has_by else [1.1, 3.3])
            if has_by:
                by = self.choice(
                    "by", names, None, "Break down by", at=one, is_optional=True,
                    help="The value that each user had at the first activity, never a later one; a segment or a tag"
                    " is of its own date.",
                )  # fmt: skip
            chosen = self._filtered(names, two if has_by else one)
            places = (pairs[0] if has_by else two).columns(len(chosen)) if chosen else ()
            found = {name: self._values(name, at) for name, at in zip(chosen, places, strict=True)}
        conditions = tuple(Condition(name=name, values=values) for name, values in found.items() if values)
        self._said["where"] = [condition_text(condition) for condition in conditions]
        address.put(where=self._said["where"])
        caution(label_caution(conditions, by, known))
        return conditions, by

    def _filtered(self, names: list[str], at: Any) -> list[str]:
        """Draw the choice of the properties to filter by."""
        state, key = st.session_state, self._key("filter")
        if key not in state:
            state[key] = []
            for condition in self._told_conditions(names):
                state[key].append(condition.name)
                state[self._key(f"is {condition.name}")] = list(condition.values)
        state[key] = [name for name in state[key] if name in names]
        at.multiselect(
            "Only some users",
            names,
            key=key,
            placeholder="Filter by a property or a segment",
            max_selections=MAX_FILTERS,
            format_func=plain,
            help="Keeps the users whose first activity has one of the values that you choose, or who are in one of"
            " the segments.",
        )
        return list(state[key])

    def _told_conditions(self, names: list[str]) -> list[Condition]:
        found: dict[str, Condition] = {}
        for text in list(self._told.get("where", []))[:MAX_FILTERS]:
            try:
                condition = condition_of(text)
            except SpecError as error:
                self._complaints.append(str(error))
                continue
            if condition.name not in names:
                self._complaints.append(f"There is no property “{condition.name}”. {nearest(condition.name, names)}")
            elif condition.operator != "=":
                self._complaints.append(f"Here a filter can only be “is any of”, not “{condition}”.")
            else:
                found[condition.name] = condition
        return list(found.values())

    def _values(self, name: str, at: Any) -> tuple[str, ...]:
        state, key = st.session_state, self._key(f"is {name}")
        state.setdefault(key, [])
        options = answer(filter_values, name)
        missing = [value for value in state[key] if value not in options]
        at.multiselect(
            plain(f"{name} is any of"),
            [*options, *missing],
            key=key,
            placeholder="Choose or type",
            accept_new_options=True,
            format_func=plain,
        )
        return tuple(state[key])

    def pick(
        self, name: str, options: Mapping[str, str], label: str, *, charts: tuple[str, ...] = (), at: Any = st
    ) -> str | None:
        """Draw the list of what can be looked into; a click on a chart chooses in it, too.

        Parameters
        ----------
        options : mapping of value to words
        charts : tuple of str
            Keys of clickable charts, drawn later, whose points carry a value in `customdata` (its first entry).
        """
        key = self._seed(name, None, lambda told: self._one_of(name, told[0], list(options)))
        for chart_key in charts:
            clicked = _clicked(st.session_state.get(chart_key))
            seen = f"{self._page}__seen_{chart_key}"
            if clicked is not None and clicked != st.session_state.get(seen) and clicked in options:
                st.session_state[key] = clicked
            st.session_state[seen] = clicked
        if st.session_state[key] not in options:
            st.session_state[key] = None
        at.selectbox(
            label,
            list(options),
            key=key,
            format_func=lambda value: plain(options[value]),
            index=None,
            placeholder="Click in the chart, or choose here" if charts else "Choose",
        )
        return self._put(name, None)

    def complain(self) -> None:
        """Say what of the address could not be read, above the controls; call it after the last control."""
        if self._complaints:
            self._place.warning(
                "The address could not be read in full, so defaults stand in. " + plain(" ".join(self._complaints))
            )

    # How a control and its part of the address hang together -----------------------------------------

    def _key(self, name: str) -> str:
        return f"{self._page}_v_{name}"

    def _seed(self, name: str, default: Any, read: Callable[[list[str]], Any]) -> str:
        key = self._key(name)
        if key not in st.session_state:
            told = self._told.get(name)
            value = read(list(told)) if told else None
            st.session_state[key] = default if value is None else value
        return key

    def _put(self, name: str, default: Any, write: Callable[[Any], list[str]] | None = None) -> Any:
        value = st.session_state[self._key(name)]
        if value == default or value is None:
            said: list[str] = []
        elif write is not None:
            said = write(value)
        else:
            said = [str(v) for v in value] if isinstance(value, list) else [str(value)]
        self._said[name] = said
        address.put(**{f"{name}_": said})
        return value

    def _one_of(self, name: str, value: str, options: Sequence[str]) -> str | None:
        if value in options:
            return value
        self._complaints.append(f"“{name}” cannot be “{value}”. {nearest(value, options)}".strip())
        return None


def _clicked(event: Any) -> str | None:
    """Return what the clicked point of a chart stands for."""
    points = event["selection"]["points"] if event else []
    if not points:
        return None
    said = points[-1].get("customdata")
    return str(said[0] if isinstance(said, (list, tuple)) else said) if said else None
