"""A score from a table of one's own: one row a user, a column that says who left, and how far that can be trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.churn.chart_own import clue_alt, clue_bars
from retention.churn.chart_report import calibration_alt, calibration_figure
from retention.churn.model_own import clues, own_report, refuse_leaks
from retention.churn.own_score import Clue, OwnReport
from retention.churn.own_table import YES, OwnTable, likely_id, own_table, read_table, two_values
from retention.churn.spec import BEST
from retention.churn.spec_own import OWN_MODELS, OwnSpec
from retention.churn.words_own import FIGURES, definition, number, who
from retention.churn.words_report import title_of
from retention.cohorts.words import interval, percent
from retention.errors import SpecError
from retention.ui.behaviour import verdict as show_verdict
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.pages import section
from retention.ui.words import many, plain

HELD = "at_risk_own"
CHOICES = "at_risk_v_own_"
"""The page keeps what begins so while another of its tabs is open; nothing of it goes into the address."""
ALLOWED = f"{CHOICES}allowed"
SHOWN_ROWS = 500
NONE = "–"


@dataclass(frozen=True)
class _Held:
    """What the session keeps: the file as read, and what was last asked of it."""

    file_id: str
    name: str
    frame: pd.DataFrame
    report: OwnReport | None = None


def own_table_panel(controls: Controls) -> None:
    """Take a table, learn from it, and say how good that is."""
    with section(
        "Your own table", "Who is likely to leave, from a table with one row a user and a column that says who left?"
    ):
        st.caption(
            "For data without dated events. The table stays in this session: it is not stored, and users of the store are not"
            " touched."
        )
        held = _upload()
        if held is None:
            return
        spec = _asked(held)
        table = own_table(held.frame, spec, held.name)
        is_answered = held.report is not None and held.report.table.spec == spec
        _columns(table, is_named=not is_answered)
        found = _clues(held, table)
        _suspects(found, spec)
        if st.button("Learn and judge", type="primary", key="own_learn"):
            _learn(held, table)
            st.rerun()
        if held.report is None:
            return
        if held.report.table.spec != spec:
            st.info("The choices above have changed since; press the button to learn again.")
        _report(held.report)


def _upload() -> _Held | None:
    file = st.file_uploader("CSV, also with ; or tabs, also gzipped", key="own_file", type=["csv", "tsv", "txt", "gz"])
    held: _Held | None = st.session_state.get(HELD)
    if file is not None and (held is None or held.file_id != file.file_id):
        _forget()
        held = st.session_state[HELD] = _Held(file.file_id, file.name, read_table(file.getvalue()))
    if held is not None and file is None:
        # The box is empty again once another tab has been open; the table is kept until somebody says otherwise.
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(plain(f"Still here: {held.name}, {many(len(held.frame), 'row')}."))
            if st.button("Forget it", key="own_forget"):
                _forget()
                st.rerun()
    return held


def _forget() -> None:
    for name in [n for n in st.session_state if str(n).startswith(CHOICES) or n in (HELD, "own_clues")]:
        del st.session_state[name]


def _asked(held: _Held) -> OwnSpec:
    """Draw what is asked of the table; its columns are nobody else's, so nothing of it goes into the address."""
    columns = list(held.frame.columns)
    labels = two_values(held.frame)
    if not labels:
        raise SpecError("No column of the file has two values.", hint="It takes one that says who left, yes or no.")
    with st.container(key="own_controls"):
        one, two, three = st.columns(3)
        label = one.selectbox(
            "Column that says who left", labels, key=f"{CHOICES}label", format_func=plain,
            help="Columns with two values, such as yes and no.",
        )  # fmt: skip
        values = sorted({str(v) for v in held.frame[label] if v})
        st.session_state.setdefault(f"{CHOICES}positive_{label}", _likely(values))
        positive = two.selectbox("Value that means “left”", values, key=f"{CHOICES}positive_{label}", format_func=plain)
        guess = likely_id(held.frame)
        ids = [NONE, *(name for name in columns if name != label)]
        # What was chosen may since have become the label.
        if st.session_state.get(f"{CHOICES}id") not in ids:
            st.session_state[f"{CHOICES}id"] = guess if guess in ids else NONE
        id_column = three.selectbox(
            "Column that tells users apart", ids, key=f"{CHOICES}id", format_func=plain,
            help="Never learned from; a user must have one row.",
        )  # fmt: skip
        others = [name for name in columns if name not in (label, id_column)]
        four, five = st.columns([1, 2])
        model = four.selectbox(
            "Model", [*OWN_MODELS, BEST], key=f"{CHOICES}model", format_func=title_of,
            help="Best of all: the cheapest whose ranking is within 0.005 of the best; takes about ten times as long.",
        )  # fmt: skip
        left_out = five.multiselect(
            "Columns to leave out", others, key=f"{CHOICES}out_{label}", format_func=plain, placeholder="None",
            help="Above all what was written down after a user had left.",
        )  # fmt: skip
    return OwnSpec(
        label=label, positive=positive, id_column=None if id_column == NONE else id_column, left_out=tuple(left_out), model=model,
        allowed=tuple(name for name in st.session_state.get(ALLOWED, ()) if name in others),
    )  # fmt: skip


