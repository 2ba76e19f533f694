"""The tab of the versions of the churn model: what each is, two beside each other, and which one scores."""

from __future__ import annotations

from math import isnan
from typing import Any

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.churn.answer_registry import lost_models, models, serving
from retention.churn.answer_report import compare_versions
from retention.churn.card import ModelCard
from retention.churn.card_compare import Compared, latest_figures
from retention.churn.judgement import Figure
from retention.churn.order_registry import delete_model, put_in_service
from retention.churn.words_report import (
    CARD_FIGURES,
    compared_sentence,
    figure,
    lapse_sentence,
    limits_of,
    on,
    title_of,
)
from retention.cohorts.words import percent
from retention.errors import StoreError
from retention.features.spec_registry import REGISTRY
from retention.ui.answers import answer, catalogue, order, was_done
from retention.ui.at_risk_learning import learning_part
from retention.ui.at_risk_report import NONE_YET
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.pages import caution, section
from retention.ui.words import many, moment, plain, short_moment

NOTE = "at_risk_models_done"
SHOWN_VERSIONS = 100
WORDS = {"reliable": "reliable enough to rank", "no better": "no better than a rule", "too few": "too few users to tell"}


def models_panel(controls: Controls) -> None:
    """List the versions, show the card of one, compare two, and change which one scores."""
    card = None
    with section("Versions of the model", "Which models have been trained, how good is each, and which one scores?"):
        if done := st.session_state.pop(NOTE, ""):
            st.success(plain(done))
        cards, broken = answer(models), answer(lost_models)
        _lost(broken)
        if not cards:
            if not broken:
                st.info(NONE_YET)
            return
        in_service = _in_service()
        _versions(cards, in_service)
        by_name = {str(card.version): card for card in cards}
        words = {name: _version_words(card, in_service) for name, card in by_name.items()}
        usual = str((in_service or cards[0]).version)
        card = by_name[str(controls.choice("model_version", list(by_name), usual, "Look at", words=words))]
    if card is None:  # what is missing has been said
        return
    with section(f"Model card: version {card.version}"):
        _card(card)
    if len(cards) > 1:
        with section("Two versions beside each other", "What is different, and is the newer one better?"):
            _compare(controls, card, by_name, words)
    if in_service is None or card.version != in_service.version:
        _service(card, in_service)
    _delete(card, in_service)


def _in_service() -> ModelCard | None:
    """Read which version scores; one whose files are gone scores nobody."""
    try:
        return answer(serving)
    except StoreError:
        return None


def _lost(broken: dict[int, str]) -> None:
    """Say which versions cannot be read any more, and offer to forget them."""
    for version, why in broken.items():
        caution(why)
        if st.button(f"Forget version {version}", key=f"models_forget_{version}"):
            order(delete_model, version, receipt=f"Version {version} is forgotten.")
            st.rerun()


def _version_words(card: ModelCard, in_service: ModelCard | None) -> str:
    is_serving = in_service is not None and card.version == in_service.version
    return f"Version {card.version}: {title_of(card.name)}, made on data up to {on(card.cutoff_day)}" + (
        " (in service)" if is_serving else ""
    )


def _versions(cards: tuple[ModelCard, ...], in_service: ModelCard | None) -> None:
    aucs = [latest_figures(card).get(card.name, {}).get("auc") for card in cards]
    table = pd.DataFrame(
        {
            "Version": [card.version for card in cards],
            "In service": ["yes" if in_service and card.version == in_service.version else "" for card in cards],
            "Model": [title_of(card.name) for card in cards],
            "Made to score": [on(card.cutoff_day) for card in cards],
            "Verdict": [WORDS.get(card.word, card.word) for card in cards],
            "ROC AUC": ["" if auc is None else figure(auc, 3) for auc in aucs],
            "Lapse within": [many(card.spec.lapse.horizon_days, "day") for card in cards],
            "Reads": [many(len(card.features), "feature") if card.features else "events" for card in cards],
            "Made": [short_moment(card.made_us, catalogue().settings.timezone) for card in cards],
        }
    )
    st.dataframe(table.head(SHOWN_VERSIONS), hide_index=True, height=min(38 + 35 * len(table), 283),
                 alt="The versions of the churn model, the newest first")  # fmt: skip
    if len(table) > SHOWN_VERSIONS:
        st.caption(f"The newest {SHOWN_VERSIONS} of {len(table):,}.")
    download("the versions", "churn-models", lambda fmt: table_bytes(table, fmt, sheet="models"), key="models_versions")


