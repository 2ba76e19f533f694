"""The users behind a number: who they are, what they did, and the list as a file or an audience."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from retention.audiences.answer import SHOWN_EVENTS, audiences, user_events, users_of
from retention.audiences.export import LIST_FORMATS
from retention.audiences.order import save_audience
from retention.audiences.order_export import export_members
from retention.audiences.spec import AudienceSpec
from retention.errors import RetentionError
from retention.ui.answers import advise, answer, catalogue, drawn, order
from retention.ui.downloads import download
from retention.ui.pages import link_to
from retention.ui.starting import store
from retention.ui.words import many, plain, short_moment


def members_panel(spec: Any, title: str, *, note: str = "", key: str = "members") -> None:
    """List the users behind a number that was picked.

    Parameters
    ----------
    spec : object
        A frozen definition that `retention.audiences.answer_sources` knows.
    title : str
        What the users did or are, without their count: “returning in the week of 5 January 2026”.
    note : str
        A caption: the number's share, say.
    key : str
        Tells panels of one page apart.
    """
    found = answer(users_of, spec)
    with st.container(border=True, key=key):
        st.subheader(plain(f"{many(found.count, 'user')}: {title}"))
        if note:
            st.caption(plain(note))
        member_list(spec, found.users, found.count, key=key)


@dataclass(frozen=True, slots=True)
class Listing:
    """How a list is shown that has columns and an order of its own.

    Attributes
    ----------
    table : DataFrame
        A row a user, as they are read.
    first : str
        Which of them come first: “seen last”.
    columns : mapping of column to Streamlit's settings
    link : callable, optional
        Draws a further link for a selected user, given the pseudonym.
    """

    table: pd.DataFrame
    first: str
    columns: Mapping[str, Any]
    link: Callable[[str], None] | None = None


def member_list(spec: Any, users: pd.DataFrame, count: int, *, key: str, listing: Listing | None = None) -> None:
    """Draw a list of users with what each did, and offer it as a file and as an audience."""
    if not count:
        st.info("Nobody is in this list.")
        return
    _list(spec, users, count, key, listing)
    _keep(spec, count, key)


def _list(spec: Any, users: pd.DataFrame, count: int, panel: str, listing: Listing | None) -> None:
    known = catalogue()
    zone = known.require_clock().timezone
    key = (repr(spec), known.data_version)
    table = drawn("members", key, lambda: _table(users, zone)) if listing is None else listing.table
    if count > len(users):
        first = "seen last" if listing is None else listing.first
        st.caption(f"The {len(users)} {first} of {count:,} are listed; files and audiences hold all of them.")
    event = st.dataframe(
        table,
        key=f"{panel}_users_{abs(hash(key)) % 10**9}",
        on_select="rerun",
        selection_mode="single-row",
        hide_index=True,
        height=min(38 + 35 * len(table), 318),
        alt="The users behind the picked number",
        placeholder="",
        column_config={
            "Events": st.column_config.NumberColumn(format="localized"), **({} if listing is None else listing.columns)
        },
    )  # fmt: skip
    rows = event["selection"]["rows"] if event else []
    if not rows or rows[0] >= len(users):
        st.caption("Select a row to see what that user did.")
        return
    user = users.iloc[rows[0]]
    _timeline(int(user["user_key"]), str(user["pseudonym"]), zone)
    if listing is not None and listing.link is not None:
        listing.link(str(user["pseudonym"]))


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
    link_to("profile", "Open this user's profile", user=pseudonym)


def _keep(spec: Any, count: int, panel: str) -> None:
    one, two = st.columns(2)
    with one:
        st.markdown(f"**Export {many(count, 'user')}**")
        is_file_ids = st.checkbox(
            "With the ids of my file",
            key=f"{panel}_file_ids",
            help="Otherwise pseudonyms, which say nothing outside this store. Every export is written to"
            " the audit trail, with the"
            " ids or without.",
        )
        if is_file_ids:
            st.caption("The ids point to real people: this export is written to the audit trail as such.")
        download(
            f"the {count} users",
            f"users-{_file_words(spec)}-{count}",
            lambda fmt: export_members(store(), spec, fmt, "file ids" if is_file_ids else "pseudonym"),
            key=f"{panel}_users",
            formats=LIST_FORMATS,
        )
    with two:
        st.markdown("**Save as an audience**")
        with st.form(f"{panel}_save_audience", border=False, clear_on_submit=True):
            name = st.text_input("Name of the audience", max_chars=80, placeholder="For example: lost in month 3")
            is_refreshed = st.checkbox(
                "Make it anew after each import", key=f"{panel}_is_refreshed",
                help="Otherwise the list keeps the users that it has now. Anew, the same definition is asked of the new data.",
            )  # fmt: skip
            is_sent = st.form_submit_button(f"Save {many(count, 'user')}")
        if is_sent:
            try:
                wanted = AudienceSpec(name=name, users=spec, is_refreshed=is_refreshed)
            except RetentionError as error:
                advise(error)
            else:
                if saved := order(save_audience, wanted, receipt=f"Audience “{name.strip()}” saved."):
                    st.session_state[f"{panel}_note"] = (
                        f"“{saved.name}” holds {many(saved.n_users, 'user')}, "
                        + ("made anew after each import." if saved.is_refreshed else "frozen now.")
                    )
                    st.rerun()
        if note := st.session_state.pop(f"{panel}_note", ""):
            st.success(plain(note))
        saved_lists = answer(audiences)
        if len(saved_lists):
            names = ", ".join(f"{r.name} ({r.n_left:,})" for r in saved_lists.head(5).itertuples(index=False))
            st.caption(plain(f"Saved so far: {names}{' …' if len(saved_lists) > 5 else ''}"))
            link_to("audiences", "All saved lists")


def _file_words(spec: Any) -> str:
    """Name a file for the kind of its definition.

    Examples
    --------
    >>> class LifecycleCellSpec: ...
    >>> _file_words(LifecycleCellSpec())
    'lifecycle'
    """
    words = re.findall(r"[A-Z][a-z]*", type(spec).__name__)
    return "-".join(word.lower() for word in words if word not in ("Cell", "List", "Spec")) or "list"
