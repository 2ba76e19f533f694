"""Alerts on a page: what fires, what does not, and the orders that make and end them."""

from __future__ import annotations

import streamlit as st

from retention.alerts.answer import alert_readings
from retention.alerts.order import add_alert, delete_alert
from retention.alerts.reading import Reading
from retention.alerts.spec import MAX_NAME, OPERATORS, AlertSpec, parse_threshold
from retention.errors import RetentionError
from retention.headlines.spec import METRICS
from retention.ui.answers import advise, answer, order
from retention.ui.words import many, plain


def fired_notice() -> None:
    """Say at the top of a page which alerts fire."""
    fired = answer(alert_readings).fired
    if fired:
        lines = "\n".join(f"- {plain(item.sentence)}" for item in fired)
        st.warning(f"**{many(len(fired), 'alert')} fired**\n{lines}", icon="⚠️")


def alerts_panel() -> None:
    """List the alerts with what each reads, add one, delete one."""
    readings = answer(alert_readings)
    st.header("Alerts")
    st.caption(
        "A rule on a headline number, read after each import and by the command python -m retention alerts, on complete"
        " weeks only. A number that is not known yet fires nothing."
    )
    if not readings.items:
        st.markdown("There is no alert yet.")
    for item in readings.items:
        _row(item)
    with st.expander("Add an alert", key="new_alert"):
        _form()


def _row(item: Reading) -> None:
    state = "Fired" if item.is_fired else "Not sure" if item.is_near else "Quiet" if item.value else "Not known yet"
    with st.container(border=True, key=f"alert_row_{item.alert_id}"):
        one, two = st.columns([5, 1], vertical_alignment="center")
        one.markdown(f"**{state}** · {plain(item.sentence)}")
        two.button(
            "Delete", key=f"alert_{item.alert_id}", on_click=_delete, args=(item.alert_id,), width="stretch",
            help=f"Delete alert {item.alert_id}",
        )  # fmt: skip


def _form() -> None:
    with st.form("add_alert", border=False, clear_on_submit=True):
        one, two, three = st.columns([2, 1, 1])
        metric = one.selectbox("When", list(METRICS), format_func=lambda name: METRICS[name].label, key="alert_metric")
        operator = two.selectbox("is", OPERATORS, key="alert_operator")
        threshold = three.text_input("than", placeholder="40% or 1200", key="alert_threshold")
        four, five = st.columns([2, 2], vertical_alignment="bottom")
        name = four.text_input("Name (optional)", max_chars=MAX_NAME, key="alert_name")
        is_sure = five.checkbox(
            "Only when sure",
            value=True,
            key="alert_sure",
            help="Fires only where the whole 95 % interval lies beyond the threshold, so that chance rarely rings.",
        )
        is_sent = st.form_submit_button("Add alert")
    if not is_sent:
        return
    try:
        rule = AlertSpec(
            metric=metric, operator=operator, threshold=parse_threshold(threshold), is_sure=is_sure, name=name
        )
    except RetentionError as error:
        advise(error)
        return
    if order(add_alert, rule, receipt="Alert added.") is not None:
        st.rerun()


def _delete(alert_id: int) -> None:
    order(delete_alert, alert_id, receipt="Alert deleted.")