# One version ---------------------------------------------------------------------------------------------


def _card(card: ModelCard) -> None:
    with st.container(key="verdict"):
        st.markdown(f"**{plain(card.sentence)}**")
    left, right = st.columns(2)
    with left.container(border=True):
        st.subheader("What it was taught")
        st.markdown(_listed(_taught(card)))
    with right.container(border=True):
        st.subheader("Limits")
        st.markdown(_listed(limits_of(card)))
    figures = latest_figures(card).get(card.name, {})
    rows = pd.DataFrame(
        {
            "Figure": [title for title, _ in CARD_FIGURES.values()],
            "Value": [_figure(name, figures.get(name)) for name in CARD_FIGURES],
            "What it means": [meaning for _, meaning in CARD_FIGURES.values()],
        }
    )
    st.dataframe(
        rows, hide_index=True, height="content", alt=f"Figures of version {card.version} with 95 % intervals",
        column_config={"What it means": st.column_config.TextColumn(width="large")},
    )  # fmt: skip
    st.caption(f"At the held-back cut-off, {on(card.held_back_day)}; in brackets the 95 % interval.")
    if card.features:
        _features(card)
    learning_part(card)
    st.download_button(
        "Download the card (JSON)",
        data=lambda: card.to_json().encode(),
        file_name=f"churn-model-v{card.version}.json",
        mime="application/json",
        on_click="ignore",
        key="models_card_json",
        help="Everything that is known of this version, for a file or an audit.",
    )


def _listed(sentences: tuple[str, ...]) -> str:
    return "\n".join(f"- {plain(one)}" for one in sentences)


def _taught(card: ModelCard) -> tuple[str, ...]:
    asked = "" if card.spec.model == card.name else f" (asked for: {title_of(card.spec.model).lower()})"
    tuned = card.report.get("tuned") or {}
    calibrated = (
        "Its probabilities were not set right on a cut-off of their own."
        if card.calibrate_day is None
        else f"Its probabilities were set right on users as of {on(card.calibrate_day)}."
    )
    return (
        f"{title_of(card.name)}{asked}, on "
        + (f"{many(len(card.features), 'feature')}." if card.features else "the events themselves, in their order."),
        lapse_sentence(card.spec.lapse),
        f"{card.n_rows:,} rows, a user once a cut-off, from {on(card.train_days[0])} to {on(card.train_days[-1])}; "
        f"{percent(card.base_rate)} of them lapsed.",
        calibrated,
        "Its settings were searched for within the time allowed."
        if card.name in tuned
        else "Its settings are the tried-out ones.",
        f"Made in {card.seconds:,.0f} seconds on {moment(card.made_us, catalogue().settings.timezone)}, on data up to"
        f" {moment(card.as_of_us, catalogue().settings.timezone)}.",
        f"Its file's checksum begins with {card.sha256[:12]}; made with"
        f" {', '.join(f'{name} {version}' for name, version in card.libraries.items())}.",
    )


def _figure(name: str, found: Figure | None) -> str:
    if found is None or isnan(found.value):
        return ""
    if name == "base_rate":
        return percent(found.value)
    return figure(found, 3 if name in ("auc", "average_precision", "brier", "log_loss") else 2)


def _features(card: ModelCard) -> None:
    worth = {str(row["feature"]): row for row in card.report.get("importance") or ()}
    rows = pd.DataFrame(
        {
            "Feature": [_title(name) for name in card.features],
            "Meaning": [REGISTRY[name].meaning if name in REGISTRY else "" for name in card.features],
            "Loss of ROC AUC without it": [_worth(worth.get(name)) for name in card.features],
        }
    )
    panel = st.expander(f"The {many(len(card.features), 'feature')} it reads", key="models_features", on_change="rerun")
    if panel.open:
        with panel:
            st.dataframe(
                rows,
                hide_index=True,
                height=min(38 + 35 * len(rows), 388),
                placeholder="",
                alt="The features that the model reads",
            )
            download(
                "the features",
                "model-features",
                lambda fmt: table_bytes(rows, fmt, sheet="features"),
                key="models_features_file",
            )


