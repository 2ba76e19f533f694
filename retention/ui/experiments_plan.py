"""Plan an experiment: from what users do without it to how many are needed, and how long it takes."""

from __future__ import annotations

from math import isnan

import pandas as pd
import streamlit as st

from retention.audiences.answer_lists import saved_lists
from retention.audiences.export import table_bytes
from retention.audiences.spec import SavedUsersSpec
from retention.churn.words import amount
from retention.cohorts.words import interval, percent
from retention.experiments.answer import baseline
from retention.experiments.archive import Baseline
from retention.experiments.chart import plan_alt, plan_figure
from retention.experiments.experiment import retained_within, revenue_within
from retention.experiments.model_plan import plan_of
from retention.experiments.plan import Plan
from retention.experiments.spec import PlanSpec
from retention.experiments.spec_store import MAX_WINDOW_DAYS, BaselineSpec
from retention.experiments.words import signed
from retention.experiments.words_plan import plan_words
from retention.ui.answers import answer, catalogue
from retention.ui.behaviour import definition_panel, twin, verdict
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.pages import caution, link_to, section
from retention.ui.words import day, many, plain

EVERYBODY = "everybody"
METRICS = {"retained": "Who stays", "revenue": "Net revenue a user"}
MOST_MONEY = 1e9
LARGEST_HOLDOUT = 90


def plan_panel(controls: Controls) -> None:
    """Work out how many users it takes to find the smallest effect worth having."""
    with section("Plan", "How many users must a campaign have, and how many be held out, to find out whether it works?"):
        spec, users = _whom(controls)
        start = answer(baseline, spec)
        _start(start, is_list=users is not None)
        plan = _plan(controls, start)
        said = plan_words(plan)
        head, _, rest = said[0].partition(". ")
        verdict(f"{head}.", rest)
        st.markdown("\n".join(f"- {plain(text)}" for text in said[1:]))
        chart(plan_figure(plan, is_dark=is_dark()), alt=plan_alt(plan), key="plan_chart", file_name="experiment-plan")
        rows = plan.curve
        twin(
            pd.DataFrame(
                {
                    "Users in all": [f"{int(n):,}" for n in rows["n_total"]],
                    "Smallest effect that is found": [
                        "none" if isnan(v) else signed(float(v), plan.spec.kind) for v in rows["detectable"]
                    ],
                }
            ),
            "Which effect so many users find",
            "plan_twin",
        )
        download("the plan", "experiment-plan", lambda fmt: table_bytes(rows, fmt, sheet="plan"), key="plan_file")
        _next(plan, users)
        _definition(start)


def _whom(controls: Controls) -> tuple[BaselineSpec, int | None]:
    lists = {str(one.audience_id): f"{one.name} ({many(one.n_left, 'user')})" for one in answer(saved_lists)}
    one, two, three = st.columns([1.6, 0.8, 1.4])
    words = {EVERYBODY: "Everybody who was active lately", **lists}
    chosen = controls.choice("whom", list(words), EVERYBODY, "Whose", words=words, at=one) or EVERYBODY
    window = controls.number(
        "plan_window", 1, MAX_WINDOW_DAYS, 28, "Window, days", at=two, help="Within which a user counts as staying."
    )
    events = controls.many(
        "plan_events", list(catalogue().events), (), "What counts as staying", placeholder="Any activity", at=three
    )
    users = None if chosen == EVERYBODY else int(chosen)
    whose = None if users is None else SavedUsersSpec(audience_id=users)
    return BaselineSpec(users=whose, window_days=window, events=events), users


def _start(start: Baseline, *, is_list: bool) -> None:
    whose = f"users of the list ({start.definition})" if is_list else f"users active in the {start.spec.lookback_days} days before"
    money = "" if isnan(start.revenue) else f" They spent {amount(start.revenue)} each, net of refunds."
    st.markdown(
        plain(
            f"Of {start.n_users:,} {whose}, {start.n_retained:,} came back from {day(start.first_on)} up to"
            f" {day(start.last_on)}, {start.spec.window_days} days: {percent(start.rate)} (95 % interval"
            f" {interval(start.low, start.high)}).{money}"
        )
    )
    if is_list:
        caution(
            "This is what the users of the list did before it was made. Who was chosen for being silent, or for being busy, will"
            " come back more, or less, than that; put in another number where you know better."
        )