def _likely(values: list[str]) -> str:
    return next((value for value in values if value.lower() in YES), values[0])


def _columns(table: OwnTable, *, is_named: bool) -> None:
    if is_named:
        st.markdown(plain(who(table, int(table.is_known.sum()), int((table.labels == 1).sum()))))
    panel = st.expander(
        f"What each column was taken for, and {many(len(table.left_out), 'column')} left out", key="own_columns", on_change="rerun"
    )
    if panel.open:
        with panel:
            kinds = {"number": "number", "day": "day", "text": "words"}
            rows: list[tuple[Any, ...]] = [(c.name, kinds[c.kind], c.n_distinct, c.n_missing, "") for c in table.columns]
            rows += [(name, "left out", None, None, reason) for name, reason in table.left_out]
            _table(
                pd.DataFrame(rows, columns=["Column", "Taken for", "Different values", "Unknown", "Why"]), "The columns of the file"
            )


def _clues(held: _Held, table: OwnTable) -> tuple[Clue, ...]:
    """Look at each column alone, once for each choice."""
    key = (held.file_id, replace(table.spec, model=OWN_MODELS[0], allowed=()))
    kept = st.session_state.get("own_clues")
    if kept is None or kept[0] != key:
        kept = st.session_state["own_clues"] = (key, clues(table)[0])
    found: tuple[Clue, ...] = kept[1]
    return found


def _suspects(found: tuple[Clue, ...], spec: OwnSpec) -> None:
    """Name the columns that tell too well who left, and let them be allowed by somebody who knows better."""
    names = [clue.name for clue in found if clue.is_suspect]
    if not names:
        return
    try:
        refuse_leaks(found, spec.allowed)
    except SpecError as error:
        st.error(plain(f"{error.message} {error.hint}"))
    st.multiselect(
        "Allow what was known before anybody left", names, key=ALLOWED, format_func=plain, placeholder="None",
        help="Only where you know when the column is written.",
    )  # fmt: skip


def _learn(held: _Held, table: OwnTable) -> None:
    bar = st.progress(0.0, "Learning")
    try:
        report = own_report(table, lambda share, text: bar.progress(min(share, 1.0), plain(text)))
    finally:
        bar.empty()
    st.session_state[HELD] = replace(held, report=report)


