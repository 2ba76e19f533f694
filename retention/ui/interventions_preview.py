"""The tab of the preview: what an intervention may bring and costs, and what the holdout can find out, before anything is sent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.churn.judgement import Figure
from retention.churn.words import amount, whole
from retention.interventions.answer_catalogue import past_effects
from retention.interventions.answer_preview import money_of, previewed
from retention.interventions.answer_preview import people as people_asked
from retention.interventions.catalogue import Measured
from retention.interventions.chart_preview import effect_alt, effect_figure
from retention.interventions.effects import measured_for
from retention.interventions.people import People
from retention.interventions.preview import Preview
from retention.interventions.spec import Intervention
from retention.interventions.spec_preview import Terms
from retention.interventions.words_preview import (
    OF_UNIT,
    RISK_IS_NOT_ENOUGH,
    cautions,
    detection_words,
    net_words,
    nobody_words,
    preview_sentences,
)
from retention.ui.answers import answer, catalogue, drawn
from retention.ui.behaviour import twin, verdict
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.interventions_controls import (
    MOST_MONEY,
    Chosen,
    about,
    holdout_control,
    intervention_choice,
    keep_form,
    left_out,
    said_done,
    tuned,
    window_control,
)
from retention.ui.pages import caution, link_to, section
from retention.ui.starting import open_store, store
from retention.ui.words import plain

VALUES = {"own": "Each user's own orders", "same": "The same for all"}
USUAL_WORTH = 100.0


# Sums over all users of a list are large, so only the last few are kept.
@st.cache_resource(show_spinner=False, max_entries=3)
def _people(path: str, said: str, data_version: int, _asked: object) -> People:
    return people_asked(open_store(path), _asked)


def people_of(chosen: Chosen, *interventions: Intervention) -> People | None:
    """Read what scores say of the users who could get some interventions, or say why they say nothing."""
    if chosen.scoring is None:
        st.info(
            "Nobody has been scored yet, so nothing can be expected of anybody: the preview needs to know who is likely to leave."
            " Messages can be written, and a campaign can be assigned, without."
        )
        link_to("at_risk", "Score the users")
        return None
    asked = chosen.asked(*interventions)
    found = _people(str(store().path), repr(asked), catalogue().data_version, asked)
    if not found.n_users:
        st.info(nobody_words(found.n_members))
        return None
    return found


def terms_controls(controls: Controls, people: People) -> Terms:
    """Draw who is left alone, for how long one waits, and what a user who stays is worth."""
    one, two, three, four = st.columns(4)
    holdout, window = holdout_control(controls, one), window_control(controls, two)
    margin, value = worth_controls(controls, people, three, four)
    return Terms(holdout=holdout, window_days=window, margin=margin, value=value)


def worth_controls(controls: Controls, people: People, one: Any, two: Any) -> tuple[float, float | None]:
    """Draw what a user who stays is worth: the margin, and the value where it is the same for all."""
    margin = controls.slider(
        "margin", 1, 100, 100, "Margin on what they buy, %", format="%d %%", at=one,
        help="Of 100 in revenue, what is left once the goods are paid for. 100 % counts all revenue as gain.",
    )  # fmt: skip
    value = None
    usual = "own" if people.n_valued else "same"
    if controls.choice("value", list(VALUES), usual, "Value of a user", words=VALUES, at=two) == "same":
        value = controls.amount("worth", 0.0, MOST_MONEY, USUAL_WORTH, "What a user who stays is worth", step=10.0, at=two)
    return margin / 100, value


def preview_panel(controls: Controls, chosen: Chosen) -> None:
    """Draw the controls, the sentences, the figures and the picture."""
    with section("What it may bring", "What happens without action, what may it change, and what does it cost?"):
        said_done()
        base = intervention_choice(controls)
        one = tuned(controls, base)
        about(one, base)
        left_out(chosen, one)
        people = people_of(chosen, one)
        if people is None:
            return
        terms = terms_controls(controls, people)
        past = answer(past_effects)
        found = previewed(people, one, terms, past=past)
        verdict(net_words(found))
        _figures(found)
        st.markdown("\n".join(f"- {plain(text)}" for text in preview_sentences(found) if text != net_words(found)))
        caution(RISK_IS_NOT_ENOUGH)
        _picture(people, one, terms, past, found, chosen)
    with section("What the comparison will tell", "Can the campaign show whether it works?"):
        st.markdown(plain(detection_words(found)))
    with section("What these figures rest on"):
        for text in cautions(found, measured_for(one.effect, past)):
            caution(text)
        if one != base:
            keep_form(one, key="interventions_keep")


def _figures(found: Preview) -> None:
    with st.container(key="kpis"):
        one, two, three, four = st.columns(4)
        one.metric("Stay without action", f"{found.stay.value:,.0f}", help=f"Expected of {found.people.n_users:,}: {whole(found.stay)}")
        two.metric("Kept in addition", f"{found.extra.value:,.0f}", help=f"Expected: {whole(found.extra)}")
        three.metric("Cost", amount(found.cost.value), help=f"{amount(found.cost.low)} to {amount(found.cost.high)}")
        net = "not known" if not found.is_money_known else amount(found.net.value)
        four.metric("Net value", net, help=f"{amount(found.net.low)} to {amount(found.net.high)}" if found.is_money_known else None)


def _picture(
    people: People, one: Intervention, terms: Terms, past: tuple[Measured, ...], found: Preview, chosen: Chosen
) -> None:
    if found.is_money_known:
        st.subheader("Net value, by how much it changes")
        key = (repr(chosen.asked(one)), repr(one), repr(terms), catalogue().data_version)
        curve = drawn("preview curve", key, lambda: money_of(people, one, terms, past=past).curve())
        figure = drawn("preview figure", (*key, is_dark()), lambda: effect_figure(curve, found, is_dark=is_dark()))
        chart(figure, alt=effect_alt(found), key="preview_chart", file_name="net-by-effect")
        twin(_curve_shown(curve, found), "Net value by the size of the effect", "preview_twin")
        download("the picture's numbers", "net-by-effect", lambda fmt: table_bytes(curve, fmt, sheet="net"), key="preview_file")
    table = figures_table(found)
    panel = st.expander("All figures as a table", key="preview_figures")
    with panel:
        st.dataframe(table, hide_index=True, alt="All figures of the preview with their 95 % intervals", placeholder="")
        download("the figures", "preview", lambda fmt: table_bytes(table, fmt, sheet="preview"), key="preview_figures_file")


def _curve_shown(curve: pd.DataFrame, found: Preview) -> pd.DataFrame:
    return pd.DataFrame(
        {
            f"Of 100 {OF_UNIT[found.unit]}, stay because of it": (100 * curve["effect"]).round(2),
            "Users kept": curve["extra"].round(1),
            "Net": curve["net"].round(2),
            "Net, low": curve["net_low"].round(2),
            "Net, high": curve["net_high"].round(2),
        }
    )


def figures_table(found: Preview) -> pd.DataFrame:
    """Lay every figure out with its 95 % interval; what is not known is empty."""
    def exactly(value: float) -> Figure:
        return Figure(value, np.nan, np.nan)

    told = {
        "Users on the list": exactly(found.people.n_members),
        "Users with a score": exactly(found.people.n_users),
        "Contacted (expected)": exactly(found.n_contacted),
        "Left alone (expected)": exactly(found.n_held),
        "Stay without action": found.stay,
        "Kept in addition": found.extra,
        "Cost": found.cost,
        "Of it, given to users who would have stayed anyway": found.wasted,
        "Value kept (margin)": found.value_kept,
        "Net value": found.net,
        "Probability that the net is more than 0": exactly(found.gain_probability),
        "Break-even effect": exactly(found.break_even),
        "Effect reckoned with": found.effect,
        "Smallest difference of shares that is found": exactly(found.detection.smallest),
        "Difference of shares reckoned with": exactly(found.detection.assumed),
        "Probability that it is found": exactly(found.detection.power),
        "Users needed to find it": exactly(found.detection.needed_users),
        "Share to leave alone to find it": exactly(found.detection.needed_holdout),
    }
    return pd.DataFrame(
        {
            "Figure": list(told),
            "Value": [figure.value for figure in told.values()],
            "Low": [figure.low for figure in told.values()],
            "High": [figure.high for figure in told.values()],
        }
    ).astype({"Value": float, "Low": float, "High": float})
