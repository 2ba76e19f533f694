"""If the riskiest users were contacted: the filters, the slider with what it means, and the list that it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.churn.answer_list import at_risk_reach, at_risk_users, known_reachable
from retention.churn.card import ModelCard
from retention.churn.chart_reach import money_alt, money_figure, reach_alt, reach_figure
from retention.churn.money import Offer
from retention.churn.reach import Point, Reach
from retention.churn.scores import LABEL, Scoring
from retention.churn.spec_list import COLUMNS, MAX_QUIET_DAYS, USUAL_COLUMNS, AtRiskSpec
from retention.churn.words import (
    NOT_PERSUADABLE,
    assumption_words,
    catch_words,
    day_words,
    money_words,
    profit_words,
    saving_words,
    seen_words,
    share,
    spread_words,
)
from retention.periods import date_of
from retention.ui.answers import answer, catalogue, drawn
from retention.ui.at_risk_controls import MOST_MONEY, offer_controls
from retention.ui.behaviour import twin
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.members import Listing, member_list
from retention.ui.pages import caution, link_to, section
from retention.ui.starting import open_store, store
from retention.ui.words import many, plain, short_moment

ENDS = {
    "users": "Number of users", "budget": "Budget", "risk": "Least risk", "profit": "Largest expected profit",
}  # fmt: skip
COLUMN_WORDS = {
    "probability": "Risk, %", "percentile": "Percentile", "tier": "Tier", "days_since_last": "Days since last visit",
    "value": "Value", "value_at_risk": "Value at risk", "first_seen": "First seen", "last_seen": "Last seen", "events": "Events",
}  # fmt: skip
COLUMN_HELP = {
    "probability": "The calibrated probability of lapsing.",
    "percentile": "Riskier than so many % of all scored users: a place in the order, not a probability.",
    "value": "What the orders of the look-back brought, less refunds, per horizon. Empty: no order is known.",
    "value_at_risk": "The value times the risk.",
}
SHARE_OF_DEFAULT = 10
ALWAYS_LISTED = 100_000
"""With more users the list is drawn on demand, so that a move of the slider stays quick."""


# Sums over all scored users are large, so only the last few are kept.
@st.cache_resource(show_spinner=False, max_entries=3)
def _reach(path: str, said: str, data_version: int, _spec: AtRiskSpec) -> Reach:
    return at_risk_reach(open_store(path), _spec)


def reach_over(spec: AtRiskSpec) -> Reach:
    """Sum up the users that pass the filters, or take the sums from memory."""
    asked = spec.everybody
    return _reach(str(store().path), repr(asked), catalogue().data_version, asked)


def slider_panel(controls: Controls, scoring: Scoring, card: ModelCard | None) -> None:
    """Draw the filters, the slider with what it means, and the list."""
    with section(
        "If the riskiest users were contacted",
        "How many of them would lapse, how many would be bothered without need, and what would it cost and bring?",
    ):
        spec = _filtered(controls, scoring)
        reach = reach_over(spec)
        if not reach.n_users:
            st.info("No scored user passes these filters.")
            return
        offer = offer_controls(controls, has_values=bool(reach.n_valued))
        n, spec = _end(controls, spec, reach, offer)
        point = reach.at(n, offer)
        _said(point, reach, offer, card, scoring.season)
        _pictures(reach, point, offer, spec)
    with section("The list", f"Who are the {n:,} users?" if n != 1 else "Who is it?"):
        _list(controls, spec, point, reach, scoring)


def _filtered(controls: Controls, scoring: Scoring) -> AtRiskSpec:
    where, _ = controls.population(has_by=False)
    known = answer(known_reachable)
    spec = AtRiskSpec(scoring_key=scoring.scoring_key, where=where)
    one, two, three = st.columns(3, vertical_alignment="bottom")
    least = controls.amount(
        "least", 0.0, MOST_MONEY, 0.0, "Worth at least", step=10.0, at=one,
        help="What the user's orders brought per horizon. 0: everybody, also those of whom no order is known.",
    )  # fmt: skip
    quiet = 0
    if known.contacts:
        quiet = controls.number(
            "quiet", 0, MAX_QUIET_DAYS, 0, "Not contacted in the last days", at=two,
            help="By a campaign that the store knows of. 0: everybody.",
        )  # fmt: skip
    is_reachable = False
    if known.is_known:
        is_reachable = controls.flag(
            "reachable", "Only those who may be written to", at=three, help=plain(f"Told by {known.words}.")
        )
    unknown = []
    if not known.is_known:
        unknown.append("who may be written to (no property such as opt_in, no event such as unsubscribe)")
    if not known.contacts:
        unknown.append("who was contacted lately (no event such as campaign_sent)")
    if unknown:
        st.caption(f"The store does not know {', nor '.join(unknown)}: check it in your mailing tool.")
    return replace(spec, min_value=least or None, not_contacted_days=quiet, is_reachable_only=is_reachable)


def _end(controls: Controls, spec: AtRiskSpec, reach: Reach, offer: Offer) -> tuple[int, AtRiskSpec]:
    """Draw how far the list goes, and return the number of users with the list that holds just as many."""
    ways = controls.pills(
        "end", list(ENDS), "users", "How far down the list", words=ENDS,
        help="By a number of users, by money to spend, by a least probability of lapsing, or where the expected profit is"
        " largest.",
    )  # fmt: skip
    if ways == "risk":
        least = controls.slider("risk", 0, 100, 50, "Least risk of lapsing, %", format="%d %%")
        return reach.n_from(least / 100), replace(spec, threshold=least / 100)
    if ways == "budget":
        money = controls.amount(
            "budget", 0.0, MOST_MONEY, 1000.0, "Budget for contacts and incentives", step=100.0,
            help="Contacts cost in any case; incentives are expected, for whoever would stay anyway takes them too.",
        )  # fmt: skip
        n = reach.n_for(money, offer)
    elif ways == "profit":
        n = round(reach.best(offer).place) if offer.value is not None or reach.n_valued else 0
        st.markdown(plain(profit_words(n, reach, offer)))
    elif reach.n_users == 1:
        n = 1
    else:
        usual = max(reach.n_users // SHARE_OF_DEFAULT, 1)
        n = controls.slider("n", 0, reach.n_users, usual, f"The riskiest of {many(reach.n_users, 'user')}")
    return n, replace(spec, n=n)


def _said(point: Point, reach: Reach, offer: Offer, card: ModelCard | None, season: str) -> None:
    with st.container(key="kpis"):
        one, two, three, four = st.columns(4)
        one.metric("Users contacted", f"{point.n:,}", help=f"Of {reach.n_users:,} who pass the filters")
        two.metric("Would lapse", f"{point.caught.value:,.0f}", help=f"Expected: {point.caught.low:,.0f} to {point.caught.high:,.0f}")
        three.metric("Bothered without need", f"{point.bothered.value:,.0f}", help="They are expected to stay anyway")
        lowest = "–" if not point.n else share(point.threshold)
        four.metric("Lowest risk on the list", lowest, help="Probability of lapsing")
    st.markdown(f"**{plain(catch_words(point, reach))}**")
    if card is not None and point.n:
        st.markdown(plain(seen_words(point, reach, date_of(card.held_back_day))))
    st.markdown(plain(money_words(point, reach, offer)))
    st.caption(plain(f"{saving_words(offer)} {spread_words(reach, season)}"))
    caution(NOT_PERSUADABLE)
    if card is not None:
        panel = st.expander("What the money rests on", key="at_risk_money")
        panel.markdown("\n\n".join(assumption_words(offer, card.spec.lapse)))


def _pictures(reach: Reach, point: Point, offer: Offer, spec: AtRiskSpec) -> None:
    key = (repr(spec.everybody), repr(offer), catalogue().data_version)
    curve = drawn("reach curve", key, lambda: reach.curve(offer))
    one, two = st.columns(2)
    with one:
        st.subheader("Caught and bothered")
        figure = drawn("reach", (*key, point.n, is_dark()), lambda: reach_figure(curve, point.n, reach.n_users, is_dark=is_dark()))
        chart(figure, alt=reach_alt(point, reach.n_users), key="reach_chart", file_name="caught-and-bothered")
    with two:
        st.subheader("Cost and gain")
        if offer.value is None and not reach.n_valued:
            st.info("No order of these users is known. Name a value of a user above to see what contacting them brings.")
        else:
            figure = drawn(
                "money", (*key, point.n, is_dark()), lambda: money_figure(curve, point.n, reach.n_users, is_dark=is_dark())
            )
            chart(figure, alt=money_alt(point, reach.n_users), key="money_chart", file_name="cost-and-gain")
    twin(drawn("reach twin", key, lambda: _curve_shown(curve)), "What contacting the riskiest users means", "reach_twin")
    download("the slider", "at-risk-slider", lambda fmt: table_bytes(curve, fmt, sheet="slider"), key="reach_file")


def _curve_shown(curve: pd.DataFrame) -> pd.DataFrame:
    def three(name: str, form: str) -> list[str]:
        return [
            f"{a:{form}} ({b:{form}} to {c:{form}})".replace("-", "−")
            for a, b, c in zip(curve[name], curve[f"{name}_low"], curve[f"{name}_high"], strict=True)
        ]

    return pd.DataFrame(
        {
            "Users contacted": curve["n"],
            "Lowest risk": [share(float(v)) for v in curve["threshold"]],
            "Would lapse": three("caught", ",.0f"),
            "Would stay anyway": three("bothered", ",.0f"),
            "Of all who would lapse": [share(float(v)) for v in curve["recall"]],
            "Costs": three("cost", ",.0f"),
            "Brings": three("brings", ",.0f"),
            "Net": three("net", ",.0f"),
            "Lapsed among as large a share, held back": [share(float(v)) for v in curve["seen_precision"]],
        }
    )


# The list ----------------------------------------------------------------------------------------------


def _list(controls: Controls, spec: AtRiskSpec, point: Point, reach: Reach, scoring: Scoring) -> None:
    labels = [name for name in catalogue().labels if name != LABEL]
    usual = tuple(name for name in USUAL_COLUMNS if reach.n_valued or not name.startswith("value"))
    columns = controls.many(
        "columns", [*COLUMNS, *labels], usual, "Columns of the list and the file", words=COLUMN_WORDS,
        placeholder="Only the pseudonym",
    )  # fmt: skip
    if reach.n_users > ALWAYS_LISTED and not controls.flag("show", "Show the users"):
        return
    spec = replace(spec, columns=columns)
    found = answer(at_risk_users, spec)
    title = "the riskiest" if spec.threshold is None else f"with a risk of {share(spec.threshold)} or more"
    with st.container(border=True, key="at_risk_members"):
        st.subheader(plain(f"{many(found.count, 'user')}: {title}, as of {day_words(scoring.cutoff)}"))
        st.caption(
            plain(
                f"{many(found.n_scored, 'user')} were scored, {found.n_candidates:,} pass the filters. "
                + ("The audience and the file hold the same users; equal risks are ordered by the users' numbers.")
            )
        )
        zone = catalogue().require_clock().timezone
        table = drawn("at risk table", (repr(spec), catalogue().data_version), lambda: _shown(found.shown, found.users, zone))
        listing = Listing(table, "with the highest risk", _columns(columns), _why)
        member_list(spec, found.users, found.count, key="at_risk", listing=listing)


def _shown(table: pd.DataFrame, users: pd.DataFrame, zone: str) -> pd.DataFrame:
    found: dict[str, Any] = {"User (pseudonym)": table["pseudonym"]}
    for name in table.columns.drop("pseudonym"):
        title = COLUMN_WORDS.get(str(name), str(name).partition(":")[2] or str(name))
        if name in ("first_seen", "last_seen"):
            found[title] = [short_moment(int(us), zone) for us in users[f"{str(name)[:-5]}_us"]]
        elif name == "probability":
            found[title] = (100 * table[name]).round(1)
        else:
            found[title] = table[name].round(2) if name in ("value", "value_at_risk") else table[name]
    return pd.DataFrame(found)


def _columns(names: tuple[str, ...]) -> dict[str, Any]:
    made: dict[str, Any] = {"User (pseudonym)": st.column_config.TextColumn(width=120)}
    for name in names:
        if name in COLUMN_WORDS:
            form = {"probability": "%.1f", "value": "localized", "value_at_risk": "localized"}.get(name)
            kind = st.column_config.Column if form is None else st.column_config.NumberColumn
            settings: dict[str, Any] = {} if form is None else {"format": form}
            made[COLUMN_WORDS[name]] = kind(help=COLUMN_HELP.get(name), **settings)
    return made


def _why(pseudonym: str) -> None:
    link_to("at_risk", "Why is this user's risk so high?", tab="Why", user=pseudonym)