def _plan(controls: Controls, start: Baseline) -> Plan:
    one, two, three, four = st.columns(4)
    metrics = ["retained"] if isnan(start.revenue) else list(METRICS)
    metric = controls.choice("metric", metrics, "retained", "What is to change", words=METRICS, at=one) or "retained"
    is_rate = metric == "retained"
    if is_rate:
        base = controls.amount(
            "base", 0.0, 100.0, round(start.rate * 100, 1), "Without it, %", step=1.0, at=two,
            help="From the store; change it where you know better.",
        ) / 100  # fmt: skip
        effect = controls.amount(
            "effect", -100.0, 100.0, 2.0, "Smallest change, points", step=0.5, at=three,
            help="The smallest that is worth having, in percentage points. The Interventions page says from which effect on a"
            " campaign pays: its break-even.",
        ) / 100  # fmt: skip
    else:
        base = controls.amount("base_money", -MOST_MONEY, MOST_MONEY, round(start.revenue, 2), "Without it, a user", at=two)
        effect = controls.amount(
            "effect_money", -MOST_MONEY, MOST_MONEY, max(round(start.revenue / 20, 2), 0.01), "Smallest change, a user",
            step=0.1, at=three,
        )  # fmt: skip
    there = controls.number("there", 1, 2_000_000_000, start.n_users, "Users there are", at=four)
    five, six, seven, eight = st.columns(4)
    holdout = controls.slider(
        "held", 1, LARGEST_HOLDOUT, 50, "Held out", format="%d %%", at=five,
        help="Half finds the most with the fewest users; a tenth keeps more of them in the campaign and takes many more.",
    )  # fmt: skip
    arms = controls.number("plan_arms", 1, 12, 1, "Groups beside the holdout", at=six)
    power = controls.slider("power", 50, 99, 80, "Found if it is there, with", format="%d %%", at=seven)
    alpha = controls.slider(
        "alpha", 1, 20, 5, "Found though it is not, with", format="%d %%", at=eight, help="The two risks of being wrong."
    )
    window = start.spec.window_days
    return plan_of(
        PlanSpec(
            metric=retained_within(window) if is_rate else revenue_within(window), baseline=base, effect=effect,
            kind="rate" if is_rate else "mean", spread=None if is_rate else start.spread, power=power / 100, alpha=alpha / 100,
            holdout=holdout / 100, n_arms=arms, n_available=there, window_days=window,
        )
    )  # fmt: skip


def _next(plan: Plan, users: int | None) -> None:
    st.subheader("Then")
    if not plan.is_enough:
        st.markdown(
            "There are too few users for this effect. Wait for more, look for a larger effect, hold out closer to half, or watch"
            " a longer window."
        )
    else:
        st.markdown(
            f"Assign the campaign with {plan.spec.holdout * 100:.0f} % held out and a window of {plan.spec.window_days} days, send"
            " it to the users of the other groups only, import what they do afterwards, and read it on the tab “Read”. Decide now"
            f" that it is read once, {plan.spec.window_days} days after it was sent, or choose the sequential reading."
        )
    told = {"tab": "Assign", "window": str(plan.spec.window_days), "holdout": f"{min(plan.spec.holdout * 100, 50):.0f}"}
    if plan.spec.kind == "rate":
        told |= {"effect": f"{plan.spec.effect * 100:g}", "base": f"{plan.spec.baseline * 100:g}"}
    if users is not None:
        told |= {"who": "list", "list": str(users)}
    link_to("interventions", "Assign a campaign with these settings", **told)


def _definition(start: Baseline) -> None:
    definition_panel(
        f"**Where it starts** is measured over the last {start.spec.window_days} days of the data: the share of the users who did"
        " something that counts within them.\n\n"
        "**Users needed**: for two shares by the two-sample z test (Fleiss, Levin & Paik 2003), for two means by the t test (Cohen"
        " 1988), both two-sided; each group is compared with the holdout, and the chance of a false find is shared out over the"
        " groups (Bonferroni).\n\n"
        "**Sequential**: so many users that the effect is found with the same probability although somebody looks every day.",
        "plan_definition",
    )