def _report(report: OwnReport) -> None:
    show_verdict(report.sentence, who(report.table, report.n_users, report.n_left))
    st.subheader("How good it is")
    figures = {**report.figures, "slope": report.line.slope, "intercept": report.line.intercept}
    _table(
        pd.DataFrame(
            [(title, number(figures[name]), text) for name, (title, text) in FIGURES.items()],
            columns=["Figure", "Value (95 % interval)", "What it means"],
        ),
        "How good the score is",
        widths={"Figure": 190, "Value (95 % interval)": 190},
    )
    st.caption(
        plain(f"{title_of(report.model)}; every user scored by a model that had not seen the user ({len(report.folds)} parts).")
    )
    st.subheader("What each column tells alone")
    _twin(
        "own_clues_twin",
        lambda: chart(
            clue_bars(report.clues, is_dark=is_dark()), alt=clue_alt(report.clues), key="own_clues_chart", file_name="own-columns"
        ),
        pd.DataFrame([(c.name, round(c.auc, 3), "yes" if c.is_suspect else "") for c in report.clues],
                     columns=["Column", "ROC AUC alone", "Too good"]),
        "What each column tells alone", "own-columns",
    )  # fmt: skip
    st.caption("A column that ranks well goes with leaving; it need not be a cause of it.")
    st.subheader("Are the probabilities right?")
    rows = report.calibration
    _twin(
        "own_calibration_twin",
        lambda: chart(
            calibration_figure(report, did="left", is_dark=is_dark()), alt=calibration_alt(report), key="own_calibration_chart",
            file_name="own-calibration",
        ),
        pd.DataFrame({
            "Score from": [percent(v) for v in rows["from_"]], "to": [percent(v) for v in rows["to"]], "Users": [f"{n:,}" for n in rows["n"]],
            "Said": [percent(v) for v in rows["said"]], "Came": [percent(v) for v in rows["came"]],
            "95 % interval": [interval(a, b) for a, b in zip(rows["low"], rows["high"], strict=True)],
            "Off": ["yes" if off else "" for off in rows["is_off"]],
        }),
        "What the score said against what came", "own-calibration",
    )  # fmt: skip
    st.caption("Hollow: what the score said lies outside of the interval of what came.")
    _models(report)
    _scores(report)
    panel = st.expander("What these numbers mean", key="own_definition", on_change="rerun")
    if panel.open:
        panel.markdown(plain(definition(report.table)))


def _models(report: OwnReport) -> None:
    st.subheader("Part by part")
    folds = report.folds
    _table(
        pd.DataFrame({
            "Part": folds["fold"], "Users": [f"{n:,}" for n in folds["n"]], "Left": [percent(v) for v in folds["base_rate"]],
            "ROC AUC": _three(folds["auc"]), "Log-loss": _three(folds["log_loss"]), "Brier": _three(folds["brier"]),
        }),
        "The figures of each part",
    )  # fmt: skip
    if len(report.models) > 1:
        st.subheader("The models beside each other")
        models = report.models
        _table(
            pd.DataFrame({
                "Model": [title_of(name) for name in models["model"]], "Chosen": ["yes" if c else "" for c in models["is_chosen"]],
                "ROC AUC": _three(models["auc"]), "± between parts": _three(models["auc_sd"]),
                "Log-loss": _three(models["log_loss"]), "Brier": _three(models["brier"]), "CPU seconds": [f"{s:.2f}" for s in models["seconds"]],
            }),
            "The models beside each other, means over the parts",
        )  # fmt: skip


def _scores(report: OwnReport) -> None:
    st.subheader("Every user's score")
    rows = report.predictions().sort_values("probability", ascending=False, ignore_index=True)
    shown = rows.assign(probability=[percent(p) for p in rows["probability"].head(SHOWN_ROWS)] + [""] * max(0, len(rows) - SHOWN_ROWS))
    _table(shown.head(SHOWN_ROWS).rename(columns={"probability": "Probability"}), "The users with the highest scores")
    if len(rows) > SHOWN_ROWS:
        st.caption(f"The first {SHOWN_ROWS} of {len(rows):,} rows; the file holds all of them.")
    download(
        "every user's score", "own-scores", lambda fmt: table_bytes(rows, fmt, sheet="scores"), key="own_scores"
    )  # fmt: skip


def _twin(key: str, draw: Callable[[], Any], frame: pd.DataFrame, alt: str, file_name: str) -> None:
    as_chart, as_table = st.tabs(["Chart", "Table"], key=key, on_change="rerun")
    if as_table.open:
        with as_table:
            _table(frame, alt)
            download(alt, file_name, lambda fmt: table_bytes(frame, fmt, sheet="rows"), key=f"{key}_files_")
    else:
        with as_chart:
            draw()


def _table(frame: pd.DataFrame, alt: str, widths: dict[str, int] | None = None) -> None:
    st.dataframe(
        frame.head(SHOWN_ROWS),
        hide_index=True,
        height=min(38 + 35 * max(len(frame), 1), 458),
        placeholder="",
        alt=alt,
        column_config={name: st.column_config.Column(width=width) for name, width in (widths or {}).items()},
    )


def _three(values: pd.Series) -> list[str]:
    return [f"{value:.3f}" for value in values]
