"""The At risk page: score who will lapse, judge whether to believe it, see why, and take the list away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.audiences.order import refresh_audiences
from retention.audiences.words import refreshed_words
from retention.churn.answer_registry import card_at, serving
from retention.churn.answer_scores import latest_scoring
from retention.churn.card import ModelCard
from retention.churn.chart_reach import risk_alt, risk_figure
from retention.churn.listed import risk_counts, tier_counts
from retention.churn.order_registry import train
from retention.churn.order_scores import score, set_tiers
from retention.churn.reach import Reach
from retention.churn.scores import LABEL, Scoring
from retention.churn.spec import ChurnSpec
from retention.churn.spec_list import AtRiskSpec
from retention.churn.words import age_words, amount, day_words, differences, headline, model_words, share
from retention.errors import RetentionError
from retention.periods import date_of
from retention.store import Store
from retention.ui.answers import answer, catalogue, drawn, order, was_done
from retention.ui.at_risk_controls import score_controls
from retention.ui.at_risk_list import reach_over, slider_panel
from retention.ui.at_risk_models import models_panel
from retention.ui.at_risk_own import own_table_panel
from retention.ui.at_risk_report import report_panel
from retention.ui.at_risk_when import when_panel
from retention.ui.at_risk_why import why_panel
from retention.ui.behaviour import twin, verdict
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.pages import caution, link_to, section
from retention.ui.words import many, moment, plain

NOTE = "at_risk_note"


def at_risk_tabs(controls: Controls) -> None:
    """Draw the tab that is open."""
    for (_, panel), tab in zip(PANELS.items(), controls.tabs("tab", list(PANELS)), strict=True):
        if tab.open:
            with tab:
                panel(controls)
    controls.complain()


def score_panel(controls: Controls) -> None:
    """Score who will lapse, and show what the last scores mean."""
    scoring = answer(latest_scoring)
    made = _card(scoring.version) if scoring else None
    spec = score_controls(controls, made.spec if made else None)
    _buttons(spec, scoring, made)
    if scoring is None:
        st.info(
            "Nobody has been scored yet. Score teaches a model from what is known of earlier days, judges it on users it has"
            " not learned from, and then scores everybody who could lapse. It takes some seconds to a few minutes."
        )
        return
    everybody = reach_over(AtRiskSpec(scoring_key=scoring.scoring_key))
    _result(scoring, made, everybody)
    _tiers(scoring, everybody)
    slider_panel(controls, scoring, made)


def _card(version: int) -> ModelCard | None:
    """Read what is known of a version; where its files are gone the scores still stand."""
    try:
        return answer(card_at, version)
    except RetentionError as error:
        caution(f"{error.message} {error.hint}")
        return None


# Scoring -----------------------------------------------------------------------------------------------


def _buttons(spec: ChurnSpec, scoring: Scoring | None, made: ModelCard | None) -> None:
    other = differences(spec, made.spec) if made else []
    if other:
        caution(
            f"The scores below were made with other settings than those above. Now asked: {', '.join(other)}. Press Score to"
            " teach a model with them."
        )
    one, two, _ = st.columns([1, 2, 2])
    place = st.empty()
    if one.button("Score", type="primary", key="at_risk_score", width="stretch", help="Teaches a new version and scores with it"):
        with place.container():
            _done(_work(lambda told: order(_trained_and_scored, spec, progress=told)), "Scored")
    if scoring is not None and two.button(
        "Score again with the model in service", key="at_risk_again",
        help="Nothing is learned anew: the version in service scores the users as of where the data reach now",
    ):  # fmt: skip
        with place.container():
            _done(_work(lambda told: order(score, progress=told)), "Scored again")
    if note := st.session_state.pop(NOTE, ""):
        st.success(plain(note))


def _trained_and_scored(store: Store, spec: ChurnSpec, *, progress: Callable[[float, str], object]) -> Scoring:
    """Teach a version, and score with it."""
    card = train(store, spec, progress=lambda share, text: progress(0.9 * share, text))
    return score(store, card.version, spec.cutoff, progress=lambda share, text: progress(0.9 + 0.1 * share, text))


def _work(make: Callable[[Callable[[float, str], object]], Scoring | None]) -> Scoring | None:
    """Do it with a bar that says what is being done."""
    with st.container(key="at_risk_progress"):
        bar = st.progress(0.0, text="Starting …")
        st.caption("Leave the page as it is meanwhile: if it is left, nothing changes and the old scores stay.")

    def told(share: float, text: str) -> None:
        bar.progress(min(max(share, 0.0), 1.0), text=plain(f"{text[0].upper()}{text[1:]} …"))

    return make(told)


def _done(scoring: Scoring | None, what: str) -> None:
    if scoring is not None:
        said = [f"{what}: {many(scoring.n_users, 'user')} as of {day_words(scoring.cutoff)}."]
        said += [refreshed_words(done) for done in order(refresh_audiences) or ()]
        st.session_state[NOTE] = " ".join(said)
        st.rerun()


# The result --------------------------------------------------------------------------------------------


def _result(scoring: Scoring, made: ModelCard | None, reach: Reach) -> None:
    known = catalogue()
    clock = known.require_clock()
    if made is not None:
        first, rest = headline(made.sentence)
        verdict(first, rest)
    with st.container(key="at_risk_kpis"):
        one, two, three, four = st.columns(4)
        one.metric("Users scored", f"{scoring.n_users:,}", help="Those who were active in the look-back, so that they can lapse")
        two.metric(
            "Expected to lapse", share(scoring.mean), help=f"The mean risk: about {reach.expected:,.0f} users, if it is right"
        )
        rate, n = _held_back(made)
        three.metric("Lapsed when last known", share(rate), help=f"The base rate: of {n:,} users at the held-back cut-off")
        at_risk = float(reach.sums["pv"][-1])
        four.metric(
            "Value at risk", amount(at_risk) if reach.n_valued else "not known",
            help=f"Risk times value, summed over the {reach.n_valued:,} users of whom orders are known, per horizon",
        )  # fmt: skip
    _age(scoring, made, clock.timezone, date_of(clock.as_of_day))
    if made is not None:
        link_to("at_risk", "Can I trust it? The whole report", tab=REPORT)


def _held_back(made: ModelCard | None) -> tuple[float, int]:
    for trial in (made.report.get("trials", []) if made else []):
        if made and trial["model"] == made.name and trial["test_day"] == made.held_back_day:
            return float(trial["figures"]["base_rate"][0]), int(trial["n_users"])
    return float("nan"), 0


def _age(scoring: Scoring, made: ModelCard | None, zone: str, reach_to: date) -> None:
    said = age_words(scoring, made.name if made else "a model whose files are gone", moment(scoring.made_us, zone), reach_to)
    if scoring.is_current:
        st.caption(plain(f"{said} {scoring.season}"))
    else:
        caution(f"{said} Score again to bring them up to date. {scoring.season}")
    in_service = _in_service()
    if in_service is not None and in_service.version != scoring.version:
        caution(
            f"Version {in_service.version} ({model_words(in_service.name)}) is in service now, and these scores are of version"
            f" {scoring.version}. Score again with the model in service."
        )


def _in_service() -> ModelCard | None:
    try:
        return answer(serving)
    except RetentionError:
        return None  # said already, where its files are missed


# Tiers -------------------------------------------------------------------------------------------------


def _tiers(scoring: Scoring, reach: Reach) -> None:
    with section("How the risk is spread", "How many users have which risk, and what is called high?"):
        counts = tier_counts(reach.probability, scoring.high, scoring.medium)
        bounds = (scoring.medium, scoring.high)
        key = (scoring.scoring_key, bounds, catalogue().data_version)
        rows = drawn("risk counts", key, lambda: risk_counts(reach.probability))
        st.markdown(
            f"**{counts['high risk']:,} users are at high risk** ({share(scoring.high)} or more), {counts['medium risk']:,} at"
            f" medium risk ({share(scoring.medium)} to {share(scoring.high)}), {counts['low risk']:,} at low risk."
        )
        figure = drawn("risks", (*key, is_dark()), lambda: risk_figure(rows, bounds, scoring.n_users, is_dark=is_dark()))
        chart(figure, alt=risk_alt(rows, bounds, counts), key="risk_chart", file_name="risk")
        twin(_risk_rows(rows), "Number of users by risk", "risk_twin")
        download("the risks", "risk", lambda fmt: table_bytes(rows, fmt, sheet="risk"), key="risk_file")
        _bounds(scoring)
        with st.container(horizontal=True, key="at_risk_links"):
            link_to("cohorts", "Cohorts by risk", by=LABEL)
            link_to("survival", "Survival by risk", by=LABEL)
        st.caption(
            "Every page knows “risk” as a filter and a breakdown. The risk is made of what users did before its date, so"
            " differences before it are circular; what came after tells something new."
        )


def _risk_rows(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Risk": [f"{share(float(a))} to {share(float(b))}" for a, b in zip(rows["from_"], rows["to"], strict=True)],
            "Users": rows["n"],
        }
    )


def _bounds(scoring: Scoring) -> None:
    with st.expander("Move the bounds of the tiers", key="at_risk_bounds"), st.form("at_risk_bounds_form", border=False):
        one, two, three = st.columns([2, 2, 1], vertical_alignment="bottom")
        low = one.number_input("Medium from, %", 1, 98, round(scoring.medium * 100), key=f"at_risk_medium_{scoring.scoring_key}")
        high = two.number_input("High from, %", 2, 99, round(scoring.high * 100), key=f"at_risk_high_{scoring.scoring_key}")
        if three.form_submit_button("Move", width="stretch") and was_done(set_tiers, int(high) / 100, int(low) / 100):
            st.session_state[NOTE] = f"High risk is from {high} % on, medium from {low} %."
            st.rerun()


REPORT = "Can I trust it?"
PANELS: dict[str, Callable[[Controls], None]] = {
    "Score": score_panel,
    REPORT: report_panel,
    "Why": why_panel,
    "When": when_panel,
    "Models": models_panel,
    "Your own table": own_table_panel,
}
