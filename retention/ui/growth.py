"""The Growth page: who is new, who comes back, who falls silent, and where they stand in the next period."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pandas as pd
import streamlit as st

from retention.cohorts.words import interval, percent
from retention.lifecycle.answer import lifecycle_frame, transitions_frame, user_lifecycle, user_transitions
from retention.lifecycle.chart import (
    lifecycle_alt,
    lifecycle_bars,
    quick_ratio_line,
    transition_alt,
    transition_sankey,
)
from retention.lifecycle.lifecycle import Lifecycle
from retention.lifecycle.spec import STATES, LifecycleCellSpec, LifecycleSpec, TransitionCellSpec, TransitionsSpec
from retention.lifecycle.words import (
    STATE_WORDS,
    lifecycle_definition,
    lifecycle_title,
    period_label,
    transition_title,
    transitions_verdict,
    verdict,
)
from retention.periods import PERIODS
from retention.ui.annotations import annotated
from retention.ui.answers import answer, catalogue, drawn
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.growth_forecast import forecast_panel
from retention.ui.growth_parts import (
    MAX_TABLE,
    MOST_PICKED,
    PERIOD_WORDS,
    Who,
    events_control,
    group_control,
    mark,
    meaning,
    say,
    twin,
)
from retention.ui.growth_revenue import revenue_panel
from retention.ui.growth_stickiness import active_days_panel, stickiness_panel
from retention.ui.members import members_panel
from retention.ui.pages import section
from retention.ui.words import plain

TABS = ("Lifecycle", "Flow", "Stickiness", "Active days", "Revenue", "Forecast")


def growth_panels(controls: Controls) -> None:
    """Draw the filters that every part shares, and the part whose tab is open; the others ask nothing."""
    who = controls.population()
    where, by = who
    draw = {
        "Lifecycle": lambda: lifecycle_panel(controls, who),
        "Flow": lambda: transitions_panel(controls, who),
        "Stickiness": lambda: stickiness_panel(controls, who),
        "Active days": lambda: active_days_panel(controls, who),
        "Revenue": lambda: revenue_panel(controls, where, by),
        "Forecast": lambda: forecast_panel(controls, where),
    }
    for name, tab in zip(TABS, controls.tabs("show", TABS), strict=True):
        if tab.open:
            with tab:
                draw[name]()


# New, returning, back, silent --------------------------------------------------------------------------


def lifecycle_panel(controls: Controls, who: Who) -> None:
    """Draw whether the base grows: the bars, the quick ratio, their table and their users."""
    with section("New, returning, back and silent", "Is the base growing or leaking?"):
        spec = _lifecycle_controls(controls, who)
        found = answer(user_lifecycle, spec)
        group = group_control(controls, found.groups, spec.by)
        _headline(found, group)
        say(verdict(found, group))
        place = (repr(spec), group, is_dark(), found.data_version)
        figure = drawn("lifecycle", place, lambda: lifecycle_bars(found, is_dark=is_dark(), group=group))
        chart(
            annotated(figure), alt=lifecycle_alt(found, group), key="lifecycle", file_name="lifecycle",
            is_clickable=True,
        )  # fmt: skip
        st.caption(_marks(found, group))
        _lifecycle_list(controls, found, group)
        st.subheader("Quick ratio")
        st.caption(
            "Users who came or came back, for each one who fell silent. The band is the 95 % interval of each"
            f" {spec.period}; above 1 the base grows. Complete {spec.period}s only."
        )
        ratio = drawn("quick ratio", place, lambda: quick_ratio_line(found, is_dark=is_dark(), group=group))
        alt = f"Quick ratio of each complete {spec.period} with its 95 % band; the line at 1 is a base that keeps its size."
        chart(annotated(ratio), alt=alt, key="quick_ratio", file_name="quick-ratio")
        twin(
            drawn("lifecycle table", place, lambda: _lifecycle_rows(found, group)),
            "new, returning, back and silent users", "lifecycle_file", lambda: lifecycle_frame(found),
        )  # fmt: skip
        if spec.by is not None:
            _by_group(found)
        meaning(lifecycle_definition(spec, catalogue()), "lifecycle_meaning", spec)


def _headline(found: Lifecycle, group: str | None) -> None:
    """Show the latest complete period that touches no gap, beside the one before it."""
    rows = found.of(group)
    fit = rows[(rows["state"] == "complete") & ~rows["touches_gap"]]
    if fit.empty:
        return
    now, unit = fit.iloc[-1], found.spec.period
    before = rows[rows["index"] == now["index"] - 1]
    with st.container(key="kpis"):
        st.caption(f"In {period_label(now['on'], unit)}, the latest complete {unit}:")
        columns = st.columns(5)
        for name, at in zip(("active", *STATES), columns, strict=True):
            with at, st.container(border=True, height="stretch"):
                st.metric(STATE_WORDS.get(name, "Active"), f"{now[f'n_{name}']:,}")
                if len(before):
                    st.caption(f"{before.iloc[0][f'n_{name}']:,} the {unit} before")


def _lifecycle_controls(controls: Controls, who: Who) -> LifecycleSpec:
    where, by = who
    one, two, three, four = st.columns([1, 1.6, 0.9, 0.9], vertical_alignment="bottom")
    period = controls.pills("period", list(PERIODS), "week", "Each bar is a", words=PERIOD_WORDS, at=one)
    events = events_control(controls, two)
    from_on = controls.day("from", "From", at=three, help="The first day shown; empty for the latest periods.")
    to_on = controls.day("to", "Before", at=four, help="The first day left out.")
    return LifecycleSpec(period=period, events=events, where=where, by=by, from_on=from_on, to_on=to_on)  # type: ignore[arg-type]


def _marks(found: Lifecycle, group: str | None) -> str:
    """Say what the marks of the bars mean, those that are shown."""
    rows, unit = found.of(group), found.spec.period
    said = ["Click a bar to list its users."]
    if (rows["state"] == "in_progress").any():
        when = rows["complete_on"].iloc[-1]
        said.append(
            f"Hatched: the {unit} is in progress until {when:%-d %B %Y}, so its numbers are those so far; who falls"
            " silent in it is not known before it ends."
        )
    if rows["touches_gap"].any():
        said.append(
            f"Crossed: the {unit} or the one before it touches a stretch marked missing; in no average and no ratio."
        )
    if (rows["on"] <= found.first_on).any():
        said.append(f"The data begin on {found.first_on:%-d %B %Y}: in that {unit} everybody is new at first sight.")
    return " ".join(said)


def _lifecycle_list(controls: Controls, found: Lifecycle, group: str | None) -> None:
    rows, unit = found.of(group).tail(MOST_PICKED).iloc[::-1], found.spec.period
    options = {
        f"{row['on'].isoformat()}.{state}": f"{STATE_WORDS[state]} · {period_label(row['on'], unit)} ({row[f'n_{state}']:,})"
        for row in rows.to_dict("records")
        for state in STATES
        if pd.notna(row[f"n_{state}"])
    }
    picked = controls.pick("pick", options, "List the users of", charts=("lifecycle",))
    if picked is None:
        return
    on, _, state = picked.partition(".")
    cell = LifecycleCellSpec(lifecycle=_without_range(found.spec), on=date.fromisoformat(on), state=state, group=group)
    row = rows[rows["on"] == cell.on].iloc[0]
    note = "So far: this period is still in progress." if row["state"] == "in_progress" else ""
    members_panel(cell, lifecycle_title(cell), note=note)


def _without_range(spec: LifecycleSpec) -> LifecycleSpec:
    """Return the question of a list, which the dates shown do not change."""
    return replace(spec, from_on=None, to_on=None, last=None)


def _lifecycle_rows(found: Lifecycle, group: str | None) -> pd.DataFrame:
    rows = found.of(group).iloc[::-1]
    return pd.DataFrame(
        {
            found.spec.period.capitalize(): [
                on.isoformat() + mark(state, gap)
                for on, state, gap in zip(rows["on"], rows["state"], rows["touches_gap"], strict=True)
            ],
            "Active": rows["n_active"],
            **{STATE_WORDS[state]: rows[f"n_{state}"] for state in STATES},
            "Quick ratio": [
                "" if pd.isna(r) else f"{r:.2f} ({a:.2f}–{b:.2f})"
                for r, a, b in zip(rows["quick_ratio"], rows["low"], rows["high"], strict=True)
            ],
        }
    )


def _by_group(found: Lifecycle) -> None:
    rows = found.recent[found.recent["group"].notna()].head(MAX_TABLE)
    if rows.empty:
        return
    st.subheader(plain(f"Quick ratio by {found.spec.by}"))
    frame = pd.DataFrame(
        {
            str(found.spec.by): rows["group"],
            "Came or came back": rows["n_gained"],
            "Fell silent": rows["n_lost"],
            "Quick ratio": ["" if pd.isna(r) else f"{r:.2f}" for r in rows["quick_ratio"]],
            "95 % interval": [
                "" if pd.isna(a) else f"{a:.2f}–{b:.2f}" for a, b in zip(rows["low"], rows["high"], strict=True)
            ],
        }
    )
    st.dataframe(frame, hide_index=True, height=min(38 + 35 * len(frame), 318), alt="Quick ratio by group")
    n = int(found.recently()["n_periods"])
    st.caption(
        f"Over the latest {n} complete {found.spec.period}s. With {len(frame)} groups looked at together, about one"
        " interval in twenty misses: take a single group that stands out as a hint, not as proof."
    )


# From state to state -------------------------------------------------------------------------------------


def transitions_panel(controls: Controls, who: Who) -> None:
    """Draw where the users of one period stand in the next: the flow, its table and its users."""
    with section("From one period to the next", "Who stays, who falls silent, and who comes back from silence?"):
        where, by = who
        one, two, three = st.columns([1, 1.6, 1.2], vertical_alignment="bottom")
        period = controls.pills("period", list(PERIODS), "week", "Period", words=PERIOD_WORDS, at=one)
        events = events_control(controls, two)
        spec = LifecycleSpec(period=period, events=events, where=where, by=by)  # type: ignore[arg-type]
        shown = answer(user_lifecycle, spec)
        on = _choose_period(controls, shown, three)
        found = answer(user_transitions, TransitionsSpec(lifecycle=spec, on=on))
        group = group_control(controls, shown.groups, by)
        say(transitions_verdict(found, group))
        place = (repr(found.spec), group, is_dark(), found.data_version)
        moves = found.of(group)
        if not len(moves):
            st.info("Nobody of this group had been seen by then.")
            return
        figure = drawn("transitions", place, lambda: transition_sankey(found, is_dark=is_dark(), group=group))
        with st.container(key="flow_box"):
            chart(figure, alt=transition_alt(found, group), key="transitions", file_name="transitions")
        away = found.n("away", "away", group)
        said = [f"Not drawn: {away:,} users who had been away for longer and stayed away."]
        if found.state == "in_progress":
            said.append("The second period is in progress: the numbers are those so far.")
        if found.has_gap:
            said.append("One of the periods, or the one before, touches a stretch marked missing.")
        st.caption(" ".join(said))
        _transition_list(controls, found.spec.lifecycle, found.on, moves, group)
        twin(
            drawn("transition table", place, lambda: _transition_rows(moves)),
            "the transitions", "transitions_file", lambda: transitions_frame(found),
        )  # fmt: skip
        meaning(lifecycle_definition(spec, catalogue()), "transitions_meaning")


def _choose_period(controls: Controls, shown: Lifecycle, at: Any) -> date | None:
    """Draw the choice of the period from which users go; the latest whose next one is complete comes first."""
    rows = shown.of().iloc[:-1].iloc[::-1]
    options = {on.isoformat(): period_label(on, shown.spec.period) for on in rows["on"]}
    if not options:
        return None
    chosen = controls.choice(
        "from_period", list(options), None, "From", words=options, at=at, is_optional=True,
        help="The latest one whose next period is complete, if none is chosen.",
    )  # fmt: skip
    return date.fromisoformat(chosen) if chosen else None


def _transition_list(controls: Controls, spec: LifecycleSpec, on: date, moves: pd.DataFrame, group: str | None) -> None:
    options = {
        f"{r.source}.{r.target}": f"{STATE_WORDS[r.source]} → {STATE_WORDS[r.target]} ({r.n:,})"
        for r in moves.itertuples(index=False)
    }
    picked = controls.pick("move", options, "List the users of a move")
    if picked is None:
        return
    source, _, target = picked.partition(".")
    cell = TransitionCellSpec(lifecycle=_without_range(spec), on=on, source=source, target=target, group=group)
    members_panel(cell, transition_title(cell))


def _transition_rows(moves: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "From": [STATE_WORDS[s] for s in moves["source"]],
            "To": [STATE_WORDS[t] for t in moves["target"]],
            "Users": moves["n"],
            "Of": moves["size"],
            "Share": ["" if pd.isna(rate) else percent(rate) for rate in moves["rate"]],
            "95 % interval": [
                "" if pd.isna(a) else interval(a, b) for a, b in zip(moves["low"], moves["high"], strict=True)
            ],
        }
    )
