"""The revenue parts of the Growth page: what came in, what cohorts keep spending, who orders again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.cohorts.chart_look import cohort_label
from retention.cohorts.spec import Condition
from retention.cohorts.words import Verdict, percent
from retention.lifecycle.answer_revenue import (
    explain_revenue,
    repeat_purchases,
    revenue_over_time,
    revenue_retention,
    value_per_user,
)
from retention.lifecycle.chart_revenue import (
    MAX_GROUPS,
    SHOWN_ROWS,
    bars_alt,
    grid_alt,
    repeat_bars,
    revenue_bars,
    revenue_curves,
    revenue_heatmap,
    second_order_chart,
    value_lines,
)
from retention.lifecycle.revenue import RevenueGrid
from retention.lifecycle.spec_revenue import (
    MAX_REPEAT_DAYS,
    SHOWN_DAYS,
    VALUE_DAYS,
    BuyersSpec,
    RepeatListSpec,
    RepeatSpec,
    RevenueCellSpec,
    RevenueSpec,
)
from retention.lifecycle.words_revenue import (
    over_time_verdict,
    period_words,
    repeat_definition,
    repeat_verdict,
    retention_verdict,
    revenue_definition,
    value_verdict,
)
from retention.periods import Period
from retention.ui.annotations import annotated
from retention.ui.answers import answer, catalogue, drawn
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.members import members_panel
from retention.ui.pages import section
from retention.ui.words import plain

PERIOD_WORDS = {"day": "Days", "week": "Weeks", "month": "Months"}
KIND_WORDS = {"net": "Net of refunds", "gross": "Gross"}
MEASURE_WORDS = {"nrr": "All (NRR)", "grr": "Kept (GRR)", "value": "Per customer"}
MAX_TABLE = 500
LINES = (30, 90, 180, 365)


def revenue_panel(controls: Controls, where: tuple[Condition, ...] = (), by: str | None = None) -> None:
    """Draw everything about orders and money, each part with its controls, verdict, picture, table and list.

    Parameters
    ----------
    controls : Controls
        Of the page; the names of these parts begin with ``r_``.
    where, by
        The page's filters and breakdown, both as of each user's first activity.
    """
    with section("Revenue", "How much comes in, and how much of it do customers keep spending?"):
        spec = _revenue_controls(controls, where, by)
        _over_time(controls, spec)
    with section("Revenue retention", "How much of what they spent first do customers spend later?"):
        _retention(controls, spec)
    with section("Value per customer", "How much does a customer bring in the first N days?"):
        _values(controls, spec)
    with section("Second orders", "How many customers order again, and how soon?"):
        _repeat(controls, where, by)


def _revenue_controls(controls: Controls, where: tuple[Condition, ...], by: str | None) -> RevenueSpec:
    one, two, three = st.columns([1.2, 1.2, 0.8], vertical_alignment="bottom")
    period = controls.pills("r_period", list(PERIOD_WORDS), "month", "Periods", words=PERIOD_WORDS, at=one)
    kind = controls.pills("r_kind", list(KIND_WORDS), "net", "Revenue", words=KIND_WORDS, at=two)
    most = 24 if period == "month" else 52
    horizon = controls.number("r_horizon", 1, most, 12, f"Follow customers for … {period}s", at=three)
    return RevenueSpec(period=period, kind=kind, horizon=horizon, where=where, by=by)  # type: ignore[arg-type]


def _min_size() -> int:
    return int(catalogue().settings.min_cohort_size)


def _said(verdict: Verdict, group: str | None = None) -> None:
    named = "" if group is None else f"{group}: "
    st.markdown(f"**{plain(named + verdict.headline)}**")
    if verdict.detail:
        st.markdown(plain(verdict.detail))


def _meaning(key: str, text: str, spec: RevenueSpec | RepeatSpec) -> None:
    """Say what the numbers mean, and which SQL gives them."""
    panel = st.expander("What these numbers mean", key=key, on_change="rerun")
    if panel.open:
        with panel:
            st.markdown(plain(text))
            st.code(answer(explain_revenue, spec), language="sql", wrap_lines=False, height=280)


def _table(frame: pd.DataFrame, what: str, key: str, whole: Callable[[], pd.DataFrame]) -> None:
    """Draw the table twin of a picture, its newest rows, and offer all of it as a file."""
    if len(frame) > MAX_TABLE:
        st.caption(f"The latest {MAX_TABLE} of {len(frame):,} rows; files hold all of them.")
        frame = frame.head(MAX_TABLE)
    st.dataframe(frame, hide_index=True, height=min(38 + 35 * len(frame), 388), alt=what, placeholder="")
    download(what, key.replace("_", "-"), lambda fmt: table_bytes(whole(), fmt), key=key)


def _newest_first(table: pd.DataFrame) -> pd.DataFrame:
    """Put the newest cohorts on top, each with its ages in order."""
    return table.sort_values("First order", ascending=False, kind="stable")


def _big_groups(sizes: pd.Series) -> list[str]:
    """Return the largest groups, the largest first."""
    return [str(name) for name in sizes.sort_values(ascending=False, kind="stable").index[:MAX_GROUPS]]


def _cut_note(n_groups: int) -> None:
    if n_groups > MAX_GROUPS:
        st.caption(
            f"The {MAX_GROUPS} largest of {n_groups} groups are drawn; the table and the files hold all of them."
        )


# Revenue over time -------------------------------------------------------------------------------------


def _over_time(controls: Controls, spec: RevenueSpec) -> None:
    result = answer(revenue_over_time, spec)
    _said(over_time_verdict(result))
    if result.is_empty:
        return
    frame = result.periods
    groups = _big_groups(frame.groupby("group")["gross"].sum()) if spec.by else []
    place = (repr(spec), is_dark(), result.data_version)
    as_chart, as_table = controls.tabs("r_time_view", ["Chart", "Table"])
    if as_table.open:
        with as_table:
            _table(
                _period_table(frame, spec).iloc[::-1],
                "Revenue by period",
                "r_revenue",
                lambda: _period_table(frame, spec),
            )
    else:
        figure = drawn("r_bars", place, lambda: revenue_bars(result, groups, is_dark=is_dark()))
        with as_chart:
            chart(annotated(figure), alt=bars_alt(result), key="r_bars", file_name="revenue", is_clickable=True)
            _cut_note(frame["group"].nunique())
    note = "Hatched: still running. " if (frame["state"] == "in_progress").any() else ""
    note += "Dotted: touches a stretch marked missing. " if frame["touches_gap"].any() else ""
    if unbooked := float(frame["unbooked"].sum()):
        note += f"Refunds of {unbooked:,.2f} belong to no order in the data and stand on their own day. "
    if note:
        st.caption(plain(note))
    begun = sorted(set(frame.loc[frame["n_buyers"] > 0, "on"]), reverse=True)[:MAX_TABLE]
    options = {on.isoformat(): f"Orders of {period_words(on, spec.period)}" for on in begun}
    picked = controls.pick("r_buyers", options, "List the customers of a bar", charts=("r_bars",))
    if picked:
        is_refunded = controls.flag("r_refunded", "Only those who were refunded for these orders")
        wanted = BuyersSpec(revenue=spec, on=date.fromisoformat(picked), is_refunded=is_refunded)
        words = "refunded for orders" if is_refunded else "with an order"
        members_panel(wanted, f"{words} in {period_words(wanted.on, spec.period)}", key="r_buyers_list")
    _meaning("r_meaning", revenue_definition(spec, catalogue()), spec)


def _period_table(frame: pd.DataFrame, spec: RevenueSpec) -> pd.DataFrame:
    return pd.DataFrame(
        {
            spec.period.capitalize(): [on.isoformat() for on in frame["on"]],
            **({spec.by: frame["group"]} if spec.by else {}),
            "Orders": frame["n_orders"],
            "Customers": frame["n_buyers"],
            "First-time customers": frame["n_first"],
            "Gross": frame["gross"].round(2),
            "Refunds": frame["refunded"].round(2),
            "Net": frame["net"].round(2),
            f"{spec.kind.capitalize()} per order": frame["order_value"].round(2),
            "State": frame["state"].str.replace("_", " "),
            "Touches a gap": frame["touches_gap"],
        }
    )


# Revenue retention -------------------------------------------------------------------------------------


def _retention(controls: Controls, spec: RevenueSpec) -> None:
    grid = answer(revenue_retention, spec)
    sizes = grid.cells[grid.cells["age"] == 0].groupby("group")["size"].sum()
    groups = _big_groups(sizes)
    one, two = st.columns(2)
    measure = controls.pills("r_measure", list(MEASURE_WORDS), "nrr", "Measure", words=MEASURE_WORDS, at=one)
    group = None
    if spec.by and len(sizes):
        group = controls.choice("r_group", list(sizes.index), groups[0], f"Grid and verdict of {spec.by}", at=two)
    _said(retention_verdict(grid, _min_size(), group), group)
    if grid.cells.empty:
        return
    place = (repr(spec), measure, group, is_dark(), grid.data_version)
    as_curve, as_grid, as_table = controls.tabs("r_view", ["Curves", "Grid", "Table"])
    if as_table.open:
        with as_table:
            _table(
                _newest_first(_grid_table(grid, group)), "Revenue by cohort and age", "r_grid", lambda: _grid_file(grid)
            )
    elif as_grid.open:
        with as_grid, st.container(key="grid_box"):
            figure = drawn(
                "r_heat", place, lambda: revenue_heatmap(grid, measure, _min_size(), group, is_dark=is_dark())
            )
            chart(figure, alt=grid_alt(grid, measure), key="r_heat", file_name="revenue-grid", is_clickable=True)
        n_cohorts = grid.cells["cohort"].nunique()
        cut = f"The last {SHOWN_ROWS} of {n_cohorts} cohorts. " if n_cohorts > SHOWN_ROWS else ""
        with as_grid:
            st.caption(f"{cut}* still running, ° touches a stretch marked missing, empty: not over yet.")
    else:
        shown = "nrr" if measure == "value" else measure
        figure = drawn("r_curves", place, lambda: revenue_curves(grid, shown, groups, is_dark=is_dark()))
        with as_curve:
            alt = f"Revenue retention by {spec.period} since the first order, with 95 % bands."
            chart(figure, alt=alt, key="r_curves", file_name="revenue-retention")
            _cut_note(len(sizes))
            st.caption(
                "Averages over complete cohorts, each customer weighing what was spent first; a band is wider than drawn"
                " where few customers spend very much. Later ages rest on fewer, older cohorts."
            )
    _cell_list(controls, grid, group)


def _cell_list(controls: Controls, grid: RevenueGrid, group: str | None) -> None:
    spec, unit = grid.spec, grid.spec.period
    cells = grid.cells
    mine = cells[cells["group"].isna()] if group is None else cells[cells["group"] == group]
    begun = mine[mine["state"] != "future"]
    latest = sorted(set(begun["cohort"]))[-SHOWN_ROWS:]
    options = {
        f"{c.cohort.isoformat()}.{c.age}": f"First order in {cohort_label(c.cohort, unit)}, {unit} {c.age}:"
        f" {int(c.buyers):,} of {c.size:,} customers ordered"
        for c in begun.itertuples(index=False)
        if c.cohort in latest
    }
    picked = controls.pick("r_cell", options, "List the customers of a cell", charts=("r_heat",))
    if not picked:
        return
    on, _, age = picked.partition(".")
    is_lost = controls.flag("r_lost", "Those who did not order then")
    cell = RevenueCellSpec(
        revenue=spec, cohort=date.fromisoformat(on), age=int(age), group=group, is_lost=is_lost
    )  # fmt: skip
    words = "without" if is_lost else "with"
    title = f"first order in {period_words(cell.cohort, unit)}, {words} an order in {unit} {age}"
    members_panel(cell, title, key="r_cell_list")


def _grid_table(grid: RevenueGrid, group: str | None) -> pd.DataFrame:
    cells = grid.cells
    mine = cells[cells["group"].isna()] if group is None else cells[cells["group"] == group]
    mine = mine[mine["state"] != "future"]
    return pd.DataFrame(
        {
            "First order": [on.isoformat() for on in mine["cohort"]],
            grid.spec.period.capitalize(): mine["age"],
            "Customers": mine["size"],
            "Ordered": mine["buyers"],
            "Revenue": mine["revenue"].round(2),
            "NRR %": (100 * mine["nrr"]).round(1),
            "GRR %": (100 * mine["grr"]).round(1),
            "Cumulative per customer": mine["value"].round(2),
            "State": mine["state"].str.replace("_", " "),
            "Complete on": [on.isoformat() for on in mine["complete_on"]],
            "Touches a gap": mine["touches_gap"],
        }
    )


def _grid_file(grid: RevenueGrid) -> pd.DataFrame:
    dates = {name: [on.isoformat() for on in grid.cells[name]] for name in ("cohort", "complete_on")}
    return grid.cells.assign(**dates)


# Value per customer ------------------------------------------------------------------------------------


def _values(controls: Controls, spec: RevenueSpec) -> None:
    result = answer(value_per_user, spec)
    rows = result.rows
    group = None
    if spec.by and len(rows):
        sizes = rows[rows["days"] == VALUE_DAYS[0]].groupby("group")["n_users"].sum()
        group = controls.choice("r_value_group", list(sizes.index), _big_groups(sizes)[0], f"Values of {spec.by}")
    _said(value_verdict(result, _min_size(), group), group)
    if rows.empty:
        return
    known = set(rows.loc[rows["value"].notna(), "days"])
    days = tuple(n for n in LINES if n in known) or tuple(sorted(known))
    as_chart, as_table = controls.tabs("r_value_view", ["Chart", "Table"])
    if as_table.open:
        with as_table:
            _table(
                _newest_first(_value_table(rows, spec)),
                "N-day value by cohort",
                "r_values",
                lambda: _value_table(rows, spec),
            )
    else:
        place = (repr(spec), group, is_dark(), result.data_version)
        figure = drawn("r_value", place, lambda: value_lines(result, days, group, is_dark=is_dark()))
        with as_chart:
            alt = f"Revenue per customer in the first N days, by {spec.period} of the first order, with 95 % bands."
            chart(annotated(figure), alt=alt, key="r_value", file_name="value-per-customer")
    st.caption(
        "A cohort appears once the first N days of its last customer are over. Only revenue, no costs: what a customer"
        " may cost to win is a share of it."
    )
    cohorts = sorted(set(rows["cohort"]), reverse=True)[:MAX_TABLE]
    options = {on.isoformat(): f"First order in {period_words(on, spec.period)}" for on in cohorts}
    picked = controls.pick("r_cohort", options, "List the customers of a cohort")
    if picked:
        cell = RevenueCellSpec(revenue=spec, cohort=date.fromisoformat(picked), group=group)
        members_panel(cell, f"first order in {period_words(cell.cohort, spec.period)}", key="r_cohort_list")


def _value_table(rows: pd.DataFrame, spec: RevenueSpec) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "First order": [on.isoformat() for on in rows["cohort"]],
            **({spec.by: rows["group"]} if spec.by else {}),
            "Days": rows["days"],
            "Customers": rows["n_users"],
            "Per customer": rows["value"].round(2),
            "95 % from": rows["low"].round(2),
            "95 % to": rows["high"].round(2),
            "Complete on": [on.isoformat() for on in rows["complete_on"]],
            "Touches a gap": rows["touches_gap"],
        }
    )


# Second orders -----------------------------------------------------------------------------------------


def _repeat(controls: Controls, where: tuple[Condition, ...], by: str | None) -> None:
    one, two = st.columns([1.2, 0.8], vertical_alignment="bottom")
    period: Any = controls.pills("r_repeat_period", list(PERIOD_WORDS), "month", "Cohorts", words=PERIOD_WORDS, at=one)
    days = controls.number("r_days", 1, MAX_REPEAT_DAYS, 90, "A second order within … days", at=two)
    spec = RepeatSpec(days=days, period=period, where=where, by=by)
    result = answer(repeat_purchases, spec)
    sizes = result.total.set_index("group")["n_customers"] if by else pd.Series(dtype="int64")
    groups = _big_groups(sizes)
    group = None
    if groups:
        group = controls.choice("r_repeat_group", list(sizes.index), groups[0], f"Second orders of {by}")
    _said(repeat_verdict(result, _min_size(), group), group)
    if result.rows.empty:
        return
    place = (repr(spec), group, is_dark(), result.data_version)
    as_cohorts, as_days, as_table = controls.tabs("r_repeat_view", ["By cohort", "By day", "Table"])
    if as_table.open:
        with as_table:
            table = _repeat_table(result.rows, period, by)
            _table(table.iloc[::-1], "Repeat purchases by cohort", "r_repeat_rows", lambda: table)
            _table(_soon_table(result.curve, by), "Second orders by day", "r_repeat_days", lambda: result.curve)
    elif as_days.open:
        figure = drawn("r_second", place, lambda: second_order_chart(result, groups, is_dark=is_dark()))
        with as_days:
            alt = "Share of customers with a second order by day since the first, with 95 % bands."
            chart(figure, alt=alt, key="r_second", file_name="second-orders")
            st.caption("Each day counts the customers who could be watched for as long; the dotted line is your H.")
    else:
        figure = drawn("r_repeat", place, lambda: repeat_bars(result, group, is_dark=is_dark()))
        with as_cohorts:
            alt = f"Repeat purchase rate within {days} days by {period} of the first order, with 95 % bands."
            chart(annotated(figure), alt=alt, key="r_repeat", file_name="repeat-purchases", is_clickable=True)
            st.caption(f"A cohort appears once {days} days have passed for all of its customers.")
    options = _repeat_options(result.rows, group, period)
    picked = controls.pick("r_again", options, "List the customers", charts=("r_repeat",))
    if picked:
        has_repeated = not controls.flag("r_once", "Those who did not order again in time")
        cohort = None if picked == "all" else date.fromisoformat(picked)
        wanted = RepeatListSpec(repeat=spec, has_repeated=has_repeated, cohort=cohort, group=group)
        again = "ordered again" if has_repeated else "did not order again"
        when = "" if cohort is None else f", first order in {period_words(cohort, period)}"
        members_panel(wanted, f"{again} within {days} days{when}", key="r_again_list")
    _meaning("r_repeat_meaning", repeat_definition(spec, catalogue()), spec)


def _repeat_options(rows: pd.DataFrame, group: str | None, period: Period) -> dict[str, str]:
    mine = rows[rows["group"].isna()] if group is None else rows[rows["group"] == group]
    mine = mine[mine["n_watched"] > 0].sort_values("cohort", ascending=False).head(MAX_TABLE)
    each = {
        r.cohort.isoformat(): f"First order in {period_words(r.cohort, period)}: {r.n_repeated:,} of {r.n_watched:,}"
        for r in mine.itertuples(index=False)
    }
    return {"all": "All first orders that are long enough ago", **each}


def _repeat_table(rows: pd.DataFrame, period: Period, by: str | None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "First order": [period_words(on, period) if period == "month" else on.isoformat() for on in rows["cohort"]],
            **({by: rows["group"]} if by else {}),
            "Customers": rows["n_customers"],
            "Watched for long enough": rows["n_watched"],
            "Ordered again": rows["n_repeated"],
            "Rate %": (100 * rows["rate"]).round(1),
            "95 % from": (100 * rows["low"]).round(1),
            "95 % to": (100 * rows["high"]).round(1),
            "Complete on": [on.isoformat() for on in rows["complete_on"]],
            "Touches a gap": rows["touches_gap"],
        }
    )


def _soon_table(curve: pd.DataFrame, by: str | None) -> pd.DataFrame:
    known = curve[curve["days"].isin((7, *SHOWN_DAYS, 180, 365)) & (curve["n_watched"] > 0)]
    return pd.DataFrame(
        {
            "Within days": known["days"],
            **({by: known["group"]} if by else {}),
            "Customers watched": known["n_watched"],
            "Second order": known["n_repeated"],
            "Share": [percent(rate) for rate in known["rate"]],
        }
    )
