"""The users behind a number: who they are, what they did, and the list as a file or an audience."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from retention.audiences.answer import audiences
from retention.audiences.order import export_members, save_audience
from retention.audiences.spec import AudienceSpec
from retention.cohorts.answer import SHOWN_EVENTS, cohort_members, user_events
from retention.cohorts.chart_look import cohort_label
from retention.cohorts.spec import CellSpec
from retention.cohorts.words import percent
from retention.errors import RetentionError
from retention.ui.answers import advise, answer, catalogue, drawn, order
from retention.ui.cohorts import cell_state
from retention.ui.downloads import download
from retention.ui.starting import store
from retention.ui.words import many, plain, short_moment


def audience_panel(cell: CellSpec | None) -> CellSpec | None:
    """List the users behind the picked cell, those who came back or those who did not, and return the cell shown."""
    if cell is None:
        return None
    state = st.session_state
    kept, lost = (answer(cohort_members, replace(cell, is_lost=is_lost)) for is_lost in (False, True))
    spec = cell.cohorts
    with st.container(border=True, key="members"):
        when = f"{spec.period} {_age_words(cell)}"
        of = plain(f", {spec.by} {cell.group}") if cell.group is not None else ""
        label = cohort_label(cell.cohort, spec.period)
        head, close = st.columns([6, 1], vertical_alignment="center")
        size = kept.count + lost.count
        state.setdefault("is_lost", False)
        state["is_lost"] = state["is_lost"]
        count = lost.count if state["is_lost"] else kept.count
        word = "did not come back" if state["is_lost"] else "came back"
        head.subheader(f"{many(count, 'user')} of cohort {label}{of} {word} in {when}")
        close.button("Close", key="close_cell", on_click=_close, width="stretch")
        share = percent(count / size) if size else "0 %"
        note = " So far: this cell is still in progress." if cell_state(cell) == "in_progress" else ""
        st.caption(f"{share} of {many(size, 'user')} who started in this cohort.{note}")
        st.segmented_control(
            "Show",
            [False, True],
            key="is_lost",
            required=True,
            format_func=lambda is_lost: (
                f"Did not come back ({lost.count:,})" if is_lost else f"Came back ({kept.count:,})"
            ),
        )
        shown = replace(cell, is_lost=bool(state["is_lost"]))
        members = lost if shown.is_lost else kept
        if not members.count:
            st.info("Nobody is in this list.")
            return shown
        _list(shown, members.users, members.count)
        _keep(shown, members.count)
    return shown


def _age_words(cell: CellSpec) -> str:
    spec = cell.cohorts
    if spec.mode == "bracket":
        end = dict(spec.brackets)[cell.age]
        return str(cell.age) if end == cell.age else f"{cell.age} to {end}"
    return {
        "on": f"{cell.age}",
        "on-or-after": f"{cell.age} or later",
        "on-or-before": f"{cell.age} or before",
        "streak": f"1 to {cell.age} without a break",
    }[spec.mode]


def _close() -> None:
    state = st.session_state
    state["pick"] = state["pick_drawn"] = None


def _list(cell: CellSpec, users: pd.DataFrame, count: int) -> None:
    known = catalogue()
    zone = known.require_clock().timezone
    key = (repr(cell), known.data_version)
    table = drawn("members", key, lambda: _table(users, zone))
    if count > len(users):
        st.caption(f"The {len(users)} seen last of {count:,} are listed; files and audiences hold all of them.")
    event = st.dataframe(
        table,
        key=f"users_{abs(hash(key)) % 10**9}",
        on_select="rerun",
        selection_mode="single-row",
        hide_index=True,
        height=min(38 + 35 * len(table), 318),
        alt="The users behind the picked cell",
        column_config={"Events": st.column_config.NumberColumn(format="localized")},
    )
    rows = event["selection"]["rows"] if event else []
    if not rows or rows[0] >= len(users):
        st.caption("Select a row to see what that user did.")
        return
    user = users.iloc[rows[0]]
    _timeline(int(user["user_key"]), str(user["pseudonym"]), zone)


def _table(users: pd.DataFrame, zone: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "User (pseudonym)": users["pseudonym"],
            "First seen": [short_moment(int(us), zone) for us in users["first_us"]],
            "Last seen": [short_moment(int(us), zone) for us in users["last_us"]],
            "Events": users["n_events"].astype("int64"),
        }
    )


def _timeline(user_key: int, pseudonym: str, zone: str) -> None:
    events = answer(user_events, user_key)
    st.markdown(f"**What user {pseudonym[:12]} did**, the latest first ({zone})")
    rows = {
        "When": [short_moment(int(us), zone) for us in events["occurred_us"]],
        "Event": events["event"].tolist(),
    }
    for column, title in (("value", "Value"), ("quantity", "Quantity"), ("item_name", "Item"), ("text", "Text")):
        if events[column].notna().any():
            rows[title] = [
                None if pd.isna(v) else (float(v) if column in ("value", "quantity") else str(v))
                for v in events[column]
            ]
    with st.container(key="timeline"):
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            height=min(38 + 35 * len(events), 318),
            placeholder="",
            alt="Events of the selected user",
        )
    if len(events) >= SHOWN_EVENTS:
        st.caption(f"The latest {SHOWN_EVENTS} events are shown.")


def _keep(cell: CellSpec, count: int) -> None:
    one, two = st.columns(2)
    with one:
        st.markdown(f"**Export {many(count, 'user')}**")
        is_file_ids = st.checkbox(
            "With the ids of my file",
            key="file_ids",
            help="Otherwise pseudonyms, which say nothing outside this store. Every export is written to"
            " the audit trail, with the"
            " ids or without.",
        )
        if is_file_ids:
            st.caption("The ids point to real people: this export is written to the audit trail as such.")
        kind = "lost" if cell.is_lost else "retained"
        download(
            f"the {count} users",
            f"users-{cell.cohort.isoformat()}-{cell.age}-{kind}",
            lambda fmt: export_members(store(), cell, fmt, "file ids" if is_file_ids else "pseudonym"),
            key="users",
        )
    with two:
        st.markdown("**Save as an audience**")
        with st.form("save_audience", border=False, clear_on_submit=True):
            name = st.text_input("Name of the audience", max_chars=80, placeholder="For example: lost in month 3")
            is_sent = st.form_submit_button(f"Save {many(count, 'user')}")
        if is_sent:
            try:
                spec = AudienceSpec(name=name, cell=cell)
            except RetentionError as error:
                advise(error)
            else:
                if saved := order(save_audience, spec, receipt=f"Audience “{name.strip()}” saved."):
                    st.session_state["audience_note"] = (
                        f"“{saved.name}” holds {many(saved.n_users, 'user')}, frozen now."
                    )
                    st.rerun()
        if note := st.session_state.pop("audience_note", ""):
            st.success(plain(note))
        saved_lists = answer(audiences)
        if len(saved_lists):
            names = ", ".join(f"{r.name} ({r.n_left:,})" for r in saved_lists.head(5).itertuples(index=False))
            st.caption(plain(f"Saved so far: {names}{' …' if len(saved_lists) > 5 else ''}"))