def _title(name: str) -> str:
    return REGISTRY[name].title if name in REGISTRY else name


def _worth(row: dict[str, Any] | None) -> str:
    if row is None or row.get("value") is None:
        return ""
    low, high = (float("nan") if row.get(end) is None else float(row[end]) for end in ("low", "high"))
    return figure(Figure(float(row["value"]), low, high), 3)


# Two versions --------------------------------------------------------------------------------------------


def _compare(controls: Controls, card: ModelCard, by_name: dict[str, ModelCard], words: dict[str, str]) -> None:
    others = [name for name in by_name if name != str(card.version)]
    other = str(controls.choice("model_beside", others, others[0], f"Version {card.version} beside", words=words))
    found = answer(compare_versions, card.version, int(other))
    st.markdown(f"**{plain(compared_sentence(found))}**")
    older, newer = f"Version {found.one.version}", f"Version {found.two.version}"
    rows = found.figures
    st.dataframe(
        pd.DataFrame(
            {
                "Figure": [CARD_FIGURES[name][0] for name in rows["figure"]],
                older: _side(found, "one"),
                newer: _side(found, "two"),
                "What it means": [CARD_FIGURES[name][1] for name in rows["figure"]],
            }
        ),
        hide_index=True,
        height="content",
        placeholder="",
        alt="The figures of both versions, each on its own held-back users",
        column_config={"What it means": st.column_config.TextColumn(width="large")},
    )
    first, second = (on(card.held_back_day) for card in (found.one, found.two))
    st.caption(
        f"Both were judged on users as of {first}."
        if first == second
        else f"{older} was judged on users as of {first}, {newer.lower()} as of {second}."
    )
    for what, names in (("Only the older one reads", found.gone), ("Only the newer one reads", found.added)):
        if names:
            st.markdown(plain(f"{what}: {', '.join(_title(name) for name in names)}."))
    if found.settings:
        st.dataframe(
            pd.DataFrame(found.settings, columns=["What was asked", older, newer]),
            hide_index=True, height="content", alt="What was asked differently",
        )  # fmt: skip
    elif not (found.gone or found.added):
        st.caption("Both were asked the same, on the same features.")
    download(
        "the comparison", "churn-models-compared", lambda fmt: table_bytes(rows, fmt, sheet="figures"), key="models_compared"
    )


def _side(found: Compared, side: str) -> list[str]:
    rows = found.figures
    return [
        _figure(str(name), Figure(float(v), float(a), float(b)))
        for name, v, a, b in zip(rows["figure"], rows[side], rows[f"{side}_low"], rows[f"{side}_high"], strict=True)
    ]


# What can be done ----------------------------------------------------------------------------------------


def _service(card: ModelCard, in_service: ModelCard | None) -> None:
    key = f"models_service_{card.version}"
    with st.expander(f"Put version {card.version} in service", key="models_service"), st.form(key, border=False):
        now = "No version is in service now." if in_service is None else f"Version {in_service.version} scores now."
        st.markdown(plain(f"{now} Finished scores stay as they are; the next scoring uses version {card.version}."))
        is_meant = st.checkbox(f"Yes, let version {card.version} score", key=f"{key}_meant")
        is_sent = st.form_submit_button("Put in service")
        if is_sent and not is_meant:
            st.error("Tick the box to confirm. Nothing was changed.")
        elif is_sent and order(put_in_service, card.version) is not None:
            _done(f"Version {card.version} is in service.")


def _delete(card: ModelCard, in_service: ModelCard | None) -> None:
    key = f"models_delete_{card.version}"
    with st.expander(f"Delete version {card.version}", key="models_delete"), st.form(key, border=False):
        said = "Its files and all scores that it has given are gone then; saved audiences stay."
        if in_service is not None and card.version == in_service.version:
            said += " It is in service: the newest of the others will score in its place."
        st.markdown(plain(said))
        is_meant = st.checkbox(f"Yes, delete version {card.version}", key=f"{key}_meant")
        is_sent = st.form_submit_button("Delete")
        if is_sent and not is_meant:
            st.error("Tick the box to confirm. Nothing was deleted.")
        elif is_sent and was_done(delete_model, card.version):
            _done(f"Version {card.version} is deleted.")


def _done(text: str) -> None:
    """Say after the next run what was done, now that everything above has changed."""
    st.session_state[NOTE] = text
    st.rerun()
