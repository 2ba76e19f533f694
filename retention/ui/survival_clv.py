"""What buyers are worth: the section of the Survival page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, cast

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.cohorts.spec import Condition
from retention.periods import Period, date_of
from retention.survival.answer_clv import customer_value, order_days, ranked_buyers
from retention.survival.chart_clv import (
    bands_alt,
    bands_figure,
    frequency_alt,
    frequency_figure,
    orders_alt,
    orders_figure,
)
from retention.survival.result_clv import MONEY_WORDS, Clv, cautions, check_words, definition, headline, units
from retention.survival.spec_clv import MONEY, Band, BuyerListSpec, ClvSpec, Money
from retention.ui.annotations import annotated
from retention.ui.answers import answer, catalogue, drawn
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.members import members_panel
from retention.ui.pages import section
from retention.ui.words import plain

HELD_BACK = {"quarter": 0.25, "half": 0.5}
HELD_WORDS = {
    "nothing": "Nothing",
    "quarter": "The last quarter of the days",
    "half": "The second half of the days",
    "after": "Everything after a day",
}


def clv_panel(controls: Controls, where: tuple[Condition, ...] = ()) -> None:
    """Draw what is expected of the buyers so far, how far to trust it, and who they are."""
    with section("What buyers are worth", "How often will the buyers so far order again, and what will they spend?"):
        spec = _spec(controls, where)
        controls.complain()
        clv = answer(customer_value, spec)
        _figures(clv)
        st.markdown(f"**{plain(headline(clv))}** {plain(check_words(clv))}")
        one, two = st.columns(2)
        key = (repr(clv.spec), clv.data_version, is_dark())
        with one:
            st.subheader("Orders to come" if clv.holdout is None else "Expected and seen in the days held back")
            figure = drawn("clv orders", key, lambda: orders_figure(clv, is_dark=is_dark()))
            chart(annotated(figure), alt=orders_alt(clv), key="clv_orders", file_name="expected-orders")
        with two:
            st.subheader("By how often they came back")
            figure = drawn("clv frequency", key, lambda: frequency_figure(clv, is_dark=is_dark()))
            chart(figure, alt=frequency_alt(clv), key="clv_frequency", file_name="expected-orders-by-frequency")
        _tables(clv)
        _bands(controls, clv)
        _ranking(clv)
        _meaning(clv)


def _spec(controls: Controls, where: tuple[Condition, ...]) -> ClvSpec:
    one, two, three, four = st.columns(4)
    unit = controls.choice(
        "clv_unit", ["day", "week", "month"], "week", "Time in", at=one, words={"month": "month (30 days)"}
    )
    horizon = controls.number("clv_ahead", 1, 104, 12, "How many of them ahead", at=two)
    money = controls.choice(
        "clv_money", list(MONEY), "gross", "Value of orders", at=three,
        words=MONEY_WORDS,
    )  # fmt: skip
    held = controls.choice(
        "clv_check", list(HELD_WORDS), "nothing", "Hold back for a check", at=four, words=HELD_WORDS,
        help="Fits to the earlier orders only, and compares what it expects of the later ones with what came.",
    )  # fmt: skip
    return ClvSpec(
        unit=cast(Period, unit),
        horizon=horizon,
        money=cast(Money, money),
        calibrate_to=_last_day(controls, held or "nothing", four),
        where=where,
    )


def _last_day(controls: Controls, held: str, at: Any) -> date | None:
    if held == "after":
        return controls.day("clv_until", "Fit up to the end of", at=at)
    if held == "nothing":
        return None
    first, end = answer(order_days)
    return date_of(end - 1 - round((end - first) * HELD_BACK[held]))


def _figures(clv: Clv) -> None:
    one, two, three, four = st.columns(4)
    one.metric("Buyers so far", f"{clv.n_buyers:,}", help="Users with an order")
    two.metric("Came back", f"{clv.n_repeat:,}", help="Buyers with orders on two days or more")
    ahead = units(clv.spec.horizon, clv.spec.unit)
    three.metric(
        f"Orders expected in {ahead}", f"{clv.expected:,.0f}", help=f"95 % range {clv.low:,.0f} to {clv.high:,.0f}"
    )
    worth = "not known" if pd.isna(clv.value) else f"{clv.value:,.0f}"
    four.metric(
        "Their expected value",
        worth,
        help=f"In the currency of your file, {MONEY_WORDS[clv.spec.money]}, not discounted",
    )


def _tables(clv: Clv) -> None:
    panel = st.expander("The same as tables", key="clv_tables", on_change="rerun")
    if not panel.open:
        return
    with panel:
        frame = clv.by_unit if clv.holdout is None else clv.holdout.by_unit
        units_table, by_x = (
            part.round({"expected": 2, "value": 2, "predicted": 2, "actual": 2}).rename(columns=_TITLES)
            for part in (frame, clv.by_x.drop(columns=["x"]).round({"alive": 3}))
        )
        looks = _column_looks()
        st.dataframe(units_table, hide_index=True, height=240, alt=orders_alt(clv), column_config=looks)
        st.caption("Per buyer, by the repeat orders so far:")
        st.dataframe(by_x, hide_index=True, height="auto", alt=frequency_alt(clv), column_config=looks)
        download(
            "the expected orders", "expected-orders", lambda fmt: table_bytes(units_table, fmt), key="clv_units_file"
        )


_TITLES = {
    "number": "Number",
    "from_on": "From",
    "expected": "Orders expected",
    "value": "Value expected",
    "predicted": "Orders expected in the check",
    "actual": "Orders that came",
    "label": "Repeat orders",
    "n": "Buyers",
    "alive": "Still a customer (model)",
    "words": "Buyers by expected orders",
    "share": "Share of expected orders",
    "n_orders": "Days with an order",
    "days_since": "Days since the last",
    "spend": "Expected value of an order",
    "pseudonym": "User (pseudonym)",
}


def _column_looks() -> dict[str, Any]:
    number, percent = (st.column_config.NumberColumn(format=f) for f in ("localized", "percent"))
    counts = ("Buyers", "Orders expected", "Value expected", "Expected value of an order", "Orders that came")
    return {
        **dict.fromkeys((*counts, "Orders expected in the check"), number),
        "Share of expected orders": percent,
        "Still a customer (model)": percent,
        "Buyers by expected orders": st.column_config.TextColumn(width="medium"),
    }


def _bands(controls: Controls, clv: Clv) -> None:
    st.subheader("Who will bring the orders")
    options = {row.band: f"{row.words} ({row.n:,} buyers)" for row in clv.bands.itertuples(index=False)}
    key = (repr(clv.spec), clv.data_version, is_dark())
    place = st.container()
    band = controls.pick("clv_band", options, "List the buyers of", charts=("clv_bands",))
    with place:
        figure = drawn("clv bands", key, lambda: bands_figure(clv, is_dark=is_dark()))
        chart(figure, alt=bands_alt(clv), key="clv_bands", file_name="buyers-by-expected-orders", is_clickable=True)
        table = clv.bands.drop(columns=["band"]).round({"expected": 0, "value": 0}).rename(columns=_TITLES)
        st.dataframe(table, hide_index=True, height="auto", alt=bands_alt(clv), column_config=_column_looks())
    if band is not None:
        spec = BuyerListSpec(clv=clv.spec, band=cast(Band, band))
        members_panel(spec, options[band].rpartition(" (")[0].lower(), key="clv_members")


def _ranking(clv: Clv) -> None:
    panel = st.expander("The buyers of whom the most orders are expected", key="clv_ranking", on_change="rerun")
    if not panel.open:
        return
    with panel:
        found = answer(ranked_buyers, clv.spec).drop(columns=["user_key"])
        table = found.round({"expected": 2, "spend": 2, "value": 2}).rename(columns=_TITLES)
        st.dataframe(
            table,
            hide_index=True,
            height=min(38 + 35 * len(table), 318),
            alt="Buyers with the most expected orders",
            column_config=_column_looks(),
        )
        st.caption(f"The first {len(table):,} of {clv.n_buyers:,} buyers. Lists above hold all of them.")
        download("the ranked buyers", "ranked-buyers", lambda fmt: table_bytes(table, fmt), key="clv_ranking_file")


def _meaning(clv: Clv) -> None:
    for text in cautions(clv):
        st.caption(plain(text))
    panel = st.expander("What these numbers mean, and the parameters", key="clv_meaning", on_change="rerun")
    if not panel.open:
        return
    with panel:
        st.markdown(plain(definition(clv.spec, catalogue())))
        said = [
            f"- BG/NBD: {_parameters(clv.bgnbd, ('r', 'alpha', 'a', 'b'))}; log-likelihood"
            f" {clv.bgnbd['log_likelihood']:,.1f} ({clv.n_buyers:,} buyers)"
        ]
        if clv.gamma_gamma is not None:
            said.append(
                f"- Gamma-Gamma: {_parameters(clv.gamma_gamma, ('p', 'q', 'v'))}; log-likelihood"
                f" {clv.gamma_gamma['log_likelihood']:,.1f} ({clv.gamma_gamma['n']:,.0f} buyers)"
            )
        st.markdown("\n".join(said))


def _parameters(figures: Mapping[str, float], names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {figures[name]:.3f} ± {figures[f'se_{name}']:.3f}" for name in names)
