"""The parts of the Data page: what the store holds, its settings, gaps, and erasure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from typing import Any

import pandas as pd
import streamlit as st

from retention.errors import RetentionError
from retention.ingest.answer import DataStatus, data_status
from retention.periods import WEEKDAYS, date_of, day_number, local_day, midnight_us
from retention.store.catalogue import Catalogue
from retention.store.keys import pseudonym_key
from retention.store.order import change_setting, erase_user, mark_gap, unmark_gap
from retention.ui.answers import advise, answer, catalogue, look_again, order
from retention.ui.imports import PRESET_WORDS, zones
from retention.ui.starting import store
from retention.ui.words import day, file_size, many, plain, short_moment

SHOWN_SUSPECTED = 8
ERASE = "ERASE"


def status_panel() -> None:
    """Say what the store holds, and where it came from."""
    status = answer(data_status)
    zone = status.settings.timezone
    parts = [
        ("Users", f"{status.n_users:,}"),
        ("Events", f"{status.n_events:,}"),
        ("First event", _day_of(status.first_us, zone)),
        ("Last event", _day_of(status.last_us, zone)),
    ]
    with st.container(key="status"):
        columns = st.columns(4)
    for column, (label, value) in zip(columns, parts, strict=True):
        with column, st.container(border=True):
            st.metric(label, value)
    size = store().path.stat().st_size if store().path.exists() else 0
    waiting = (
        f" {many(status.n_waiting, 'event')} at or after the watermark are kept and not counted yet."
        if status.n_waiting
        else ""
    )
    st.caption(
        f"Data version {status.data_version}; the store takes {file_size(size)} on disk ({store().path.name}).{waiting}"
    )
    if len(status.imports):
        with st.expander(f"Imports ({len(status.imports)})", key="imports"):
            st.dataframe(_ledger(status.imports, zone), hide_index=True, alt="Files imported so far")


def _day_of(us: int | None, zone: str) -> str:
    return "—" if us is None else f"{date_of(local_day(us, zone)):%-d %b %Y}"


def _ledger(imports: pd.DataFrame, zone: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "File": imports["source_name"],
            "Kind": [PRESET_WORDS.get(preset, preset).split(":")[0] for preset in imports["preset"]],
            "Imported": [short_moment(int(us), zone) for us in imports["imported_us"]],
            "Rows": imports["n_records"],
            "New": imports["n_new"],
            "Known already": imports["n_duplicate"],
            "Rejected": imports["n_rejected"],
            "First event": [_day_of(None if pd.isna(us) else int(us), zone) for us in imports["first_us"]],
            "Last event": [_day_of(None if pd.isna(us) else int(us), zone) for us in imports["last_us"]],
        }
    )


def settings_panel() -> None:
    """Show the settings of the store and change those that are sent."""
    st.header("Settings")
    known = catalogue()
    settings = known.settings
    but, names = _activity(known)
    with st.form("settings"):
        one, two, three, four = st.columns(4)
        zone = one.selectbox(
            "Time zone",
            zones(),
            index=zones().index(settings.timezone),
            help="Of every day, period, label and export. Type to search.",
        )
        start = two.selectbox(
            "Weeks begin on", WEEKDAYS, index=WEEKDAYS.index(settings.week_start), format_func=str.capitalize
        )
        delay = three.text_input(
            "Settling delay",
            settings.settling_delay,
            help="Late events still arrive for a while: this much is taken off the end of the data. 0, 4d or 36h.",
        )
        least = four.number_input(
            "Smallest cohort",
            1,
            999_999,
            int(settings.min_cohort_size),
            help="Cohorts with fewer users are shown in grey.",
        )
        one, two = st.columns([1, 3])
        kind = one.selectbox(
            "What counts as activity",
            ["all but", "only"],
            index=0 if but else 1,
            format_func={"all but": "Every event except", "only": "Only these events"}.__getitem__,
            help="The default start and return event.",
        )
        events = two.multiselect(
            "Events", [*known.events, *(n for n in names if n not in known.events)], default=names, placeholder="None"
        )
        is_sent = st.form_submit_button("Save settings")
    if is_sent:
        activity = ", ".join(events) if kind == "only" else f"all but {', '.join(events)}" if events else "all"
        wanted = {
            "timezone": zone,
            "week_start": start,
            "settling_delay": delay,
            "min_cohort_size": str(least),
            "activity": activity,
        }
        _change({name: value for name, value in wanted.items() if value != getattr(settings, name)})
    with st.expander("Pseudonym key", key="key"):
        fingerprint = hashlib.sha256(pseudonym_key(store().path)).hexdigest()[:12]
        st.markdown(
            f"Users appear under pseudonyms made with a secret key that lies beside the store, not in it."
            f" Its fingerprint: `{fingerprint}`."
        )
        is_sure = st.checkbox(
            "I understand that every pseudonym changes, in files exported before too", key="renew_sure"
        )
        if st.button("Make a new key", key="renew", disabled=not is_sure):
            _run(change_setting, "pseudonym_key", "new", receipt="Every user has a new pseudonym.")


def _activity(known: Catalogue) -> tuple[bool, list[str]]:
    text = known.settings.activity.strip()
    is_but = text.casefold().startswith("all")
    names = text[3:].strip().removeprefix("but") if is_but else text
    return is_but, [name.strip() for name in names.split(",") if name.strip()]


def _change(wanted: dict[str, str]) -> None:
    if not wanted:
        st.info("Nothing was changed.")
        return
    bar = st.progress(0.0, text="Saving …")
    for name, value in wanted.items():
        try:
            change_setting(store(), name, value, lambda share, text: bar.progress(min(share, 1.0), text=f"{text} …"))
        except RetentionError as error:
            bar.empty()
            advise(error)
            return
    look_again()
    st.session_state["receipt"] = "Settings saved."
    st.rerun()


def _run(verb: Callable[..., Any], *said: Any, receipt: str) -> None:
    """Give an order and draw the page anew, so that everything on it is of the new version."""
    before = catalogue().data_version
    order(verb, *said, receipt=receipt)
    if catalogue().data_version != before:
        st.rerun()


def gaps_panel() -> None:
    """Show days that may be missing, and mark stretches as such."""
    status = answer(data_status)
    if status.as_of_us is None:
        return
    st.header("Missing data")
    st.caption(
        "A stretch marked as missing is shaded in every grid and enters no average. Nothing changes until you mark it."
    )
    _suspected(status)
    _marked(status)
    zone = status.settings.timezone
    with st.form("mark_gap", border=True):
        one, two, three, four = st.columns([1, 1, 2, 1], vertical_alignment="bottom")
        first = one.date_input("First day missing", value=None)
        last = two.date_input("Last day missing", value=None)
        note = three.text_input("Note", max_chars=200, placeholder="For example: tracking was down")
        is_sent = four.form_submit_button("Mark as missing", width="stretch")
    if is_sent:
        if not isinstance(first, date):
            st.error("Name the first day that is missing.")
        else:
            end = last if isinstance(last, date) else first
            _run(
                mark_gap,
                _midnight(first, zone),
                _midnight(end, zone, 1),
                note,
                receipt="The stretch is marked as missing.",
            )


def _midnight(on: date, zone: str, later: int = 0) -> int:
    return midnight_us(day_number(on) + later, zone)


def _suspected(status: DataStatus) -> None:
    if not len(status.suspected):
        return
    st.subheader(f"{many(len(status.suspected), 'day')} without any event")
    st.caption(
        "On such weekdays your data usually hold somebody. If the day was truly lost, mark it; if nobody"
        " came, leave it."
    )
    for r in status.suspected.head(SHOWN_SUSPECTED).itertuples(index=False):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"{day(r.day)} — {many(round(r.expected), 'user')} expected", width=320)
            if st.button("Mark as missing", key=f"suspect_{r.from_us}"):
                _run(
                    mark_gap,
                    int(r.from_us),
                    int(r.to_us),
                    "confirmed as missing",
                    receipt=f"{day(r.day)} is marked as missing.",
                )
    if len(status.suspected) > SHOWN_SUSPECTED:
        st.caption(f"And {len(status.suspected) - SHOWN_SUSPECTED} more.")


def _marked(status: DataStatus) -> None:
    zone = status.settings.timezone
    for r in status.gaps.itertuples(index=False):
        with st.container(horizontal=True, vertical_alignment="center"):
            note = f" — {r.note}" if r.note else ""
            st.markdown(
                f"**{short_moment(int(r.from_us), zone)}** to **{short_moment(int(r.to_us), zone)}**" + plain(note),
                width="content",
            )
            if st.button("Remove", key=f"gap_{r.gap_id}"):
                _run(unmark_gap, int(r.gap_id), receipt="The stretch counts again.")


def erase_panel() -> None:
    """Erase a user for good, and say how to back up."""
    st.header("Privacy and backup")
    with st.expander("Erase a user", key="erase"):
        st.markdown(
            "Removes everything held of one user, then rewrites the store so that nothing is left in the"
            " file. It cannot be undone."
            " Backups and files exported before still hold the user."
        )
        with st.form("erase", border=False):
            one, two, three = st.columns([2, 1, 1], vertical_alignment="bottom")
            user = one.text_input("Id as in your file, or pseudonym")
            typed = two.text_input(f"Type {ERASE} to confirm")
            is_sent = three.form_submit_button("Erase", width="stretch")
        if is_sent and typed.strip() != ERASE:
            st.error(f"Type {ERASE} in capitals to confirm. Nothing was erased.")
        elif is_sent and not user.strip():
            st.error("Name the user. Nothing was erased.")
        elif is_sent:
            _run(erase_user, user.strip(), receipt="The user is erased.")
    with st.expander("Back up and restore", key="backup"):
        st.markdown("One file and its key hold everything. Stop the app, then run on this machine:")
        st.code(
            f"python -m retention backup holdfast-backup.duckdb --store {store().path}",
            language="bash",
            wrap_lines=True,
        )
        st.code(
            f"python -m retention restore holdfast-backup.duckdb --store {store().path}",
            language="bash",
            wrap_lines=True,
        )
