"""The tab of the budget: which users get which arm for so much money, and where more money stops paying."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.cohorts.words import percent
from retention.interventions.answer_catalogue import past_effects
from retention.interventions.answer_optimum import optimum
from retention.interventions.chart_preview import budget_alt, budget_figure
from retention.interventions.optimum import Allocation, Optimum
from retention.interventions.people import People
from retention.interventions.spec import Arm, Intervention
from retention.interventions.spec_preview import Terms
from retention.interventions.words_catalogue import cost_words, effect_words
from retention.interventions.words_preview import RISK_IS_NOT_ENOUGH, budget_sentences
from retention.ui import address
from retention.ui.answers import answer, catalogue, drawn
from retention.ui.behaviour import twin, verdict
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.interventions_controls import MOST_MONEY, Chosen, arm_choice, left_out
from retention.ui.interventions_preview import people_of, terms_controls
from retention.ui.pages import caution, link_to, section
from retention.ui.starting import store
from retention.ui.words import plain

USUAL_ARMS = ("Discount coupon", "Care message", "Loyalty points")
LEAST_SLIDE = 20


# Laid out once for a list and its arms; a move of the slider is a look into it. It is large, so few are kept.
@st.cache_resource(show_spinner=False, max_entries=3)
def _laid_out(path: str, said: str, data_version: int, _people: People, _arms: tuple[Arm, ...], _terms: Terms, _past: tuple) -> Optimum:
    return optimum(_people, _arms, _terms, past=_past)


def budget_panel(controls: Controls, chosen: Chosen) -> None:
    """Draw the arms, the slider, who gets what, and the curve."""
    with section("Who gets what for a budget", "Which users should get which intervention, and where does more money stop paying?"):
        picked = arm_choice(controls, USUAL_ARMS)
        if not picked:
            st.info("A budget must be divided over at least one arm. Choose what can be done above.")
            return
        left_out(chosen, *picked)
        people = people_of(chosen, *picked)
        if people is None:
            return
        terms = terms_controls(controls, people)
        if terms.value is None and not people.n_valued:
            st.info("No order of these users is known. Name what a user who stays is worth above, to see what is worth its cost.")
            return
        arms = tuple(Arm(name=one.name, intervention=one) for one in picked)
        said = repr((chosen.asked(*picked), arms, terms))
        found = _laid_out(str(store().path), said, catalogue().data_version, people, arms, terms, answer(past_effects))
        if not found.n_worthwhile:
            verdict(budget_sentences(found, found.at(1.0))[0])
            return
        given = found.at(_budget(controls, found))
        first, *rest = budget_sentences(found, given)
        verdict(first)
        st.markdown("\n".join(f"- {plain(text)}" for text in rest))
        caution(RISK_IS_NOT_ENOUGH)
        _who(found, given, picked)
        _curve(found, given, said)
        _onwards(given, picked)


def _budget(controls: Controls, found: Optimum) -> float:
    """Draw the slider of the budget; where there is little to spend, a number instead."""
    stops = found.stops_paying
    label = "Budget, in the currency of your file"
    if stops < LEAST_SLIDE:
        return controls.amount("money", 0.01, MOST_MONEY, max(round(stops / 2, 2), 0.01), label, step=0.5)
    return float(controls.slider("spend", 1, int(stops * 1.15) + 1, max(int(stops / 2), 1), label))


def _who(found: Optimum, given: Allocation, picked: tuple[Intervention, ...]) -> None:
    n = found.people.n_users
    counts = [*given.n_of_arm, given.n_beyond, given.n_worthless]
    table = pd.DataFrame(
        {
            "Who gets": [
                *(one.name for one in picked), "nothing: the budget is spent", "nothing: no arm is worth its cost",
            ],
            "Users": counts,
            "Of all": [percent(count / n) for count in counts],
        }
    )  # fmt: skip
    st.dataframe(
        table,
        hide_index=True,
        alt="How many users get which arm for the budget",
        placeholder="",
        column_config={"Users": st.column_config.NumberColumn(format="localized")},
    )
    st.caption("Of each group the share that is held out gets nothing, so that the effect can be read.")
    with st.expander("What the arms cost and are thought to change", key="budget_arms"):
        st.markdown("\n".join(f"- {plain(one.name)}: {plain(cost_words(one))} {plain(effect_words(one))}" for one in picked))
        st.caption("As they stand in the catalogue: change one there, and keep it as your own.")


def _curve(found: Optimum, given: Allocation, said: str) -> None:
    st.subheader("Net value, by budget")
    key = (said, catalogue().data_version)
    curve = drawn("budget curve", key, found.curve)
    figure = drawn("budget figure", (*key, given.budget, is_dark()), lambda: budget_figure(curve, found, given, is_dark=is_dark()))
    chart(figure, alt=budget_alt(found, given), key="budget_chart", file_name="net-by-budget")
    shown = pd.DataFrame(
        {
            "Budget": curve["budget"].round(2), "Spent": curve["cost"].round(2), "Net": curve["net"].round(2),
            "Users kept": curve["extra"].round(1), "Users with an arm": curve["users"],
        }
    )  # fmt: skip
    twin(shown, "Net value by budget", "budget_twin")
    download("the curve", "net-by-budget", lambda fmt: table_bytes(curve, fmt, sheet="budget"), key="budget_file")


def _onwards(given: Allocation, picked: tuple[Intervention, ...]) -> None:
    more = {"tab": ["Assign"], "way": ["budget"], "budget": [f"{given.budget:.12g}"], "arms": [one.name for one in picked]}
    link_to("interventions", "Assign this", **{**address.current(), **more})
