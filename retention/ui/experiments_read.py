"""Read a campaign of the store as an experiment: who was in it, what it changed, and keep what was learned."""

from __future__ import annotations

from math import isnan

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.churn.words import amount
from retention.experiments.answer import campaigns_seen, experiment
from retention.experiments.chart import age_alt, age_figure, stay_figure
from retention.experiments.experiment import POOLED, CampaignSeen, Experiment, stay_curves
from retention.experiments.order_archive import learn
from retention.experiments.readout import Readout
from retention.experiments.spec import METHODS, ReadSpec
from retention.experiments.spec_store import MAX_WINDOW_DAYS, PERIOD_DAYS, ExperimentSpec
from retention.experiments.words import signed, stay_words, value_words
from retention.experiments.words_plan import planned_words
from retention.interventions.answer_campaigns import campaigns
from retention.interventions.answer_catalogue import catalogue as interventions_known
from retention.survival.chart import survival_alt
from retention.ui.answers import answer, catalogue, drawn, order
from retention.ui.behaviour import definition_panel, twin
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.experiments_readout import Shown, group_lines, show_readout
from retention.ui.pages import caution, link_to, section
from retention.ui.words import day, many, plain

METHOD_WORDS = {"fixed horizon": "Once, at the end", "sequential": "Every day"}
SOURCE_WORDS = {"assigned": "assigned here", "events": "imported as events"}
MOST_MONEY = 1e9
USUAL_WINDOW_DAYS = 28
MOST_BY = 3
NOTE = "experiments_note"


def read_panel(controls: Controls) -> None:
    """Show what a campaign did."""
    known = answer(campaigns_seen)
    if not known:
        st.info(
            "The store knows of no campaign yet. Assign one with a holdout on the Interventions page, or import contacts as"
            " events, for example campaign_sent with the properties campaign and arm."
        )
        link_to("interventions", "Assign a campaign")
        return
    if note := st.session_state.pop(NOTE, ""):
        st.success(plain(note))
    spec, seen = _asked(controls, known)
    with section(seen.name, f"What did this campaign change? It was {SOURCE_WORDS[seen.source]}."):
        found = answer(experiment, spec)
        _who(found)
        if found.readout is None:
            st.info(
                f"In progress: nobody's {found.window_days} days have passed yet. It is complete on {day(found.complete_on)}."
                " Import the outcomes until then, and read it again."
            )
            return
        told = (repr(spec), found.data_version)
        show_readout(Shown(found.readout, "experiment", told, _file_words(seen.name)), controls)
        if not found.readout.ratio.is_mismatch:
            _ages(found, told)
            _stay(found, told)
            _keep(found)
        _definition(found)


# What is asked -----------------------------------------------------------------------------------------


def _asked(controls: Controls, known: tuple[CampaignSeen, ...]) -> tuple[ExperimentSpec, CampaignSeen]:
    by_label = {label: seen for seen, label in zip(known, _names(known), strict=True)}
    with st.container(key="experiment_controls"):
        one, two, three, four = st.columns([1.5, 0.8, 1, 1.3])
        label = controls.choice("campaign", list(by_label), next(iter(by_label)), "Campaign", at=one) or next(iter(by_label))
        seen = by_label[label]
        usual = USUAL_WINDOW_DAYS
        if seen.source == "assigned":
            usual = {campaign.name: campaign.window_days for campaign in answer(campaigns)}.get(seen.name, usual)
        window = controls.number(
            "window", 1, MAX_WINDOW_DAYS, usual, "Window, days", at=two,
            help="Outcomes count for so many days of 24 hours from each user's exposure on; only users whose window has passed"
            " are read.",
        )  # fmt: skip
        period = controls.pills("period", tuple(PERIOD_DAYS), "week", "Ages in", at=three)
        method = controls.pills(
            "method", METHODS, METHODS[0], "How often do you look?", words=METHOD_WORDS, at=four,
            help="Fixed-horizon intervals hold for one look, at the end that was planned. Sequential ones hold at every look"
            " and are wider for that.",
        )  # fmt: skip
        five, six, seven = st.columns([1.2, 1.2, 1])
        events = controls.many(
            "events", list(catalogue().events), (), "What counts as coming back", placeholder="Any activity", at=five,
            help="A contact by a campaign never counts.",
        )  # fmt: skip
        by = controls.many(
            "by", list(catalogue().attributes), (), "Break down by", placeholder="Nothing", most=MOST_BY, at=six,
            help="With the value that each user had before the exposure. Every breakdown is corrected for the number of looks.",
        )  # fmt: skip
        with seven.popover("Groups and costs", width="stretch"):
            control, expected, costs = _groups(controls, seen)
    spec = ExperimentSpec(
        campaign=seen.name, source=seen.source, window_days=window, period=period, events=events, control=control,  # type: ignore[arg-type]
        expected=expected, contact_cost=costs[0], incentive=costs[1], read=ReadSpec(method=method, by=by),  # type: ignore[arg-type]
    )  # fmt: skip
    return spec, seen


