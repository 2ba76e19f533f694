"""The parts of the Cohorts page below its controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from math import isnan
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.cohorts.answer import cohort_retention, explain_sql, grid_frame
from retention.cohorts.chart import average_row, heatmap_alt, retention_heatmap
from retention.cohorts.chart_curves import curves_alt, retention_curves
from retention.cohorts.chart_look import GridLook, age_labels, cohort_label, short_percent, shown_cohorts
from retention.cohorts.compare import comparable_groups, compare
from retention.cohorts.matrix import RetentionMatrix
from retention.cohorts.spec import CellSpec, CohortSpec
from retention.cohorts.words import average_label, definition, exclusions, kpis, percent, question_hash
from retention.cohorts.words import verdict as verdict_of
from retention.ingest.answer import data_status
from retention.ui import address
from retention.ui.answers import answer, answer_at, catalogue, drawn
from retention.ui.charts import chart, is_dark
from retention.ui.cohort_address import CohortView, usual_period, view_address, with_groups
from retention.ui.cohort_controls import FEW_ROWS
from retention.ui.downloads import download
from retention.ui.share import link_box
from retention.ui.starting import store
from retention.ui.views import saved_views_panel
from retention.ui.words import moment, plain

MAX_CURVES = 5
PAGE = "cohorts"


def warm() -> None:
    """Answer what the page asks without an address, so that its first visitor does not wait."""
    known = store().catalogue()
    first_us = answer_at(known.data_version, data_status).first_us
    matrix = answer_at(known.data_version, cohort_retention, CohortSpec(period=usual_period(known, first_us)))
    verdict_of(matrix, int(known.settings.min_cohort_size))
    retention_heatmap(matrix, GridLook())
    retention_curves(matrix, GridLook())


def first_moment() -> int | None:
    """Return the instant of the first event."""
    return answer(data_status).first_us


def headline(matrix: RetentionMatrix) -> None:
    """Show the headline figures, and one sentence that says what they mean."""
    key = (repr(matrix.spec), _min_size(), matrix.data_version)
    said, figures = drawn("headline", key, lambda: (verdict_of(matrix, _min_size()), kpis(matrix)))
    with st.container(key="kpis"):
        columns = st.columns(len(figures)) if len(figures) > 1 else []
    for column, figure in zip(columns, figures, strict=False):
        with column, st.container(border=True, height="stretch"):
            st.metric(figure.label, figure.value)
            st.caption(figure.detail)
    with st.container(key="verdict"):
        st.markdown(f"**{said.headline}**")
        st.markdown(said.detail)


def _min_size() -> int:
    return int(catalogue().settings.min_cohort_size)


def grid(matrix: RetentionMatrix, view: CohortView) -> tuple[CohortView, CellSpec | None]:
    """Draw the grid with its table twin and return the view with its group, and the cell that is picked in either."""
    st.header("Retention grid")
    st.caption(_definition(matrix))
    groups = _groups(matrix)
    group = _group_choice(view, groups)
    view = with_groups(view, group, view.versus)
    shown = (
        matrix if not matrix.spec.by or group is not None else answer(cohort_retention, replace(matrix.spec, by=None))
    )
    cohorts = drawn(
        "cohorts",
        (repr(shown.spec), group, view.is_whole, shown.data_version),
        lambda: shown_cohorts(shown, group, None if view.is_whole else FEW_ROWS),
    )
    if not cohorts:
        st.info(_why_empty(matrix))
        return view, None
    look = GridLook(
        is_dark=is_dark(),
        is_stretched=view.is_stretched,
        average=view.average,
        min_size=_min_size(),
        group=group,
        n_rows=None if view.is_whole else FEW_ROWS,
    )
    as_grid, as_table = st.tabs(["Grid", "Table"], key="grid_tabs", on_change="rerun")
    place = (repr(shown.spec), repr(look), shown.data_version, bool(as_table.open))
    cell = _picked(shown, cohorts, group, place)
    look = replace(look, picked=st.session_state["pick_drawn"])
    if as_table.open:
        with as_table:
            _twin(shown, look, cohorts, place)
    else:
        figure = drawn("heatmap", (*place, repr(look.picked)), lambda: retention_heatmap(shown, look))
        with as_grid, st.container(key="grid_box"):
            event = chart(figure, alt=heatmap_alt(shown, look), key="heat", file_name="cohorts", is_clickable=True)
        st.session_state["heat_seen"] = _clicked(event)
    st.caption(drawn("legend", place, lambda: _legend(shown, view, look, cohorts)))
    return view, cell


def _definition(matrix: RetentionMatrix) -> str:
    key = (repr(matrix.spec), matrix.data_version)
    return drawn("definition", key, lambda: plain(definition(matrix.spec, catalogue())))


def _groups(matrix: RetentionMatrix) -> list[str]:
    if not matrix.spec.by:
        return []
    key = (repr(matrix.spec), matrix.data_version)
    return drawn(
        "groups",
        key,
        lambda: [
            str(name)
            for name in matrix.rows.groupby("group")["size"].sum().sort_values(ascending=False, kind="stable").index
        ],
    )


def cell_state(cell: CellSpec) -> str:
    """Say whether a cell is mature, in progress or future."""
    return _states(answer(cohort_retention, cell.cohorts)).get((cell.cohort, cell.age, cell.group), "future")


def _states(matrix: RetentionMatrix) -> dict[tuple[date, int, str | None], str]:
    """Return the state of every cell, by cohort, age and group."""
    cells = matrix.cells
    return drawn(
        "states",
        (repr(matrix.spec), matrix.data_version),
        lambda: {
            (on, int(age), group): state
            for on, age, group, state in zip(cells["cohort"], cells["age"], cells["group"], cells["state"], strict=True)
        },
    )


def _group_choice(view: CohortView, groups: list[str]) -> str | None:
    state = st.session_state
    if not groups:
        state["group"] = None
        return None
    if state.get("group") not in groups:
        state["group"] = None
    return st.selectbox(
        plain(f"Grid of {view.spec.by}"),
        groups,
        index=None,
        key="group",
        placeholder="Everyone",
        width=320,
        help="The grid shows one group at a time; the curves below compare several.",
    )


def _why_empty(matrix: RetentionMatrix) -> str:
    spec = matrix.spec
    if spec.where and spec.entry == "first-ever":
        return (
            "Nobody is in these cohorts. With “First ever” the filters must hold for a user's very first"
            " start in all history;"
            " choose “First that meets the filters” to enter users at a later start."
        )
    if spec.where or spec.from_on or spec.to_on:
        return "Nobody is in these cohorts: no start meets the filters within the dates. Remove one or widen the dates."
    return "Nobody is in these cohorts: the start event never happened. Choose another start event."


Pick = tuple[date, int]


def _clicked(event: object) -> Pick | None:
    points = event["selection"]["points"] if event else []  # type: ignore[index]
    for point in points:
        if point.get("customdata"):
            return date.fromisoformat(point["customdata"][0]), int(point["customdata"][1])
    return None


def _picked(
    matrix: RetentionMatrix, cohorts: Sequence[date], group: str | None, place: tuple[object, ...]
) -> CellSpec | None:
    """Return the cell picked last: in the grid, in the table, or in the address.

    Notes
    -----
    A chart forgets its selection whenever its figure changes, so the pick is ours. The figure is drawn anew with
    the pick marked only where the pick came from elsewhere; a click marks its own cell.
    """
    state = st.session_state
    turn, told = address.taken()
    if state.get("pick_turn") != turn:
        state["pick_turn"], state["pick"], state["heat_seen"] = turn, _told_cell(told, matrix), None
        state["pick_drawn"] = state["pick"]
        state["is_lost"] = told.get("lost") == ["1"]
        state["twin_seen"] = None
    if state.get("pick_place") != place:
        state["pick_place"], state["pick_drawn"], state["heat_seen"], state["twin_seen"] = (
            place,
            state["pick"],
            None,
            None,
        )
        state.pop("heat", None)
    clicked = _clicked(state.get("heat"))
    if clicked != state["heat_seen"]:
        state["pick"] = clicked
        if clicked is None:
            state["pick_drawn"] = None
    twin = _twin_cell(state.get(_twin_key(place)), matrix, cohorts)
    if twin is not None and twin != state["twin_seen"]:
        state["pick"] = state["pick_drawn"] = twin
    return _cell_of(matrix, state["pick"], group)


def _told_cell(told: address.Address, matrix: RetentionMatrix) -> Pick | None:
    if not told.get("cell"):
        return None
    on, _, age = told["cell"][0].rpartition(".")
    try:
        pick = (date.fromisoformat(on), int(age))
    except ValueError:
        pick = None
    if pick is None or pick[1] not in matrix.spec.shown_ages or (matrix.size(pick[0]) == 0 and matrix.spec.by is None):
        st.session_state["complaints"] = [f"There is no cell “{told['cell'][0]}”."]
        return None
    return pick


def _cell_of(matrix: RetentionMatrix, pick: Pick | None, group: str | None) -> CellSpec | None:
    if pick is None or pick[1] not in matrix.spec.shown_ages:
        return None
    state = _states(matrix).get((*pick, group), "future")
    return None if state == "future" else CellSpec(cohorts=matrix.spec, cohort=pick[0], age=pick[1], group=group)


def _twin_key(place: tuple[object, ...]) -> str:
    return f"twin_{abs(hash(place)) % 10**9}"


def _twin_cell(state: object, matrix: RetentionMatrix, cohorts: Sequence[date]) -> Pick | None:
    cells = state["selection"]["cells"] if state else []  # type: ignore[index]
    if not cells:
        return None
    row, name = cells[0]
    ages = dict(zip(age_labels(matrix), matrix.spec.shown_ages, strict=True))
    if name not in ages or not 1 <= int(row) <= len(cohorts):  # row 0 is the average
        return None
    return cohorts[int(row) - 1], ages[name]


def _twin(matrix: RetentionMatrix, look: GridLook, cohorts: Sequence[date], place: tuple[object, ...]) -> None:
    table = drawn("twin", place, lambda: _twin_frame(matrix, look, cohorts))
    pick, ages = st.session_state["pick"], matrix.spec.shown_ages
    marked: Any = None
    if pick and pick[0] in cohorts and pick[1] in ages:
        marked = {"selection": {"cells": [(cohorts.index(pick[0]) + 1, age_labels(matrix)[ages.index(pick[1])])]}}
    event = st.dataframe(
        table,
        key=_twin_key(place),
        on_select="rerun",
        selection_mode="single-cell",
        selection_default=marked,
        hide_index=True,
        height="content",
        placeholder="",
        alt="The retention grid as a table",
        column_config={
            "Cohort": st.column_config.TextColumn(pinned=True),
            "Users": st.column_config.NumberColumn(format="localized"),
        },
    )
    st.session_state["twin_seen"] = _twin_cell(event, matrix, cohorts)
    st.caption("Move with the arrow keys and press Enter or Space, or tap a cell, to list its users.")


def _twin_frame(matrix: RetentionMatrix, look: GridLook, cohorts: Sequence[date]) -> pd.DataFrame:
    labels = age_labels(matrix)
    average = average_row(matrix, look)
    mine = (
        matrix.rows[matrix.rows["group"].isna()]
        if look.group is None
        else matrix.rows[matrix.rows["group"] == look.group]
    )
    sizes = dict(zip(mine["cohort"], mine["size"], strict=True))
    rows: list[list[object]] = [
        [
            "Average",
            sum(int(n) for n in sizes.values()),
            *("" if isnan(rate) else short_percent(rate) for rate in average),
        ]
    ]
    for on in cohorts:
        cells = matrix.of(on, look.group)
        texts = []
        for c in cells.itertuples(index=False):
            if c.state == "future":
                texts.append("")
            else:
                mark = "*" if c.state == "in_progress" else " †" if c.touches_gap else ""
                texts.append(short_percent(c.retained / c.size) + mark)
        rows.append([cohort_label(on, matrix.spec.period), int(sizes.get(on, 0)), *texts])
    return pd.DataFrame(rows, columns=["Cohort", "Users", *labels])


def _legend(matrix: RetentionMatrix, view: CohortView, look: GridLook, cohorts: Sequence[date]) -> str:
    """Say what the marks of a grid mean, those that it shows."""
    cells = matrix.cells[matrix.cells["cohort"].isin(cohorts)]
    said = []
    n_all = matrix.rows["cohort"].nunique()
    if len(cohorts) < n_all:
        said.append(f"The latest {len(cohorts)} of {n_all} cohorts are shown; the average covers all of them.")
    if look.group is None:
        said.append(f"{average_label(view.average)}.")
    else:
        said.append(f"Average of {plain(look.group)}, pooled (each user weighs the same).")
    if (cells["state"] == "in_progress").any():
        said.append("Hatched, with *: in progress, so the number so far; in no average.")
    if (cells["touches_gap"] & (cells["state"] != "future")).any():
        said.append("Dotted frame († in the table): touches a stretch marked missing on the Data page; in no average.")
    if (cells["size"] < look.min_size).any():
        said.append(f"Grey: fewer than {look.min_size} users.")
    if matrix.spec.is_open_ended:
        said.append("Right-censored: older cohorts were watched for longer, so rows cannot be compared directly.")
    if matrix.spec.entry == "recurring":
        said.append("A user can be in several cohorts, so rows do not add up to users.")
    return " ".join(said) + " Click a cell to list its users."


def curves(matrix: RetentionMatrix, view: CohortView) -> CohortView:
    """Draw the average curve with chosen cohorts, or one curve a group with their comparison."""
    st.header("Retention curves")
    state = st.session_state
    key = (repr(matrix.spec), matrix.data_version)
    groups = drawn("comparable", key, lambda: comparable_groups(matrix)) if matrix.spec.by else []
    if not groups and drawn(
        "no curve", (*key, view.average), lambda: bool(matrix.averages(view.average)["rate"].isna().all())
    ):
        st.info("No age is complete yet, so there is no curve to draw.")
        return view
    look = GridLook(is_dark=is_dark(), average=view.average)
    if groups:
        wanted = [name for name in state.get("versus") or [] if name in groups]
        state["versus"] = wanted or groups[:3]
        chosen = st.multiselect(plain(f"Groups of {matrix.spec.by}"), groups, key="versus", max_selections=8)
        view = with_groups(view, view.group, () if chosen == groups[:3] else chosen)
        figure = drawn(
            "curves",
            (repr(matrix.spec), repr(look), tuple(chosen), matrix.data_version),
            lambda: retention_curves(matrix, look, (), chosen),
        )
        if chosen:
            chart(figure, alt=curves_alt(matrix, chosen), key="curves", file_name="retention-curves")
        if len(groups) >= 2:
            _comparison(matrix, groups, chosen)
        return view
    options = drawn("options", key, lambda: shown_cohorts(matrix, None, FEW_ROWS)[::-1])
    unit = matrix.spec.period
    cohorts = st.multiselect(
        "Also draw these cohorts",
        options,
        key="drawn_cohorts",
        format_func=lambda on: cohort_label(on, unit),
        max_selections=MAX_CURVES,
        placeholder="Choose cohorts",
    )
    figure = drawn(
        "curves",
        (repr(matrix.spec), repr(look), tuple(cohorts), matrix.data_version),
        lambda: retention_curves(matrix, look, cohorts),
    )
    chart(figure, alt=curves_alt(matrix, []), key="curves", file_name="retention-curves")
    mixture = (
        ""
        if look.average == "common cohorts"
        else f" Later {unit}s rest on older cohorts only, so an average can turn up by the mixture alone:"
        " choose common cohorts in the settings to rule that out."
    )
    st.caption(f"The band is the 95 % interval: where it is wide, few users stand behind the point.{mixture}")
    return view


def _comparison(matrix: RetentionMatrix, groups: list[str], chosen: Sequence[str]) -> None:
    st.subheader("Compare two groups")
    one, two = st.columns(2)
    usual = [*chosen, *(name for name in groups if name not in chosen)]
    first = one.selectbox("Group", groups, index=groups.index(usual[0]), key="compare_first")
    second = two.selectbox("Against", groups, index=groups.index(usual[1]), key="compare_second")
    if first == second:
        st.caption("Choose two different groups.")
        return
    found = drawn(
        "compare", (repr(matrix.spec), first, second, matrix.data_version), lambda: compare(matrix, first, second)
    )
    with st.container(key="comparison"):
        st.markdown(f"**{plain(found.sentence)}**")
    unit = matrix.spec.period
    rows = [
        {
            unit.capitalize(): int(r.age),
            first: f"{percent(r.rate_1)} of {r.n_1:,}",
            second: f"{percent(r.rate_2)} of {r.n_2:,}",
            "Difference": f"{r.difference * 100:+.1f} points ({r.low * 100:+.1f} to {r.high * 100:+.1f})",
            f"{first} is": r.says,
        }
        for r in found.frame.itertuples(index=False)
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="auto", alt=f"{first} against {second} at every age")
    st.caption(
        "“Higher” and “lower” only where the 95 % interval of the difference leaves out zero and the"
        " p-value survives the"
        " Benjamini–Hochberg correction for looking at several ages at once; otherwise the data cannot tell."
    )


def definition_card(matrix: RetentionMatrix) -> None:
    """Say exactly what the numbers mean, with the SQL that gives them."""
    panel = st.expander("What these numbers mean: definition, exclusions, SQL", key="definition", on_change="rerun")
    if not panel.open:
        return
    known, spec = catalogue(), matrix.spec
    settings, clock = known.settings, known.require_clock()
    with panel:
        st.markdown(_definition(matrix))
        st.markdown(
            f"- Data complete up to **{moment(clock.as_of_us, clock.timezone)}** (the watermark; never today's date)\n"
            f"- Time zone **{settings.timezone}**, weeks begin on **{settings.week_start.capitalize()}**\n"
            f"- Data version **{known.data_version}**, question **{_hash(matrix)}**"
        )
        st.markdown("\n".join(f"- {plain(text)}" for text in exclusions(known)))
        st.code(answer(explain_sql, spec), language="sql", wrap_lines=False, height=320)


def _hash(matrix: RetentionMatrix) -> str:
    return drawn("hash", (repr(matrix.spec), matrix.data_version), lambda: question_hash(matrix.spec, catalogue()))


def share(matrix: RetentionMatrix, view: CohortView, cell: CellSpec | None) -> None:
    """Export the grid, copy the link, keep the view under a name."""
    address.put(**{f"{name}_": value for name, value in {"where": [], **full_address(view, cell)}.items()})
    one, two, three = st.columns(3)
    with one:
        st.subheader("Export the grid")
        download(
            "the grid",
            f"cohorts-{_hash(matrix)}",
            lambda fmt: table_bytes(grid_frame(matrix), fmt, sheet="cohorts"),
            key="grid",
        )
        st.segmented_control(
            "Pictures are saved as",
            ["PNG", "SVG"],
            key="picture_format",
            default="PNG",
            required=True,
            help="What the camera button over a chart saves.",
        )
    with two:
        st.subheader("Share this view")
        link_box()
    with three:
        st.subheader("Saved views")
        saved_views_panel(PAGE, urlencode(address.current(), doseq=True))


def full_address(view: CohortView, cell: CellSpec | None) -> dict[str, list[str]]:
    """Write everything that the page shows as an address."""
    said = view_address(view)
    if cell is not None:
        said["cell"] = [f"{cell.cohort.isoformat()}.{cell.age}"]
        if st.session_state.get("is_lost"):
            said["lost"] = ["1"]
    return said
