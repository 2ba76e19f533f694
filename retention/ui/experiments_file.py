"""Read an experiment from a file of units, without the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from retention.errors import SpecError
from retention.experiments.answer_file import experiment_file, unit_columns
from retention.experiments.readout import Readout
from retention.experiments.spec import METHODS, MetricSpec, ReadSpec, UnitFileSpec
from retention.features.likely import first_like
from retention.ui.controls import Controls
from retention.ui.experiments_read import METHOD_WORDS
from retention.ui.experiments_readout import Shown, show_readout
from retention.ui.pages import section
from retention.ui.words import many, plain

HELD = "experiments_file"
CHOICES = "experiments_v_file_"
"""The page keeps what begins so while another of its tabs is open; nothing of it goes into the address."""
NONE = "–"
UNITS = (r"(^|_)(unit|user|customer|client|visitor)", r"id$")
ARMS = (r"^(arm|variant|variation|group|version|treatment|bucket|cell|segment)$", r"arm|variant|group|version|treat|test")
"""What the columns of the units and of the groups may be called, in the order in which it is preferred."""
MOST_GROUPS = 13
MOST_OUTCOMES = 6
HEAD_ROWS = 500_000
"""Of the file, from which the names of the groups are read."""


@dataclass(frozen=True)
class _Held:
    """What the session keeps: the file, its first rows, and what was last asked of it."""

    file_id: str
    name: str
    content: bytes
    head: pd.DataFrame
    asked: tuple[UnitFileSpec, ReadSpec] | None = None
    readout: Readout | None = None


def file_panel(controls: Controls) -> None:
    """Take a file, say what its columns mean, and read it."""
    with section("A file of units", "What did the groups of an experiment do, from a table with one row a unit?"):
        st.caption(
            "One row for each user: who it is, which group, what came of it. The file stays in this session: it is not stored,"
            " and users of the store are not touched."
        )
        held = _upload()
        if held is None:
            return
        file, read = _asked(held)
        if st.button("Read it", type="primary", key="experiments_file_read"):
            with st.spinner("Reading"):
                readout = experiment_file(held.content, file, read)
            held = st.session_state[HELD] = _Held(held.file_id, held.name, held.content, held.head, (file, read), readout)
        if held.readout is None or held.asked is None:
            return
        if held.asked != (file, read):
            st.info("The choices above have changed since; press the button to read it again.")
        told = (held.file_id, repr(held.asked))
        show_readout(Shown(held.readout, "units", told, "experiment-file", units="unit"), controls)


def _upload() -> _Held | None:
    file = st.file_uploader(
        "CSV (also with ; or tabs, also gzipped) or Parquet", key="experiments_file_box",
        type=["csv", "tsv", "txt", "gz", "parquet"],
    )  # fmt: skip
    held: _Held | None = st.session_state.get(HELD)
    if file is not None and (held is None or held.file_id != file.file_id):
        _forget()
        content = file.getvalue()
        held = st.session_state[HELD] = _Held(file.file_id, file.name, content, unit_columns(content, HEAD_ROWS).head)
    if held is not None and file is None:
        # The box is empty again once another tab has been open; the file is kept until somebody says otherwise.
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(plain(f"Still here: {held.name}, {many(len(held.content), 'byte')}."))
            if st.button("Forget it", key="experiments_file_forget"):
                _forget()
                st.rerun()
    return held


def _forget() -> None:
    for name in [n for n in st.session_state if str(n).startswith(CHOICES) or n == HELD]:
        del st.session_state[name]


def _likely_unit(head: pd.DataFrame) -> str:
    """Guess the column that tells units apart: one that is called so and has hardly a value twice."""
    single = [name for name in head if head[name].nunique() > 0.9 * len(head)]
    return first_like(single, UNITS) or NONE


def _likely_arm(head: pd.DataFrame, columns: Sequence[str]) -> str:
    """Guess the column of the groups: a few values, and best a name that says so."""
    few = [name for name in columns if 2 <= head[name].nunique() <= MOST_GROUPS]
    return first_like(few, ARMS) or next(iter(few), columns[0])


def _choose(
    label: str, options: Sequence[str], name: str, usual: str, at: Any, help: str = "", words: Mapping[str, str] | None = None
) -> str:
    key = f"{CHOICES}{name}"
    if st.session_state.get(key) not in options:
        st.session_state[key] = usual if usual in options else options[0]
    said = {name: plain((words or {}).get(name, name)) for name in options}
    return str(at.selectbox(label, list(options), key=key, format_func=lambda name: said.get(name, name), help=help or None))


def _asked(held: _Held) -> tuple[UnitFileSpec, ReadSpec]:
    columns = list(held.head.columns)
    with st.container(key="experiments_file_controls"):
        one, two, three = st.columns(3)
        unit = _choose(
            "Column that tells units apart", [NONE, *columns], "unit", _likely_unit(held.head), one,
            help="A unit that has several rows, or is in two groups, is found by it. Without one every row is a unit.",
        )  # fmt: skip
        rest = [name for name in columns if name != unit] or columns
        arm = _choose("Column with the group", rest, "arm", _likely_arm(held.head, rest), two)
        arms = sorted({str(value) for value in held.head[arm] if str(value).strip()})
        control = _choose(
            "Group that got nothing", [NONE, *arms], "control", NONE, three,
            help="Without a choice, the one whose name says so: control, holdout, none …",
        )  # fmt: skip
        four, five, six = st.columns([2, 1, 1])
        others = [name for name in columns if name not in (unit, arm)]
        key = f"{CHOICES}outcomes"
        st.session_state[key] = [name for name in st.session_state.get(key, []) if name in others]
        outcomes = four.multiselect(
            "Outcomes", others, key=key, format_func=plain, max_selections=MOST_OUTCOMES, placeholder="Choose one or more",
            help="Yes or no (0 and 1) is read as a share, other numbers as a mean.",
        )  # fmt: skip
        free = [name for name in others if name not in outcomes]
        by = _choose("Break down by", [NONE, *free], "by", NONE, five)
        method = _choose("How often do you look?", METHODS, "method", METHODS[0], six, words=METHOD_WORDS)
        seven, eight = st.columns([2, 1])
        text = seven.text_input(
            "Shares that were meant, if not equal", key=f"{CHOICES}expected", placeholder=_example(arms),
            help="For the check that the groups have the size that was meant.",
        )  # fmt: skip
        agree = _choose(
            "Column that must agree with the group", [NONE, *free], "agree", NONE, eight,
            help="What users really got, such as the page they saw: rows where it is not what most of their group got are left"
            " out and reported.",
        )  # fmt: skip
    file = UnitFileSpec(
        unit=None if unit == NONE else unit, arm=arm, outcomes=tuple(MetricSpec(name=name) for name in outcomes),
        control=None if control == NONE else control, expected=_shares(text), by=() if by == NONE else (by,),
        agree=() if agree == NONE else _rules(held.head, arm, agree),
    )  # fmt: skip
    return file, ReadSpec(method=method, by=() if by == NONE else (by,))  # type: ignore[arg-type]


def _example(arms: Sequence[str]) -> str:
    return ", ".join(f"{arm} {100 // max(len(arms), 1)}" for arm in arms[:3])


def _rules(head: pd.DataFrame, arm: str, column: str) -> tuple[tuple[str, str, str], ...]:
    """Say which value of a column belongs to each group: the one that most of its rows have."""
    known = head[(head[arm] != "") & (head[column] != "")]
    return tuple((column, str(name), str(own.mode().iloc[0])) for name, own in known.groupby(arm)[column])


def _shares(text: str) -> tuple[tuple[str, float], ...]:
    """Read shares such as "control 50, coupon 50".

    Examples
    --------
    >>> _shares("No E-Mail 50, Womens 25")
    (('No E-Mail', 50.0), ('Womens', 25.0))
    """
    found = []
    for part in (part.strip() for part in text.split(",")):
        if not part:
            continue
        name, _, number = part.rpartition(" ")
        try:
            found.append((name.strip(" :="), float(number.strip("%"))))
        except ValueError:
            raise SpecError(
                f"A share must be written as a group and a number, not “{part}”.", hint="For example control 50, coupon 50."
            ) from None
    return tuple(found)