def _names(known: tuple[CampaignSeen, ...]) -> list[str]:
    twice = {seen.name for seen in known if sum(other.name == seen.name for other in known) > 1}
    return [f"{seen.name} ({SOURCE_WORDS[seen.source]})" if seen.name in twice else seen.name for seen in known]


def _groups(
    controls: Controls, seen: CampaignSeen
) -> tuple[str, tuple[float, ...], tuple[float | None, float | None]]:
    """Draw what the file does not say of a campaign that came in as events."""
    if seen.source == "assigned":
        st.caption("Groups, their shares and costs are those of the assignment.")
        return "", (), (None, None)
    control = ""
    expected: tuple[float, ...] = ()
    if len(seen.groups) > 1:
        usual = seen.groups[0] if seen.has_control else None
        control = controls.choice(
            "control", seen.groups, usual, "Group that got nothing", is_optional=True,
            help="The others are compared with it.",
        ) or ""  # fmt: skip
        each = 100 / len(seen.groups)
        share = controls.amount(
            "share", 1.0, 99.0, round(each, 1), "Its share of all users that was meant, %", step=1.0,
            help="For the check that the groups have the size that was meant; the other groups share the rest alike.",
        )  # fmt: skip
        if abs(share - round(each, 1)) > 1e-9:
            rest = (100 - share) / (len(seen.groups) - 1)
            expected = (share, *[rest] * (len(seen.groups) - 1))
    contact = controls.amount("contact", 0.0, MOST_MONEY, 0.0, "Cost of a contact", step=0.1)
    incentive = controls.amount("incentive", 0.0, MOST_MONEY, 0.0, "Given to each contacted user who stayed", step=1.0)
    return control, expected, (contact, incentive)


def _file_words(name: str) -> str:
    return "experiment-" + "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())[:40]


# Who was in it -----------------------------------------------------------------------------------------


def _who(found: Experiment) -> None:
    when = f"on {day(found.first_on)}" if found.first_on == found.last_on else f"{day(found.first_on)} to {day(found.last_on)}"
    st.markdown(plain(f"Exposed {when}: {group_lines(found.seen.groups, found.sizes)}."))
    if planned := planned_words(found.seen.plan, found.n_units):
        st.markdown(plain(planned))
    if found.seen.is_pooled:
        caution(POOLED)
    if 0 < found.n_mature < found.n_units:
        st.info(
            f"{many(found.n_units - found.n_mature, 'user')} of {found.n_units:,} are in progress and in no figure: complete on"
            f" {day(found.complete_on)}."
        )
    if len(found.overlaps):
        rows = found.overlaps
        names = list(dict.fromkeys(rows["campaign"]))
        n = int(rows["n"].sum())
        said = "another campaign" if len(names) == 1 else f"{len(names)} other campaigns"
        st.warning(
            plain(
                f"Overlap: {said} wrote to the same users within {found.window_days} days ({', '.join(names[:5])};"
                f" {many(n, 'contact')}). Where the shares below are alike in all groups, the comparison stands, on top of the"
                " other campaign; where they are not, part of the difference may be the other's."
            )
        )
        twin(
            pd.DataFrame(
                {
                    "Other campaign": rows["campaign"],
                    "Group": rows["group"],
                    "Users whom both had": rows["n"],
                    "Share of the group": [value_words(float(v), "rate") for v in rows["share"]],
                }
            ),
            "Users in two campaigns at once",
            "experiment_overlap_twin",
        )


# Ages and stays ----------------------------------------------------------------------------------------


def _ages(found: Experiment, told: tuple[object, ...]) -> None:
    if found.by_age is None:
        return
    by_age, period = found.by_age, found.spec.period
    with section("Age by age", f"Which share of each group came back in each {period} after the exposure?"):
        figure = drawn(
            "experiment ages", (*told, is_dark()), lambda: age_figure(by_age, period, PERIOD_DAYS[period], is_dark=is_dark())
        )
        chart(figure, alt=age_alt(by_age), key="experiment_ages_chart", file_name=f"{_file_words(found.seen.name)}-ages")
        rows = _age_rows(by_age)
        twin(rows, "Share of each group that came back, by age", "experiment_ages_twin")
        download(
            "the ages", f"{_file_words(found.seen.name)}-ages", lambda fmt: table_bytes(by_age.effects, fmt, sheet="ages"),
            key="experiment_ages_file",
        )  # fmt: skip
        st.caption(
            "The ages are corrected for each other (Benjamini–Hochberg) and do not touch the verdict, which is about the whole"
            " window."
        )


