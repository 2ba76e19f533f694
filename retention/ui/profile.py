"""The Profile page: one user, found by pseudonym or by the file's id, which is never shown nor kept in the address."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.errors import RetentionError
from retention.features.answer import user_features
from retention.features.table import FeatureTable
from retention.periods import local_day
from retention.profiles.answer import find_user, latest_seen, user_of_link, user_profile, user_standing
from retention.profiles.chart import standing_alt, standing_dots, timeline_bars
from retention.profiles.order import export_events, export_profile
from retention.profiles.profile import Profile, Standing, group_title, timeline
from retention.profiles.spec import COMPARED, LATEST_EVENTS, ProfileSpec
from retention.profiles.words import (
    day_words,
    label_kind,
    later_note,
    local_day_words,
    money,
    moves_words,
    place_words,
    remarkable_sentences,
    standing_definition,
    timeline_alt,
    timeline_caption,
    value_words,
    verdict,
)
from retention.ui import address
from retention.ui.annotations import annotated
from retention.ui.answers import advise, answer, catalogue, drawn
from retention.ui.at_risk_why import risk_note
from retention.ui.behaviour import definition_panel, twin
from retention.ui.behaviour import verdict as verdict_box
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.pages import link_to, section
from retention.ui.profile_habits import contacts_part, hours_part, interests_part, orders_part, voices_part
from retention.ui.share import link_box
from retention.ui.starting import open_store, store
from retention.ui.words import many, plain, short_moment

PAGE = "profile"
DOTS = 12
NTH, FAULT = "profile_nth", "profile_fault"
"""How often a user has been looked for, and what was wrong with the last search."""
SHORT = 12
"""So many characters of a pseudonym are shown where all of them would not be read."""


def find_panel() -> ProfileSpec | None:
    """Draw the line in which a user is looked for, and return whom the address names.

    Notes
    -----
    What is typed may be an id of the file. It goes to the store and nowhere else: not into the address, not into a
    message, and the line is emptied. The address knows pseudonyms only.
    """
    _, told = address.taken()
    catalogue().require_clock()
    state = st.session_state
    nth = state.setdefault(NTH, 0)
    with st.form("profile_find", border=False, clear_on_submit=True):
        one, two = st.columns([4, 1], vertical_alignment="bottom")
        typed = one.text_input(
            "Find a user",
            # A line of its own for each search: the server forgets what was typed in the one before.
            key=f"profile_typed_{nth}",
            placeholder="A pseudonym, its first 6 characters or more, or the id in your file",
            help="An id is looked up and forgotten: it is shown nowhere and not kept in the link of this page.",
        )
        is_sent = two.form_submit_button("Open the profile", width="stretch")
    if is_sent:
        state[NTH] = nth + 1
        try:
            found = find_user(store(), typed)
        except RetentionError as error:
            state[FAULT] = f"{error.message} {error.hint}".strip()
        else:
            address.visit({"user": [found.user]})
        st.rerun()
    if fault := state.pop(FAULT, ""):
        st.error(plain(fault))
    named = next(iter(told.get("user", [])), "")
    if not named:
        return None
    try:
        spec = user_of_link(store(), named)
    except RetentionError as error:
        advise(error)
        address.put(user=[])
        return None
    address.put(user=[spec.user])
    return spec


def profile_panels(controls: Controls, spec: ProfileSpec | None) -> None:
    """Draw what is known of a user, a tab of it at a time, or whom one might open."""
    if spec is None:
        _latest_panel()
        return
    profile = answer(user_profile, spec)
    _head(profile)
    for name, tab in zip(TABS, controls.tabs("part", list(TABS)), strict=True):
        if tab.open:
            with tab:
                for title, question, part in TABS[name]:
                    with section(title, question):
                        part(profile)
    with section("Take it along"):
        _files(profile)
    controls.complain()


def _latest_panel() -> None:
    st.markdown(
        "Type a pseudonym from any list of users – behind every number of the other pages there is one – or choose"
        " one of those seen last."
    )
    users = answer(latest_seen)
    zone = catalogue().require_clock().timezone
    table = pd.DataFrame(
        {
            "User (pseudonym)": users["pseudonym"],
            "First seen": [short_moment(int(us), zone) for us in users["first_us"]],
            "Last seen": [short_moment(int(us), zone) for us in users["last_us"]],
            "Events": users["n_events"].astype("int64"),
        }
    )
    event = st.dataframe(
        table,
        key="profile_latest",
        on_select="rerun",
        selection_mode="single-row",
        hide_index=True,
        height="content",
        alt="The users seen last",
        column_config={"Events": st.column_config.NumberColumn(format="localized")},
    )
    rows = event["selection"]["rows"] if event else []
    if rows and rows[0] < len(users):
        address.visit({"user": [str(users["pseudonym"].iloc[rows[0]])]})
        st.rerun()
    st.caption(f"The {len(users)} users seen last. Select a row to open the profile.")


def _head(profile: Profile) -> None:
    zone = profile.clock.timezone
    with st.container(key="profile_head"):
        one, two = st.columns([6, 1], vertical_alignment="center")
        one.header(f"User {profile.pseudonym[:SHORT]}")
        two.button("Close", key="profile_close", on_click=address.visit, args=({},), width="stretch")
        st.code(profile.pseudonym, language=None, wrap_lines=True)
        headline, detail = verdict(profile)
        verdict_box(headline, detail)
        if note := later_note(profile):
            st.caption(note)
        risk_note(profile.spec)
    active = profile.active_days
    known = profile.clock.as_of_day - local_day(profile.first_us, zone)
    silent = 0 if active and active[-1] == profile.end_day else profile.silent_days
    gap = f"one every {(active[-1] - active[0]) / (len(active) - 1):.1f} days" if len(active) > 1 else ""
    cards = (
        ("Known for", many(known, "day"), f"since {local_day_words(profile.first_us, zone)}"),
        ("Silent for", "–" if silent is None else many(silent, "day"), f"{profile.window_days} days count as a lapse"),
        ("Active days", f"{len(active):,}", gap),
        ("Orders", f"{profile.n_orders:,}", f"{money(profile.net / profile.n_orders)} each" if profile.n_orders else ""),
        ("Revenue less refunds", money(profile.net) if len(profile.orders) else "–", ""),
    )
    with st.container(key="kpis"):
        for column, (label, value, told) in zip(st.columns(len(cards)), cards, strict=True):
            with column, st.container(border=True, height="stretch"):
                st.metric(label, value)
                if told:
                    st.caption(told)
    if len(profile.attributes):
        shown = profile.attributes
        with st.expander("Attributes: what activity said of this user", key="profile_attributes"):
            st.dataframe(
                pd.DataFrame(
                    {
                        "Attribute": shown["property"],
                        "At first": shown["first"],
                        "At last": shown["last"],
                        "Last said": [short_moment(int(us), zone) for us in shown["last_us"]],
                        "Different values": shown["n_values"],
                    }
                ),
                hide_index=True,
                height="content",
                alt="What activity said of this user first and last",
            )


def _labels(profile: Profile) -> None:
    if not catalogue().labels:
        st.info("No segments or tags have been saved yet, so there are none to tell of this user.")
        link_to("segments", "Make segments or write a tag")
        return
    zone = profile.clock.timezone
    found = profile.latest_labels()
    if found.empty:
        st.markdown("This user is in none of the segments that are saved, and has no tag.")
    else:
        st.dataframe(
            pd.DataFrame(
                {
                    "Kind": [label_kind(name)[0] for name in found["name"]],
                    "Name": [label_kind(name)[1] for name in found["name"]],
                    "Value": found["value"],
                    "As of": [short_moment(int(us), zone) for us in found["cutoff_us"]],
                    "Among": found["n_users"].astype("int64"),
                }
            ),
            hide_index=True,
            height="content",
            alt="Segments and tags of the user, each with its date",
            column_config={"Among": st.column_config.NumberColumn("Among (users)", format="localized")},
        )
    st.caption("Each is what was found on its own date, from what had happened by then; it may have changed since.")
    for name, moments in profile.moves():
        st.markdown(f"Changed – {plain(moves_words(name, moments, zone))}")


def _timeline(profile: Profile) -> None:
    found = timeline(profile)
    zone = profile.clock.timezone
    key = (profile.pseudonym, profile.data_version, is_dark())
    figure = drawn("profile timeline", key, lambda: timeline_bars(found, zone, is_dark=is_dark()))
    chart(annotated(figure), alt=timeline_alt(found), key="profile_timeline", file_name="user-timeline")
    st.caption(plain(timeline_caption(found, zone)))
    table = found.frame.rename(columns={"on": found.period.capitalize(), "state": "State", "touches_gap": "Touches a gap"})
    twin(table.assign(State=table["State"].str.replace("_", " ")).iloc[::-1], "The timeline as a table", "timeline_twin")
    st.markdown(f"**The latest events** ({plain(zone)})")
    with st.container(key="timeline"):
        st.dataframe(
            _event_table(profile.latest, zone),
            hide_index=True,
            height=min(38 + 35 * len(profile.latest), 318),
            placeholder="",
            alt="The latest events of the user",
        )
    if len(profile.latest) >= LATEST_EVENTS:
        st.caption(f"The latest {LATEST_EVENTS} of {profile.n_events:,} events; the file at the end of the page holds all.")


def _event_table(events: pd.DataFrame, zone: str) -> pd.DataFrame:
    columns: dict[str, object] = {
        "When": [short_moment(int(us), zone) for us in events["occurred_us"]],
        "Event": events["event"],
    }
    for name, title in (("value", "Value"), ("quantity", "Quantity")):
        if events[name].notna().any():
            columns[title] = [None if pd.isna(v) else float(v) for v in events[name]]
    named = events["item_name"].fillna(events["item"])
    for title, texts in (("Item", named), ("Category", events["category"]), ("Text", events["text"])):
        if texts.notna().any():
            columns[title] = [None if pd.isna(v) else str(v) for v in texts]
    return pd.DataFrame(columns)


# Half a kilobyte a user: of a large shop only the latest is kept, where `answer` keeps many results.
@st.cache_resource(show_spinner=False, max_entries=2)
def _compared(path: str, data_version: int) -> FeatureTable:
    return user_features(open_store(path), COMPARED)


def _among(profile: Profile) -> None:
    with st.spinner("Comparing with all users …"):
        among = user_standing(_compared(str(store().path), profile.data_version), profile)
    if among is None:
        st.markdown("This user was never active, so there is nothing to compare.")
        return
    said = remarkable_sentences(among)
    if said:
        st.markdown("\n".join(f"- {plain(sentence)}" for sentence in said))
    else:
        st.markdown("In nothing: this user is close to the middle everywhere.")
    key = (profile.pseudonym, profile.data_version, is_dark())
    figure = drawn("profile dots", key, lambda: standing_dots(among, DOTS, is_dark=is_dark()))
    chart(figure, alt=standing_alt(among, DOTS), key="profile_dots", file_name="user-among-all")
    shown = among.remarkable(DOTS)
    st.caption(
        f"The {len(shown)} features in which this user is farthest from the middle, at most four of one kind, of"
        f" {len(among.table)}; the table holds them all. As of {day_words(among.on)}, {among.n_users:,} users."
    )
    panel = st.expander("All features as a table", key="profile_features", on_change="rerun")
    if panel.open:
        with panel:
            st.dataframe(
                drawn("profile features", key[:2], lambda: _feature_table(among)),
                hide_index=True,
                height=560,
                placeholder="",
                alt="Every feature of the user, beside the middle user",
            )
            if among.absent:
                st.caption(f"{len(among.absent)} more are not known of anybody: {', '.join(among.absent)}.")
    definition_panel(standing_definition(among), "profile_definition")


def _feature_table(among: Standing) -> pd.DataFrame:
    rows = []
    for row in among.table.itertuples(index=False):
        is_placed = not pd.isna(row.below)
        rows.append(
            {
                "Part": group_title(row.name),
                "Feature": row.title,
                "This user": value_words(row.value, row.unit, row.text),
                "The middle user": value_words(row.median, row.unit),
                "This user has": place_words(row.below, row.equal, row.n_known) if is_placed else "",
                "Meaning": row.meaning,
            }
        )
    return pd.DataFrame(rows).sort_values("Part", kind="stable")


def _files(profile: Profile) -> None:
    one, two = st.columns(2)
    short = profile.pseudonym[:SHORT]
    with one:
        st.markdown("**The profile**")
        download(
            "the profile",
            f"user-{short}",
            partial(_profile_bytes, profile.spec),
            key="profile_file",
        )
    with two:
        st.markdown(f"**All {profile.n_events:,} events**")
        download("all events of the user", f"user-{short}-events", partial(_event_bytes, profile.spec), key="profile_events")
    st.caption(
        "Under the pseudonym, which says nothing outside this store. Opening a profile leaves no trace; every"
        " download is written to the audit trail."
    )
    st.markdown("**Link to this profile**")
    link_box()


def _profile_bytes(spec: ProfileSpec, fmt: str) -> bytes:
    return export_profile(store(), spec, fmt, partial(table_bytes, sheet="profile"))


def _event_bytes(spec: ProfileSpec, fmt: str) -> bytes:
    return export_events(store(), spec, fmt, partial(table_bytes, sheet="events"))


TABS: dict[str, tuple[tuple[str, str, Callable[[Profile], None]], ...]] = {
    "What happened": (
        ("Segments and tags", "Which groups has this user been found in, and when?", _labels),
        ("Timeline", "When did what happen?", _timeline),
    ),
    "Among all users": (("Where this user stands", "In what is this user unlike the others?", _among),),
    "Interests and hours": (
        ("Interests", "What does this user look at and buy?", interests_part),
        ("Usual hours", "When is this user usually active?", hours_part),
    ),
    "Orders, words, contacts": (
        ("Orders", "What was bought and paid back, day by day?", orders_part),
        ("Reviews and searches", "What did this user write and look for?", voices_part),
        ("Last contacts", "What did campaigns send to this user, and when?", contacts_part),
    ),
}
"""Title, question and part of each tab; a page of all of them at once would take a phone too long to draw."""
