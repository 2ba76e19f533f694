"""A saved list, opened: what made it, how large it was when, who is on it, whom to leave alone, and where it can go."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from retention.audiences.answer import users_of
from retention.audiences.answer_lists import OpenedList, SavedList, list_history
from retention.audiences.answer_overlap import shared_with
from retention.audiences.answer_suppression import knows_reachable, suppression, what_is_unknown
from retention.audiences.chart import size_alt, size_line
from retention.audiences.export import table_bytes
from retention.audiences.order import delete_audience, keep_refreshed, refresh_audience
from retention.audiences.spec import MAX_CONTACTED_DAYS, ChangedUsersSpec, SavedUsersSpec, SuppressedUsersSpec
from retention.audiences.words import joined, refreshed_words
from retention.cohorts.words import percent
from retention.periods import date_of, local_day
from retention.ui.answers import answer, catalogue, drawn, order
from retention.ui.behaviour import twin, verdict
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.delivery import delivery_panel
from retention.ui.downloads import download
from retention.ui.members import member_list, members_panel
from retention.ui.pages import caution, link_to, section
from retention.ui.words import many, moment, plain, short_moment

NOTE = "audiences_done"
SHOWN_TIMES = 100
STATIC = "Static: the users stay who they were when it was saved, whatever is imported later. Only erased users are taken off."
REFRESHED = (
    "Refreshed: after each import, and when users are scored anew, the definition is asked again of the new data. Who joined and"
    " who left is kept below. Tags, segments and scores are always the newest there are."
)


def opened_panel(controls: Controls, found: OpenedList) -> None:
    """Show a saved list with all that can be done with it."""
    one = found.saved
    with section(plain(one.name), "Who is on this list, and what made it?"):
        if note := st.session_state.pop(NOTE, ""):
            st.success(plain(note))
        _said(found)
        _kept(found)
    with section("How large it was", "How many users did it have each time it was made, and who joined and left?"):
        _history(controls, one)
    with section("The users", "Who is on the list now, and who of them should be left alone?"):
        spec = _suppressed(controls, one)
        members = answer(users_of, spec)
        key = f"audience_{one.audience_id}"
        with st.container(border=True, key="audience_members"):
            less = spec != SavedUsersSpec(audience_id=one.audience_id)
            st.subheader(plain(f"{many(members.count, 'user')} {'left of' if less else 'on'} “{one.name}”"))
            member_list(spec, members.users, members.count, key=key)
        if members.count:
            link_to("interventions", "Preview what could be done for them", who="list", list=str(one.audience_id))
            delivery_panel(spec, key)
    with section("Other lists", "Which other saved lists are these users on?"):
        _shared(one)


def _said(found: OpenedList) -> None:
    one, known = found.saved, catalogue()
    zone = known.settings.timezone
    headline = f"{many(one.n_left, 'user')}. {one.definition}"
    erased = f" {many(one.n_erased, 'user')} of it erased since." if one.n_erased else ""
    verdict(headline, (REFRESHED if one.is_refreshed else STATIC) + erased)
    scores = "No scores stood then"
    if one.scoring_key is not None:
        model = "which is gone" if one.version is None else f"of version {one.version} of the model"
        scores = f"Scoring {one.scoring_key}, {model}"
    rows = [
        ("Data complete up to", moment(one.as_of_us, zone)),
        ("Version of the data", f"{one.data_version:,} (now {known.data_version:,})"),
        ("Scores that stood", scores),
        ("Saved", moment(one.saved_us, zone)),
        ("Users last looked for", moment(one.made_us, zone)),
    ]
    if found.made_of:
        rows.append(("Made of the lists", ", ".join(found.made_of)))
    if found.used_in:
        rows.append(("Other lists made of it", ", ".join(found.used_in)))
    if found.campaigns:
        rows.append(("Campaigns assigned from it", ", ".join(found.campaigns)))
    with st.container(key="audience_facts"):
        st.markdown("\n".join(f"- {what}: **{plain(value)}**" for what, value in rows))
    if found.fault:
        st.warning(plain(f"It cannot be made anew, so it stays as it is: {found.fault}"))


def _kept(found: OpenedList) -> None:
    one = found.saved
    with st.container(horizontal=True, gap="small", key="audience_kept"):
        if one.is_refreshed:
            if st.button("Keep it static from now on", key="audience_static"):
                order(lambda store: keep_refreshed(store, one.audience_id, is_refreshed=False), receipt=f"“{one.name}” stays as it is.")
                st.rerun()
        elif st.button("Make it anew after each import", key="audience_refreshed", disabled=bool(found.fault)):
            order(
                lambda store: keep_refreshed(store, one.audience_id, is_refreshed=True),
                receipt=f"“{one.name}” is made anew after each import from now on.",
            )
            st.rerun()
        if st.button(
            "Make it anew now", key="audience_anew", disabled=bool(found.fault),
            help="Asks the definition of the data as they stand; who joins and leaves is kept",
        ):  # fmt: skip
            done = order(refresh_audience, one.audience_id)
            if done is not None:
                st.session_state[NOTE] = refreshed_words(done)
                st.rerun()
        with st.popover("Delete this list", key="audience_delete"):
            used = [*(f"the list “{name}”" for name in found.used_in), *(f"the campaign “{name}”" for name in found.campaigns)]
            more = f" It was used for {joined(used)}, which stay as they are." if used else ""
            st.markdown(plain(f"“{one.name}” and who was on it will be gone.{more}"))
            if st.button("Yes, delete it", key="audience_delete_yes"):
                order(delete_audience, one.audience_id, receipt=f"“{one.name}” deleted.")
                st.rerun()


# Its history -----------------------------------------------------------------------------------------


def _history(controls: Controls, one: SavedList) -> None:
    history = answer(list_history, one.audience_id)
    if len(history) < 2:
        st.caption(
            "It was made once. Each time it is made anew, its size is written down here."
            if len(history) else "Its size was not written down: it was saved by an earlier version of this program."
        )  # fmt: skip
        return
    zone = catalogue().settings.timezone
    last = history.iloc[-1]
    st.markdown(
        plain(
            f"Made {len(history):,} times. The last time {many(int(last['n_joined']), 'user')} joined and"
            f" {int(last['n_left']):,} left; since then it has {many(int(last['n_users']), 'user')}."
        )
    )
    days = [f"{on.day} {on:%b %Y}" for on in (date_of(local_day(int(us), zone)) for us in history["as_of_us"])]
    key = (one.audience_id, catalogue().data_version)
    figure = drawn("audience sizes", (*key, is_dark()), lambda: size_line(history, days, is_dark=is_dark()))
    chart(figure, alt=size_alt(history, one.name), key="audience_sizes", file_name="list-size")
    twin(drawn("audience sizes twin", key, lambda: _times(history, zone)), f"Each time the list {one.name} was made", "audience_sizes_twin")
    download("the history", "list-history", lambda fmt: table_bytes(_times(history, zone), fmt, sheet="history"), key="audience_history")
    options = {}
    for row in history.iloc[1:][::-1].itertuples(index=False):
        for has_joined, n, did in ((True, int(row.n_joined), "joined"), (False, int(row.n_left), "left")):
            if n and row.has_names:
                options[f"{row.made_us}{'+' if has_joined else '-'}"] = (
                    f"{many(n, 'user')} {did} when it was made on {moment(int(row.made_us), zone)}"
                )
    picked = controls.pick("change", options, "List who joined or left")
    if picked is not None:
        spec = ChangedUsersSpec(audience_id=one.audience_id, made_us=int(picked[:-1]), has_joined=picked.endswith("+"))
        members_panel(spec, options[picked].partition(" ")[2].partition(" ")[2], key="audience_changed")
    elif not options:
        st.caption("Nobody joined or left at the latest times.")


def _times(history: pd.DataFrame, zone: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Made": [short_moment(int(us), zone) for us in history["made_us"]],
            "Data until": [short_moment(int(us), zone) for us in history["as_of_us"]],
            "Data version": history["data_version"].astype("int64"),
            "Users": history["n_users"].astype("int64"),
            "Joined": history["n_joined"].astype("int64"),
            "Left": history["n_left"].astype("int64"),
        }
    )[::-1]


# Its users -------------------------------------------------------------------------------------------


def _suppressed(controls: Controls, one: SavedList) -> Any:
    """Draw whom to leave alone, and return the definition of who is left."""
    base = SavedUsersSpec(audience_id=one.audience_id)
    knows = answer(knows_reachable)
    left, middle, right = st.columns(3, vertical_alignment="bottom")
    days = controls.number(
        "contacted", 0, MAX_CONTACTED_DAYS, 0, "Leave out who was contacted in the last days", at=left,
        help="By a campaign that was assigned here, or by a contact among the events (campaign_sent). 0: nobody.",
    )  # fmt: skip
    is_reachable = knows and controls.flag("reachable", "Leave out who may not be written to", at=right)
    is_out = controls.flag(
        "out", "Leave out who is in a running campaign", at=middle, help="Held-out users too: to contact them would spoil the comparison."
    )
    for text in answer(what_is_unknown):
        caution(text)
    spec = SuppressedUsersSpec(users=base, contacted_days=days, is_reachable_only=is_reachable, is_out_of_campaigns=is_out)
    if spec == SuppressedUsersSpec(users=base):
        return base
    st.markdown(f"**{plain(answer(suppression, spec).words)}**")
    return spec


def _shared(one: SavedList) -> None:
    beside = answer(shared_with, one.audience_id)
    if not len(beside):
        st.caption("There is no other list.")
        return
    shares = [percent(n / one.n_left) if one.n_left else "" for n in beside["n_both"]]
    of_other = [percent(n / size) if size else "" for n, size in zip(beside["n_both"], beside["n_users"], strict=True)]
    table = pd.DataFrame(
        {
            "Other list": beside["name"], "Its users": beside["n_users"].astype("int64"),
            "On both": beside["n_both"].astype("int64"), "Share of this list": shares, "Share of the other": of_other,
        }
    )  # fmt: skip
    st.dataframe(
        table.head(SHOWN_TIMES), hide_index=True, height=min(38 + 35 * len(table), 318),
        alt=f"Other lists that users of {one.name} are on",
        column_config={name: st.column_config.NumberColumn(format="localized") for name in ("Its users", "On both")},
    )  # fmt: skip
    download("the overlaps", "list-overlap", lambda fmt: table_bytes(table, fmt, sheet="overlap"), key="audience_shared")