def _age_rows(by_age: Readout) -> pd.DataFrame:
    rows = by_age.as_measured().to_dict("records")
    return pd.DataFrame(
        {
            "Age": [row["metric"] for row in rows],
            "Group": [row["arm"] for row in rows],
            "Its share": [f"{value_words(row['value_arm'], 'rate')} of {row['n_arm']:,}" for row in rows],
            "Control's share": [f"{value_words(row['value_control'], 'rate')} of {row['n_control']:,}" for row in rows],
            "Difference, points": [signed(row["difference"], "rate") for row in rows],
            "From": [signed(row["low"], "rate") for row in rows],
            "To": [signed(row["high"], "rate") for row in rows],
            "Says": [row["says"] for row in rows],
        }
    )


def _stay(found: Experiment, told: tuple[object, ...]) -> None:
    stay = found.readout.stay if found.readout else None
    with section("How long they stayed", f"How many days until {found.lapse_days} days of silence began?"):
        if stay is None:
            st.info(
                f"Not known yet: a lapse takes {found.lapse_days} days of silence, and the data must reach so far beyond the"
                " exposure."
            )
            return
        st.markdown("\n".join(f"- {plain(said)}" for said in stay_words(stay)))
        last_known = found.clock.as_of_day - found.lapse_days
        curves = stay_curves(stay, found.clock, found.data_version, found.lapse_days, last_known)
        figure = drawn("experiment stays", (*told, is_dark()), lambda: stay_figure(curves, is_dark=is_dark()))
        name = f"{_file_words(found.seen.name)}-stays"
        chart(figure, alt=survival_alt(curves), key="experiment_stay_chart", file_name=name)
        rows = stay.groups.to_dict("records")
        twin(
            pd.DataFrame(
                {
                    "Group": [row["group"] for row in rows],
                    "Users": [f"{row['n']:,}" for row in rows],
                    "Lapsed": [f"{row['n_lapsed']:,}" for row in rows],
                    f"Mean stay within {stay.horizon_days} days": [amount(row["mean_stay"]) for row in rows],
                    "From": [amount(row["low"]) for row in rows],
                    "To": [amount(row["high"]) for row in rows],
                    "Median, days": ["not reached" if isnan(row["median"]) else f"{row['median']:.0f}" for row in rows],
                }
            ),
            "How long each group stayed",
            "experiment_stay_twin",
        )
        table = pd.concat([curve.assign(group=row["group"]) for row, curve in zip(rows, stay.curves, strict=True)])
        download("the curves", name, lambda fmt: table_bytes(table, fmt, sheet="stays"), key="experiment_stay_file")
        st.caption(
            "Days from the exposure to the last activity before the first silence; who was still active is counted up to the"
            f" last day of which everybody's status is known ({found.lapse_days} days before the data end). Silence before the"
            " exposure does not count: who never came back after it stayed 0 days."
        )


# Keep it -----------------------------------------------------------------------------------------------


def _keep(found: Experiment) -> None:
    with section("Keep what was learned", "What does the next plan start from?"):
        arms = found.seen.groups[1:]
        with st.form("experiment_keep", border=False):
            told: dict[str, str] = {}
            if found.seen.source == "events":
                names = list(answer(interventions_known))
                for place, arm in enumerate(arms):
                    chosen = st.selectbox(
                        plain(f"What {arm} got"), ["", *names], key=f"experiment_got_{place}",
                        format_func=lambda name: name or "Not in the catalogue",
                        help="The measured effect can then stand for the assumed one on the Interventions page.",
                    )  # fmt: skip
                    told[arm] = chosen
            text = st.text_area(
                "What was learned, in your words", max_chars=500, key="experiment_learned",
                placeholder="For example: 10 % off brings lapsed buyers back for a week, not for longer.",
            )  # fmt: skip
            is_sent = st.form_submit_button("Keep in the archive")
        if is_sent and order(learn, found.spec, text, told) is not None:
            st.session_state[NOTE] = f"“{found.seen.name}” is in the archive; its effect can be chosen on the Interventions page."
            st.rerun()


def _definition(found: Experiment) -> None:
    ages = ", ".join(found.ages) or "none: the window is shorter than one"
    definition_panel(
        f"**Who**: every user counts in the group of the first exposure, whatever happened later (intention to treat), once"
        f" {found.window_days} days of 24 hours from that exposure on have passed before the end of the data.\n\n"
        f"**Retained**: came back at least once within them. **Ages**: {ages}; an age is a stretch of"
        f" {PERIOD_DAYS[found.spec.period]} × 24 hours from the exposure, its first instant included. Nothing from before the"
        " exposure counts as an outcome.\n\n"
        f"**Net revenue**: orders within the window less refunds, which are booked on the day of their order; of a day that"
        " the window holds in part, the refunds count by the share of its sales inside.\n\n"
        f"**CUPED** uses the active days and the net revenue of the {found.window_days} days before the exposure.\n\n"
        "**p** is the chance of seeing so large a difference where there is none.",
        "experiment_definition",
    )
