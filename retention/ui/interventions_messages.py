"""The tab of messages: a template, and what users of the list would read; nothing is sent."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from retention.errors import RetentionError
from retention.interventions.answer_messages import known_of, written
from retention.interventions.messages import FALLBACK, MESSAGE, Messages, usual_template
from retention.interventions.spec_message import FIELDS, LANGUAGES, MAX_TEMPLATE, Language, MessageSpec
from retention.ui.answers import advise, answer
from retention.ui.controls import Controls
from retention.ui.interventions_controls import Chosen, intervention_choice, left_out, segmentations
from retention.ui.pages import section
from retention.ui.words import many, plain

ALL = "all users"
FIELD_TITLES = {name: name.replace("_", " ") for name in FIELDS}
KEPT = "interventions_templates"
"""Where templates that were typed are kept: a tab that is shut forgets its fields."""


def messages_panel(controls: Controls, chosen: Chosen) -> None:
    """Draw the template, and the messages of a few users."""
    with section("What they would read", "Does the message read well for each user, and who would get none?"):
        one, two, three = st.columns([2, 1, 2])
        intervention = intervention_choice(controls, one)
        language: Language = "English" if controls.pills("language", LANGUAGES, "English", "Language", at=two) == "English" else "Chinese"
        labels = segmentations()
        segmentation = None
        if labels:
            segmentation = controls.choice(
                "among", labels, None, "What goes well is looked up in", at=three, is_optional=True,
                help="{segment_item} is what users of the same segment bought most; without a segmentation, all users.",
            )  # fmt: skip
        offer = controls.text(
            f"offer.{intervention.kind}", "The offer, for {offer}", default=intervention.offer, help="As it shall stand in the message"
        )
        template, fallback = _template(intervention.kind, language)
        st.caption("Fields: " + "; ".join(plain(f"{{{name}}} – {meaning}") for name, meaning in FIELDS.items()) + ".")
        try:
            spec = MessageSpec(
                users=chosen.asked(), template=template, fallback=fallback, offer=offer, segmentation=segmentation
            )
        except RetentionError as error:
            advise(error)
            return
        left_out(chosen)
        found = written(answer(known_of, spec.users, spec.segmentation, spec.n_shown), spec)
        _shown(found)


def _template(kind: str, language: Language) -> tuple[str, str]:
    """Draw the fields of the template; each kind and language has its own, as it was left."""
    kept: dict[str, str] = st.session_state.setdefault(KEPT, {})
    usual = usual_template(kind, language)
    said = []
    for name, text, label in (
        ("message", usual[0], "Message"),
        ("fallback", usual[1], "Where one of its fields is not known, write instead (empty: nothing)"),
    ):
        key = f"interventions_{name}_{kind}_{language}"
        kept[key] = st.text_area(label, kept.get(key, text), key=key, max_chars=MAX_TEMPLATE, height=90)
        said.append(kept[key])
    return said[0], said[1]


def _shown(found: Messages) -> None:
    if not found.n_users:
        st.info("Nobody is on this list, so there is no message to show.")
        return
    n_whole = found.n_users - found.n_unwritten - found.n_fallback
    st.markdown(
        f"**Of {many(found.n_users, 'user')}, {n_whole:,} would read the message, {found.n_fallback:,} what is written instead,"
        f" and {found.n_unwritten:,} would get nothing.**"
    )
    lacking = [f"{FIELD_TITLES[name]} of {n:,}" for name, n in found.n_missing.items() if n]
    if lacking:
        st.caption(f"Not known: {', '.join(lacking)}.")
    table = _table(found.shown)
    st.markdown(plain(f"{many(len(table), 'user')}, drawn by lot from these:"))
    with st.container(key="interventions_texts"):
        for row in found.shown.head(3).itertuples(index=False):
            with st.container(border=True):
                st.caption(f"User {str(row.pseudonym)[:12]}{_instead(str(row.kind), str(row.missing))}")
                # As text and nothing else: what is filled in may come from anywhere.
                st.text(str(row.text) if row.text is not None else "No message.")
    st.dataframe(
        table,
        hide_index=True,
        height=min(38 + 35 * len(table), 388),
        alt="Messages of a few users, with the fields that are not known",
        placeholder="",
        column_config={
            "User (pseudonym)": st.column_config.TextColumn(width=120),
            "Message": st.column_config.TextColumn(width="large"),
        },
    )
    st.caption(
        "Users are named by their pseudonym, never by a name. The favourite is what a user bought most, else looked at most."
        " Nothing is sent from here: take the template to your own tool."
    )


def _instead(kind: str, missing: str) -> str:
    if kind == MESSAGE:
        return ""
    lack = ", ".join(FIELD_TITLES[name] for name in missing.split(", "))
    return f": {lack} not known, so {'this is written instead' if kind == FALLBACK else 'nothing is written'}"


def _table(shown: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "User (pseudonym)": shown["pseudonym"],
            "Message": [text if isinstance(text, str) else None for text in shown["text"]],
            "Which": shown["kind"],
            "Not known": [", ".join(FIELD_TITLES[name] for name in text.split(", ") if name) for text in shown["missing"]],
        }
    )
