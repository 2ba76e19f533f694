"""The tab that says whether a score can be trusted: judged on users it has not learned from, beside the plain rules."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan
from typing import Any

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.churn.answer_registry import models, serving
from retention.churn.answer_report import Report, churn_report
from retention.churn.answer_scores import latest_scoring
from retention.churn.card import ModelCard
from retention.churn.chart_report import (
    calibration_alt,
    calibration_figure,
    gain_alt,
    gain_figure,
    lift_figure,
    threshold_alt,
    threshold_figure,
    zoo_alt,
    zoo_figure,
)
from retention.churn.chart_report_groups import stability_alt, stability_figure
from retention.churn.judgement import Figure, at_threshold
from retention.churn.words_report import (
    ADVICE,
    FIGURES,
    calibration_sentence,
    figure,
    lapse_sentence,
    line_sentence,
    on,
    stability_sentence,
    standing_sentence,
    threshold_sentence,
    title_of,
)
from retention.cohorts.words import interval, percent
from retention.ui.answers import answer, catalogue, drawn
from retention.ui.at_risk_groups import drift_part, fairness_part
from retention.ui.behaviour import twin, verdict
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.pages import section
from retention.ui.words import many, plain

NONE_YET = "No model has been trained yet. Choose what lapse means under “Score”, and press Score."
GAINS = {"gain": "Share caught", "lift": "Times better than by lot"}
GAIN_WORDS = {
    "gain": "this share of all who lapsed is among them",
    "lift": "so many times more lapse among them than among as many users drawn by lot",
}


def report_panel(controls: Controls) -> None:
    """Show how good a version is, and let its reader look closer."""
    found = None
    with section(
        "Can this score be trusted?", "How good is it on users whom it has not learned from, beside rules that cost nothing?"
    ):
        card = chosen_card(controls)
        if card is None:
            st.info(NONE_YET)
            return
        found = answer(churn_report, card.version)
        verdict(card.sentence, ADVICE.get(card.word, ""))
        _ground(found)
        _figures(found)
        left, right = st.columns(2, gap="medium")
        with left:
            _ranking(controls, found)
        with right:
            _calibration(found)
    if found is None:  # what is missing has been said
        return
    with section("Look closer", "What does a threshold do, does it hold over time, are there better models, and is it fair?"):
        for (name, part), tab in zip(PARTS.items(), controls.tabs("look", list(PARTS)), strict=True):
            if tab.open:
                with tab, st.container(key=f"look_{name.partition(' ')[0].lower()}"):
                    part(controls, found)


def chosen_card(controls: Controls) -> ModelCard | None:
    """Draw the choice of the version that is reported on, where there are several; by default the one in service."""
    cards = answer(models)
    in_service = answer(serving)
    if not cards:
        return None
    usual = in_service or cards[0]
    if len(cards) == 1:
        return usual
    by_name = {str(card.version): card for card in cards}
    words = {
        name: f"Version {name}: {title_of(card.name)}, made on data up to {on(card.cutoff_day)}"
        + (" (in service)" if in_service and card.version == in_service.version else "")
        for name, card in by_name.items()
    }
    name = controls.choice("report_version", list(by_name), str(usual.version), "Version", words=words)
    return by_name[str(name)]


def _key(found: Report, *more: Any) -> tuple[Any, ...]:
    return (found.card.version, catalogue().data_version, is_dark(), *more)


def _ground(found: Report) -> None:
    """Say on whom it was judged; no figure means anything without."""
    st.markdown(plain(standing_sentence(found.standing, found.held_back.cutoff_day)))
    st.caption(plain(f"{lapse_sentence(found.card.spec.lapse)} {title_of(found.card.name)}, version {found.card.version}."))


# Figures -------------------------------------------------------------------------------------------------


def _figures(found: Report) -> None:
    st.subheader("Beside the rules")
    rows = found.standing.beside
    table: dict[str, list[str]] = {"Figure": [title for title, _, _ in FIGURES.values()]}
    for row in rows.to_dict("records"):
        name = title_of(str(row["score"]))
        table[f"{name} (this score)" if row["is_chosen"] else name] = [_shown(row, column) for column in FIGURES]
    st.dataframe(
        pd.DataFrame(table),
        hide_index=True,
        height="content",
        alt="Figures of the score beside those of the plain rules, with 95 % intervals",
        column_config={"Figure": st.column_config.TextColumn(pinned=True)},
    )
    panel = st.expander("What these figures mean", key="report_meanings", on_change="rerun")
    if panel.open:
        with panel:
            st.markdown("\n".join(f"- **{title}**: {meaning}" for title, meaning, _ in FIGURES.values()))
    st.caption(
        "In brackets the 95 % interval, from drawing the users anew. “Ahead by” compares both on the same users: only where its"
        " interval leaves out 0 is one better than the other. BG/NBD is a model of repeated purchases that needs no training on"
        " lapses; it ranks by the purchases that it expects."
    )
    _left_out(found)
    download("the figures", "score-figures", lambda fmt: table_bytes(rows, fmt, sheet="figures"), key="report_figures")


def _left_out(found: Report) -> None:
    named: dict[str, list[str]] = {}
    for name, reason in (found.card.report.get("skipped") or {}).items():
        named.setdefault(reason, []).append(title_of(name))
    for reason, names in named.items():
        st.caption(plain(f"Left out: {', '.join(names)}. {reason}"))


def _shown(row: dict[str, Any], column: str) -> str:
    value, low, high = (float(row[f"{column}{end}"]) for end in ("", "_low", "_high"))
    if isnan(value):
        return ""
    if FIGURES[column][2] == "share":
        return percent(value) + ("" if isnan(low) else f" ({interval(low, high)})")
    return figure(Figure(value, low, high), 3 if FIGURES[column][2] == "fine" else 2)


def _ranking(controls: Controls, found: Report) -> None:
    st.subheader("Whom it finds")
    kind = controls.pills("gains", list(GAINS), "gain", "Show", words=GAINS)
    draw = {"gain": gain_figure, "lift": lift_figure}[kind]
    picture = drawn(f"churn {kind}", _key(found), lambda: draw(found.standing, is_dark=is_dark()))
    chart(picture, alt=gain_alt(found.standing), key=f"report_{kind}", file_name=f"score-{kind}")
    st.caption(
        plain(
            f"If one contacts this share of the {many(found.standing.n_users, 'user')}, starting with the highest scores,"
            f" {GAIN_WORDS[kind]}."
        )
    )
    rows = found.standing.gains
    twin(_gain_rows(rows), "Whom the score and the rules find, by share of users", "report_gains_twin")
    download("the gains", "score-gains", lambda fmt: table_bytes(rows, fmt, sheet="gains"), key="report_gains_file")


def _gain_rows(rows: pd.DataFrame) -> pd.DataFrame:
    shown = rows[rows["n"] > 0]
    return pd.DataFrame(
        {
            "Score": [title_of(str(name)) for name in shown["score"]],
            "Share of users": [percent(float(v)) for v in shown["share"]],
            "Users": shown["n"],
            "Share of those who lapsed": ["" if isnan(v) else percent(float(v)) for v in shown["recall"]],
            "Share of them who lapsed": ["" if isnan(v) else percent(float(v)) for v in shown["precision"]],
            "Times as many as by lot": [None if isnan(v) else round(float(v), 2) for v in shown["lift"]],
        }
    )


def _calibration(found: Report) -> None:
    st.subheader("Can the probabilities be taken at their word?")
    st.markdown(f"**{plain(calibration_sentence(found.standing.line, found.standing.calibration))}**")
    picture = drawn("churn calibration", _key(found), lambda: calibration_figure(found.standing, is_dark=is_dark()))
    chart(picture, alt=calibration_alt(found.standing), key="report_calibration", file_name="score-calibration")
    st.caption(
        plain(
            "Each point is a tenth of the users, from the lowest scores to the highest: across what the score said on average,"
            " upwards which share of them lapsed. On the dotted line both are the same; a hollow point lies off it by more than"
            f" chance would. {line_sentence(found.standing.line)}"
        )
    )
    rows = found.standing.calibration
    twin(
        pd.DataFrame(
            {
                "Probability": [interval(float(a), float(b)) for a, b in zip(rows["from_"], rows["to"], strict=True)],
                "Users": rows["n"],
                "Said on average": [percent(float(v)) for v in rows["said"]],
                "Lapsed": [percent(float(v)) for v in rows["came"]],
                "95 % interval": [interval(float(a), float(b)) for a, b in zip(rows["low"], rows["high"], strict=True)],
                "Off": ["yes" if off else "no" for off in rows["is_off"]],
            }
        ),
        "What the score said and what came, by tenth of the users",
        "report_calibration_twin",
    )
    download(
        "the calibration",
        "score-calibration",
        lambda fmt: table_bytes(rows, fmt, sheet="calibration"),
        key="report_calibration_file",
    )


# Looking closer ------------------------------------------------------------------------------------------


def threshold_of(controls: Controls) -> float:
    """Draw the threshold; by default where risk is called high."""
    scoring = answer(latest_scoring)
    usual = 50 if scoring is None else round(scoring.high * 100)
    at = controls.number(
        "at", 1, 99, min(max(usual, 1), 99), "Threshold, %",
        help="Users with this probability of lapsing, or a higher one, are chosen. It starts where risk is called high.",
    )  # fmt: skip
    return at / 100


def _threshold(controls: Controls, found: Report) -> None:
    at = threshold_of(controls)
    held, standing = found.held_back, found.standing
    choice = at_threshold(held.lapsed, held.probability, at)
    st.markdown(f"**{plain(threshold_sentence(choice, standing.n_users, standing.n_lapsed))}**")
    for column, (title, value, meaning) in zip(
        st.columns(3),
        (
            ("Precision", _rate(choice.precision), f"Of those chosen, the share that lapsed{_between(choice.precision)}."),
            ("Recall", _rate(choice.recall), f"Of those who lapsed, the share that was chosen{_between(choice.recall)}."),
            ("F1", "–" if isnan(choice.f1) else f"{choice.f1:.2f}", "Both in one number from 0 to 1: their harmonic mean."),
        ),
        strict=True,
    ):
        with column.container(border=True, height="stretch"):
            st.metric(title, value)
            st.caption(meaning)
    picture = drawn("churn threshold", _key(found, at), lambda: threshold_figure(standing, at, is_dark=is_dark()))
    chart(picture, alt=threshold_alt(standing), key="report_threshold", file_name="score-threshold")
    st.caption(
        f"As it was on the {many(standing.n_users, 'user')} held back. Bands are 95 % intervals. The threshold that pays is"
        " under “Score”, where a contact has a cost and a user a value."
    )
    rows = standing.thresholds
    twin(
        pd.DataFrame(
            {
                "From": [percent(float(v)) for v in rows["threshold"]],
                "Users": rows["n"],
                "Precision": ["" if isnan(v) else percent(float(v)) for v in rows["precision"]],
                "Recall": ["" if isnan(v) else percent(float(v)) for v in rows["recall"]],
                "F1": [None if isnan(v) else round(float(v), 3) for v in rows["f1"]],
            }
        ),
        "Precision, recall and F1 at each threshold",
        "report_threshold_twin",
    )
    download(
        "the thresholds",
        "score-thresholds",
        lambda fmt: table_bytes(rows, fmt, sheet="thresholds"),
        key="report_threshold_file",
    )


def _rate(found: Figure) -> str:
    return "–" if isnan(found.value) else percent(found.value)


def _between(found: Figure) -> str:
    return "" if isnan(found.low) else f" ({interval(found.low, found.high)})"


def _over_time(controls: Controls, found: Report) -> None:
    held = found.stability
    st.markdown(f"**{plain(stability_sentence(held))}**")
    picture = drawn("churn stability", _key(found), lambda: stability_figure(held, is_dark=is_dark()))
    chart(picture, alt=stability_alt(held), key="report_stability", file_name="score-stability")
    st.caption(
        "At each cut-off the model was taught anew with what was known by then, and judged on what came after. Bars are 95 %"
        " intervals."
    )
    rows = held.rows
    twin(
        pd.DataFrame(
            {
                "Cut-off": [on(int(day)) for day in rows["test_day"]],
                "Score": [title_of(str(name)) for name in rows["model"]],
                "Users": rows["n_users"],
                "Lapsed": [_if_known(v, percent) for v in rows["base_rate"]],
                "ROC AUC": [
                    figure(Figure(float(v), float(a), float(b)), 3)
                    for v, a, b in zip(rows["auc"], rows["auc_low"], rows["auc_high"], strict=True)
                ],
                "Brier score": [_if_known(v, lambda x: f"{x:.3f}") for v in rows["brier"]],
                "Calibration slope": [_if_known(v, lambda x: f"{x:.2f}") for v in rows["slope"]],
                "Intercept": [_if_known(v, lambda x: f"{x:+.2f}".replace("-", "−")) for v in rows["intercept"]],
            }
        ),
        "The score and the rule at each held-back cut-off",
        "report_stability_twin",
    )
    download(
        "the cut-offs", "score-cutoffs", lambda fmt: table_bytes(rows, fmt, sheet="cutoffs"), key="report_stability_file"
    )


def _if_known(value: float, write: Callable[[float], str]) -> str:
    return "" if isnan(value) else write(float(value))


def _zoo(controls: Controls, found: Report) -> None:
    rows: list[dict[str, Any]] = list(found.card.report.get("table", ()))
    chosen = title_of(found.card.name)
    if found.card.spec.model == "best of":
        st.markdown(
            f"**{plain(chosen)} was taken: of {len(rows)} models and rules the cheapest within 0.005 of the best mean ROC AUC.**"
        )
    else:
        st.markdown(f"**{plain(chosen)} was asked for. Choose “best of” under “Score” to have all models tried.**")
    picture = drawn("churn zoo", _key(found), lambda: zoo_figure(rows, is_dark=is_dark()))
    chart(picture, alt=zoo_alt(rows), key="report_zoo", file_name="score-models")
    st.caption("Hollow: a rule. Bars are 95 % intervals; many overlap, so read no order into small differences.")
    table = pd.DataFrame(rows)
    st.dataframe(
        pd.DataFrame(
            {
                "Model": [title_of(str(r["model"])) + (" (taken)" if r["is_chosen"] else "") for r in rows],
                "ROC AUC, latest": [_auc_words(r) for r in rows],
                "Mean ROC AUC": [_or_none(r["auc_mean"], 3) for r in rows],
                "Average precision": [_or_none(r["average_precision"], 3) for r in rows],
                "Brier score": [_or_none(r["brier"], 4) for r in rows],
                "Log-loss": [_or_none(r["log_loss"], 3) for r in rows],
                "Lift, top 10 %": [_or_none(r["lift_10"], 2) for r in rows],
                "Seconds to train": [_or_none(r["seconds"], 2) for r in rows],
            }
        ),
        hide_index=True,
        height="content",
        placeholder="",
        alt="Every model tried, with its figures and its cost",
        column_config={
            "Mean ROC AUC": st.column_config.NumberColumn(format="%.3f", help="Over all held-back cut-offs."),
            "Average precision": st.column_config.NumberColumn(format="%.3f", help="At the latest cut-off, as the rest."),
            "Brier score": st.column_config.NumberColumn(
                format="%.4f", help="Mean squared error of the probability: less is better."
            ),
            "Log-loss": st.column_config.NumberColumn(format="%.3f", help="Less is better; hard on sure mistakes."),
            "Lift, top 10 %": st.column_config.NumberColumn(format="%.2f"),
            "Seconds to train": st.column_config.NumberColumn(format="%.2f", help="Processor time for one cut-off."),
        },
    )
    download("the models", "score-models", lambda fmt: table_bytes(table, fmt, sheet="models"), key="report_zoo_file")
    _left_out(found)


def _auc_words(row: dict[str, Any]) -> str:
    value, low, high = (float("nan") if row[c] is None else float(row[c]) for c in ("auc", "auc_low", "auc_high"))
    return "" if isnan(value) else figure(Figure(value, low, high), 3)


def _or_none(value: Any, digits: int) -> float | None:
    return None if value is None or isnan(value) else round(float(value), digits)


def _drift(controls: Controls, found: Report) -> None:
    drift_part(found.card.version)


def _groups(controls: Controls, found: Report) -> None:
    fairness_part(controls, found.card.version, threshold_of(controls))


PARTS: dict[str, Callable[[Controls, Report], None]] = {
    "Threshold": _threshold,
    "Over time": _over_time,
    "All models": _zoo,
    "Drift": _drift,
    "Groups of users": _groups,
}
