"""Parts of the report that look at other users than those held back as a whole: drift since training, and groups."""

from __future__ import annotations

from math import isnan

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.churn.answer_report import FairnessReport, churn_drift, churn_fairness
from retention.churn.chart_report_groups import drift_alt, drift_figure, fairness_alt, fairness_figure
from retention.churn.judgement import Figure
from retention.churn.words_report import (
    MEASURES,
    drift_sentence,
    fairness_sentence,
    figure,
    on,
    score_drift_sentence,
    whole_percent,
)
from retention.cohorts.words import interval, percent
from retention.features.spec_registry import REGISTRY
from retention.periods import date_of, local_day
from retention.ui.answers import answer, catalogue, drawn
from retention.ui.behaviour import twin
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.pages import caution
from retention.ui.words import day, many, plain


def drift_part(version: int) -> None:
    """Show how far users have moved since a version was trained."""
    with st.spinner("Reading the features of the users of now …"):
        found = answer(churn_drift, version)
    frame = found.features
    st.markdown(f"**{plain(drift_sentence(found))}** {plain(score_drift_sentence(found))}")
    titles = {str(name): _title(str(name)) for name in frame["feature"]}
    key = (version, catalogue().data_version, is_dark())
    picture = drawn("churn drift", key, lambda: drift_figure(found, titles, is_dark=is_dark()))
    chart(picture, alt=drift_alt(found, titles), key="report_drift", file_name="score-drift")
    st.caption(
        plain(
            f"{many(found.n_users, 'user')} as of {on(found.cutoff_day)} against those whom the model has learned from. The"
            " population stability index (PSI) compares the shares of users in ten ranges of a feature; the tick marks what"
            " chance alone would hardly exceed. The features that moved most are drawn; the table holds all. A season moves"
            " features, too: a drift says look, not that the score is wrong."
        )
    )
    twin(
        pd.DataFrame(
            {
                "Feature": [titles[str(name)] for name in frame["feature"]],
                "PSI": [None if isnan(v) else round(float(v), 3) for v in frame["psi"]],
                "By chance up to": [None if isnan(v) else round(float(v), 3) for v in frame["by_chance"]],
                "In words": frame["words"],
            }
        ),
        "How far each feature has moved since training",
        "report_drift_twin",
    )
    download("the drift", "score-drift", lambda fmt: table_bytes(frame, fmt, sheet="drift"), key="report_drift_file")


def _title(name: str) -> str:
    return REGISTRY[name].title if name in REGISTRY else name


def fairness_part(controls: Controls, version: int, threshold: float) -> None:
    """Show how a version does in each group of users that an attribute makes."""
    names = list(catalogue().attributes)
    if not names:
        st.info("The users have no attributes to divide them by. Import a column such as country or plan, or save segments.")
        return
    left, right = st.columns([1, 1.6])
    by = controls.choice(
        "groups_by", names, None, "Divide the users by", at=left, is_optional=True,
        help="A property, a segment or a tag: whatever must not be treated worse by the score.",
    )  # fmt: skip
    if by is None:
        st.info("Choose what divides the users: a segment, or an attribute that deserves protection.")
        return
    words = {name: title for name, (title, _) in MEASURES.items()}
    measure = controls.pills("groups_show", list(MEASURES), "caught", "Show", words=words, at=right)
    answered = answer(churn_fairness, version, by, threshold)
    found = answered.fairness
    st.markdown(f"**{plain(fairness_sentence(found))}**")
    _of_when(answered, by)
    if not len(found.rows):
        return
    key = (version, by, threshold, catalogue().data_version, is_dark())
    picture = drawn(f"churn groups {measure}", key, lambda: fairness_figure(found, measure, is_dark=is_dark()))
    chart(picture, alt=fairness_alt(found, measure), key="report_groups_chart", file_name=f"score-groups-{measure}")
    n_left, n_users_left = found.n_hidden_groups, found.n_hidden_users
    left_out = f"Not shown: {many(n_left, 'group')} of fewer than 10 users ({many(n_users_left, 'user')}). " if n_left else ""
    st.caption(
        plain(
            f"{MEASURES[measure][1]} Chosen means a probability of {whole_percent(threshold)} or more, among the"
            f" {many(found.n_users, 'user')} held back. {left_out}Filled: differs from all other"
            " users, after the Benjamini–Hochberg correction for all rates of all groups; hollow: cannot tell."
        )
    )
    _group_table(answered)
    st.caption(
        "Where groups lapse at different rates, no score can have both right probabilities and equal errors in each of them"
        " (Kleinberg, Mullainathan and Raghavan 2016). Which of the two matters more is your decision; the score does not make it."
    )


def _of_when(answered: FairnessReport, by: str) -> None:
    """Say of which moment the groups are."""
    if answered.label_us is None:
        st.caption(plain(f"{by} is that of each user's first activity."))
        return
    day_of = day(date_of(local_day(answered.label_us, catalogue().settings.timezone)))
    st.caption(plain(f"{by} as of {day_of}."))
    if answered.is_circular:
        caution(
            f"{by} was made after the cut-off that the score is judged at, so it may know who lapsed: differences are partly"
            " circular. Score the segments as of an earlier date for a fair comparison."
        )


def _group_table(answered: FairnessReport) -> None:
    rows = answered.fairness.rows

    def rates(name: str) -> list[str]:
        return [
            ""
            if isnan(v)
            else f"{percent(float(v))} ({interval(float(a), float(b))})" + (f", {s}" if s != "cannot tell" else "")
            for v, a, b, s in zip(rows[name], rows[f"{name}_low"], rows[f"{name}_high"], rows[f"{name}_says"], strict=True)
        ]

    st.dataframe(
        pd.DataFrame(
            {
                "Group": rows["group"],
                "Users": rows["n"],
                "Lapsed": rates("came"),
                "Probability, mean": [percent(float(v)) for v in rows["said"]],
                "The probability is": rows["calibration_says"],
                "Chosen": rates("chosen"),
                "Caught": rates("caught"),
                "Bothered": rates("bothered"),
                "Ranking (ROC AUC)": [
                    "" if isnan(v) else figure(Figure(float(v), float(a), float(b)))
                    for v, a, b in zip(rows["auc"], rows["auc_low"], rows["auc_high"], strict=True)
                ],
            }
        ),
        hide_index=True,
        height="content",
        placeholder="",
        alt="The score in each group of users, with 95 % intervals",
        column_config={
            "Group": st.column_config.TextColumn(pinned=True),
            "Users": st.column_config.NumberColumn(format="localized"),
            "Lapsed": st.column_config.TextColumn(help=MEASURES["came"][1]),
            "The probability is": st.column_config.TextColumn(
                help="Whether more or fewer lapsed than the probabilities said; corrected for all groups."
            ),
            "Chosen": st.column_config.TextColumn(help=MEASURES["chosen"][1]),
            "Caught": st.column_config.TextColumn(help=MEASURES["caught"][1]),
            "Bothered": st.column_config.TextColumn(help=MEASURES["bothered"][1]),
        },
    )
    download("the groups", "score-groups", lambda fmt: table_bytes(rows, fmt, sheet="groups"), key="report_groups_file")
