"""From a file to events, on the Data page: choose, look, say what the columns are, import, read the report."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from zoneinfo import available_timezones

import pandas as pd
import streamlit as st

from retention.alerts.order import evaluate_alerts
from retention.audiences.export import table_bytes
from retention.audiences.order import refresh_audiences
from retention.audiences.words import refreshed_words
from retention.errors import FileError, RetentionError
from retention.ingest.answer import import_rejects
from retention.ingest.order import ImportReport, import_file
from retention.ingest.read import Preview, preview
from retention.ingest.spec import ImportSpec
from retention.periods import day_number, midnight_us
from retention.ui import address
from retention.ui.answers import advise, answer, catalogue, look_again
from retention.ui.pages import link_to
from retention.ui.starting import store
from retention.ui.words import file_size, many, moment, plain

PRESET_WORDS = {
    "events": "Events: one row for each thing a user did",
    "order-lines": "Order lines: one row for each item of an invoice (UCI Online Retail)",
    "ga4": "Google Analytics 4 export",
    "segment": "Segment: JSON lines",
}
TARGET_WORDS = {
    "user": "User *",
    "time": "Time *",
    "event": "Event",
    "value": "Value (money)",
    "quantity": "Quantity",
    "item": "Item",
    "item_name": "Item name",
    "category": "Category",
    "text": "Text (search, review)",
    "invoice": "Invoice *",
    "price": "Price *",
}
EVENT_TARGETS = ("user", "time", "event", "value", "quantity", "item", "item_name", "category", "text")
ORDER_TARGETS = ("user", "time", "invoice", "item", "quantity", "price", "item_name")
NOTHING = "—"


@dataclass(slots=True)
class _Upload:
    """An upload laid down as a file, in a folder that goes when nobody refers to it."""

    folder: tempfile.TemporaryDirectory[str]
    path: Path
    file_id: str


@lru_cache(maxsize=1)
def zones() -> list[str]:
    """List the time zones, places before abbreviations."""
    return sorted(available_timezones(), key=lambda name: (name != "UTC", "/" not in name, name))


def import_panel() -> None:
    """Take a file in."""
    st.header("Import a file")
    if catalogue().is_simulated:
        st.info("Your first import takes the place of the simulated shop: its events, lists and views are removed.")
    if _report():
        return
    path = _chosen_file()
    if path is None:
        return
    one, two = st.columns([2, 1])
    preset = one.selectbox(
        "What kind of file is it?", list(PRESET_WORDS), key="preset", format_func=PRESET_WORDS.__getitem__
    )
    zone = two.selectbox(
        "Time zone of the file",
        zones(),
        index=zones().index(catalogue().settings.timezone),
        key="file_zone",
        help="For times that carry no offset. Type to search.",
    )
    try:
        base = ImportSpec(path, preset=preset, timezone=zone)
        seen = _preview(base)
    except RetentionError as error:
        advise(error)
        return
    st.caption(_file_words(seen))
    for note in seen.notes:
        st.caption(plain(note))
    st.subheader("The first 20 rows")
    st.dataframe(
        seen.rows, hide_index=True, height=min(38 + 35 * len(seen.rows), 318), alt="The first rows of the file"
    )
    spec = _mapped(base, seen)
    complete_to = st.date_input(
        "The data are complete up to the end of this day (optional)",
        value=None,
        key="complete_to",
        help="Leave it empty for the moment just after the last row. Cohorts are judged complete by it,"
        " never by today's date.",
    )
    is_mixed = st.checkbox(
        "Some times carry an offset and some do not: read the others in the zone above",
        key="mixed_zones",
        help="Without it a file that mixes both is refused, because one of the two is usually a mistake.",
    )
    if st.button("Import", type="primary", key="import", disabled=spec is None) and spec is not None:
        _import(replace(spec, has_explicit_timezone=is_mixed), complete_to, zone)


def _chosen_file() -> Path | None:
    where = st.segmented_control(
        "Where is the file?", ["Upload", "On this server"], key="where", default="Upload", required=True
    )
    if where == "On this server":
        named = st.text_input(
            "Path on this server",
            key="server_path",
            placeholder="/data/orders.csv.gz",
            help="For files too large to upload.",
        )
        if not named.strip():
            return None
        path = Path(named.strip()).expanduser()
        if not path.is_file():
            advise(
                FileError(
                    f"There is no file at {path}.", hint="Check the path; it is one on the machine that runs Holdfast."
                )
            )
            return None
        return path
    file = st.file_uploader("CSV, CSV.gz, Parquet or JSON lines", key=f"upload_{st.session_state.get('uploads', 0)}")
    if file is None:
        st.session_state.pop("uploaded", None)
        return None
    held: _Upload | None = st.session_state.get("uploaded")
    if held is None or held.file_id != file.file_id:
        folder = tempfile.TemporaryDirectory(prefix="retention-upload-")
        path = Path(folder.name) / (Path(file.name).name or "upload")
        path.write_bytes(file.getbuffer())
        held = st.session_state["uploaded"] = _Upload(folder, path, file.file_id)
    return held.path


def _preview(spec: ImportSpec) -> Preview:
    key = (str(spec.path), spec.path.stat().st_mtime_ns, spec.preset, spec.timezone)
    held = st.session_state.get("previewed")
    if held is None or held[0] != key:
        with st.spinner("Looking at the file"):
            held = st.session_state["previewed"] = (key, preview(spec))
    found: Preview = held[1]
    return found


def _file_words(seen: Preview) -> str:
    parts = [
        file_size(seen.n_bytes),
        {"csv": "delimited text", "parquet": "Parquet", "json": "JSON lines"}[seen.content],
    ]
    if seen.encoding:
        parts.append(f"encoding {seen.encoding}")
    if seen.delimiter:
        parts.append(
            "columns parted by "
            + {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}.get(seen.delimiter, seen.delimiter)
        )
    return ", ".join(parts)


def _mapped(base: ImportSpec, seen: Preview) -> ImportSpec | None:
    """Let the reader correct which column is which."""
    if base.preset in ("ga4", "segment"):
        return base
    st.subheader("What the columns are")
    targets = ORDER_TARGETS if base.preset == "order-lines" else EVENT_TARGETS
    columns = list(seen.columns)
    mark = f"{abs(hash((base.path, base.preset, seen.columns))) % 10**9}"
    chosen: dict[str, str] = {}
    for start in range(0, len(targets), 3):
        for target, place in zip(targets[start : start + 3], st.columns(3), strict=False):
            options = [NOTHING, *columns]
            guess = seen.mapping.get(target, NOTHING)
            picked = place.selectbox(
                TARGET_WORDS[target],
                options,
                index=options.index(guess) if guess in options else 0,
                key=f"map_{target}_{mark}",
            )
            if picked != NOTHING:
                chosen[target] = picked
    constant = None
    if base.preset == "events" and "event" not in chosen:
        constant = st.text_input(
            "Every row is the same event; call it",
            value=seen.constant_event or "event",
            key=f"map_constant_{mark}",
            help="For a file without an event column, for example purchase.",
        )
    rest = [column for column in columns if column not in chosen.values()]
    users, ignored = _rest(seen.mapping, rest, mark)
    if missing := [target for target in ("user", "time") if target not in chosen]:
        st.warning(f"Choose the column of the {' and of the '.join(missing)} to go on.")
        return None
    try:
        return replace(base, mapping=_mapping(chosen, rest, users, ignored), constant_event=constant)
    except RetentionError as error:
        advise(error)
        return None


def _rest(guessed: Mapping[str, str], rest: Sequence[str], mark: str) -> tuple[list[str], list[str]]:
    if not rest:
        return [], []
    guessed_users = [c for t, c in guessed.items() if t.startswith("user:") and c in rest]
    guessed_ignored = [c for t, c in guessed.items() if t.startswith("ignore:") and c in rest]
    one, two = st.columns(2)
    users = one.multiselect(
        "Properties of the user",
        rest,
        default=guessed_users,
        key=f"map_users_{mark}",
        placeholder="None",
        help="Hold for the user from that row on, such as a plan. Other columns belong to their own event.",
    )
    ignored = two.multiselect(
        "Leave out",
        rest,
        default=guessed_ignored,
        key=f"map_ignored_{mark}",
        placeholder="None",
        help="Columns that nobody needs, such as a currency.",
    )
    kept = [column for column in rest if column not in users and column not in ignored]
    if kept:
        st.caption(plain(f"Properties of the event: {', '.join(kept)}."))
    return users, ignored


def _mapping(
    chosen: Mapping[str, str], rest: Sequence[str], users: Sequence[str], ignored: Sequence[str]
) -> dict[str, str]:
    kinds = {column: "ignore" if column in ignored else "user" if column in users else "event" for column in rest}
    return {**chosen, **{f"{kind}:{column}": column for column, kind in kinds.items()}}


def _import(spec: ImportSpec, complete_to: date | None, zone: str) -> None:
    until = None if complete_to is None else midnight_us(day_number(complete_to) + 1, zone)
    bar = st.progress(0.0, text="Reading the file …")
    was_simulated = catalogue().is_simulated
    try:
        report = import_file(
            store(),
            spec,
            complete_to_us=until,
            progress=lambda share, text: bar.progress(min(max(share, 0.0), 1.0), text=f"{text} …"),
        )
    except RetentionError as error:
        bar.empty()
        advise(error)
        return
    lists = refresh_audiences(store())
    evaluate_alerts(store())
    look_again()
    if was_simulated:
        address.forget("")  # the Cohorts page, whose path is empty
    st.session_state["import_report"] = (spec.path.name, report, tuple(refreshed_words(done) for done in lists))
    st.rerun()


def _report() -> bool:
    """Show the report of the last import, if there is one that is not done with."""
    held = st.session_state.get("import_report")
    if held is None:
        return False
    report_card(*held)
    return True


def report_card(name: str, report: ImportReport, notes: Sequence[str] = ()) -> None:
    """Say what became of a file; the three parts add up to its rows.

    Parameters
    ----------
    notes : sequence of str
        What the import did beside: to the lists that are made anew with each.
    """
    with st.container(border=True, key="import_report_card"):
        st.subheader(plain(f"{name} is in"))
        columns = st.columns(4)
        parts = (
            ("Rows of the file", report.n_records),
            ("New", report.n_new),
            ("Known already", report.n_duplicate),
            ("Rejected", report.n_rejected),
        )
        for column, (label, n) in zip(columns, parts, strict=True):
            column.metric(label, f"{n:,}")
        if report.as_of_us is not None:
            st.caption(
                f"Data complete up to {moment(report.as_of_us, catalogue().settings.timezone)}; data"
                f" version {report.data_version}."
            )
        if not report.n_rejected:
            st.markdown("No row was rejected.")
        else:
            st.markdown(f"**Why {many(report.n_rejected, 'row')} were rejected**")
            rows = [{"Reason": r.reason, "Rows": r.n, "First at line": r.first_line} for r in report.reasons]
            st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Reasons for rejected rows")
            st.download_button(
                "Download the rejected rows (CSV)",
                on_click="ignore",
                file_name=f"rejected-{report.import_id}.csv",
                mime="text/csv",
                data=lambda: table_bytes(answer(import_rejects, report.import_id), "csv"),
                key="rejects",
            )
        for note in notes:
            st.markdown(plain(note))
        with st.container(horizontal=True, vertical_alignment="center"):
            link_to("cohorts", "See your cohorts")
            st.button("Import another file", key="report_done", on_click=_done)


def _done() -> None:
    state = st.session_state
    state.pop("import_report", None)
    state.pop("uploaded", None)
    state["uploads"] = state.get("uploads", 0) + 1  # an uploader under another key is an empty one
