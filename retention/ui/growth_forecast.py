"""What is to be expected: the section of the Growth page."""

from __future__ import annotations

from typing import cast

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.cohorts.spec import Condition
from retention.forecast.answer import forecast
from retention.forecast.chart import forecast_alt, forecast_figure
from retention.forecast.result import Forecast, definition, headline, interval_words, verdict
from retention.forecast.spec import MAX_AHEAD, METRICS, WIDTHS, ForecastSpec, Metric, Width
from retention.ui.annotations import annotated
from retention.ui.answers import answer, catalogue, drawn
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.pages import section
from retention.ui.words import plain

METRIC_WORDS = {"active users": "Active users", "revenue": "Revenue"}


def forecast_panel(controls: Controls, where: tuple[Condition, ...] = ()) -> None:
    """Draw the forecast beside a guess that needs no model, and how both did at earlier dates."""
    with section("What to expect", "How many users, or how much revenue, if people go on as they did?"):
        one, two, three = st.columns(3)
        metric = controls.pills("forecast_of", list(METRICS), "active users", "Forecast", words=METRIC_WORDS, at=one)
        period = controls.pills("forecast_by", list(WIDTHS), "week", "By", at=two)
        horizon = controls.number("forecast_ahead", 1, MAX_AHEAD, 12, f"How many {period}s ahead", at=three)
        spec = ForecastSpec(metric=cast(Metric, metric), period=cast(Width, period), horizon=horizon, where=where)
        found = answer(forecast, spec)
        st.markdown(f"**{plain(headline(found))}** {plain(verdict(found))}")
        key = (repr(spec), found.data_version, is_dark())
        figure = drawn("forecast", key, lambda: forecast_figure(found, is_dark=is_dark()))
        chart(annotated(figure), alt=forecast_alt(found), key="forecast", file_name="forecast")
        st.caption(plain(interval_words(found)))
        _tables(found)


def _tables(found: Forecast) -> None:
    panel = st.expander(
        "The forecast as a table, how it did before, and what it means", key="forecast_more", on_change="rerun"
    )
    if not panel.open:
        return
    naive = found.trial.naive
    guess = "Simple guess"
    who = "users" if found.spec.metric == "active users" else "buyers"
    ahead = pd.DataFrame(
        {
            found.spec.period.capitalize() + " from": found.ahead["from_on"],
            "Expected": found.ahead["expected"],
            "At least (95 %)": found.ahead["low"],
            "At most (95 %)": found.ahead["high"],
            guess: found.ahead[naive],
            f"New {who}": found.ahead["new"],
            f"Returning {who}": found.ahead["back"],
        }
    )
    tried = pd.DataFrame(
        {
            "Made on": found.tried["origin_on"],
            f"{found.spec.period.capitalize()}s ahead": found.tried["ahead"],
            "Forecast": found.tried["forecast"],
            guess: found.tried[naive],
            "Came": found.tried["actual"],
        }
    )
    digits = dict.fromkeys([*ahead.columns[1:], *tried.columns[2:]], 0)
    looks = {name: st.column_config.NumberColumn(format="localized") for name in digits}
    ahead, tried = ahead.round(digits), tried.round(digits)
    with panel:
        st.dataframe(ahead, hide_index=True, height="auto", alt=forecast_alt(found), column_config=looks)
        download("the forecast", "forecast", lambda fmt: table_bytes(ahead, fmt), key="forecast_file")
        st.markdown("**Made at earlier dates, with what was known then**")
        st.dataframe(
            tried.tail(500), hide_index=True, height=318, alt="Forecasts made at earlier dates", column_config=looks
        )
        download("the trial", "forecast-trial", lambda fmt: table_bytes(tried, fmt), key="forecast_trial_file")
        st.markdown(plain(definition(found.spec, catalogue())))
        st.caption(plain(f"Curve of all cohorts: {found.curve}. New {who} a {found.spec.period}: {found.inflow:,.1f}."))
