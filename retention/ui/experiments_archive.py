"""What was learned from past experiments, and used since as measured effects."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.churn.words import amount
from retention.experiments.answer import lessons
from retention.experiments.archive import Learned
from retention.experiments.order_archive import forget
from retention.experiments.words import signed, value_words
from retention.periods import date_of, local_day
from retention.ui.answers import answer, catalogue, order
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.pages import link_to, section
from retention.ui.words import day, many, plain


def archive_panel(_controls: Controls) -> None:
    """List past experiments with what was learned from each."""
    with section("Archive", "What has been tried, what did it change, and what was learned?"):
        found = answer(lessons)
        if not found:
            st.info("Nothing has been kept yet. Read a campaign on the tab “Read”, and keep it at the end of that page.")
            return
        zone = catalogue().require_clock().timezone
        kept = {(one.campaign_id, one.window_days) for one in found}
        st.markdown(f"{many(len(kept), 'experiment')} kept, the latest first.")
        table = _table(found, zone)
        st.dataframe(table, hide_index=True, placeholder="", alt="Past experiments", height=min(38 + 35 * len(table), 388))
        rows = pd.DataFrame([{name: getattr(one, name) for name in Learned.__slots__} for one in found])
        download("the archive", "experiments", lambda fmt: table_bytes(rows, fmt, sheet="experiments"), key="archive_file")
        with st.container(horizontal=True):
            link_to("interventions", "Use a measured effect in a preview")
        _each(found, zone)


def _table(found: tuple[Learned, ...], zone: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Campaign": [one.campaign for one in found],
            "Group": [one.arm for one in found],
            "Got": [one.intervention or "not in the catalogue" for one in found],
            "Outcome": [one.metric for one in found],
            "Group's value": [value_words(one.rate_arm, "rate") for one in found],
            "Control's value": [value_words(one.rate_control, "rate") for one in found],
            "Difference, points": [signed(one.effect, "rate") for one in found],
            "From": [signed(one.low, "rate") for one in found],
            "To": [signed(one.high, "rate") for one in found],
            "Says": [one.verdict for one in found],
            "Cost of each extra user": [amount(one.cost_per_kept) for one in found],
            "Read as of": [date_of(local_day(one.as_of_us, zone)).isoformat() for one in found],
        }
    )


def _each(found: tuple[Learned, ...], zone: str) -> None:
    for number, (campaign_id, window) in enumerate(dict.fromkeys((one.campaign_id, one.window_days) for one in found)):
        own = [one for one in found if (one.campaign_id, one.window_days) == (campaign_id, window)]
        with st.container(border=True, key=f"archive_{number}"):
            st.subheader(plain(own[0].campaign))
            st.markdown(plain(f"“{own[0].learned}”"))
            for one in own:
                said = (
                    f"{one.arm}: {one.verdict}, {signed(one.effect, 'rate')} percentage points"
                    f" ({signed(one.low, 'rate')} to {signed(one.high, 'rate')}, 95 % {one.method} interval),"
                    f" {one.n_arm:,} users against {one.n_control:,} left alone."
                )
                st.markdown(plain(f"- {said}"))
            reach = day(date_of(local_day(own[0].as_of_us, zone)))
            st.caption(plain(f"{own[0].metric}; read with data up to {reach}."))
            if st.button("Take out of the archive", key=f"archive_forget_{number}"):
                order(forget, campaign_id, window, receipt=f"“{own[0].campaign}” is out of the archive.")
                st.rerun()
