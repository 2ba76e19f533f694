"""Growth against plain loops: every period, week start and zone, other events, filters, groups, and the lists."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.audiences.answer_sources import members_of
from retention.errors import RetentionError, SpecError
from retention.lifecycle import query
from retention.lifecycle.answer import (
    linked_sql,
    periods_sql,
    portable_linked_sql,
    portable_periods_sql,
    user_active_days,
    user_lifecycle,
    user_stickiness,
    user_transitions,
)
from retention.lifecycle.spec import (
    LAST,
    MOVES,
    STATES,
    ActiveDaysCellSpec,
    ActiveDaysSpec,
    ActiveUsersSpec,
    LifecycleCellSpec,
    LifecycleSpec,
    StickinessSpec,
    TransitionCellSpec,
    TransitionsSpec,
)
from retention.store import Sql, Store
from tests.lifecycle import plain_growth as plain
from tests.oracles import next_period
from tests.test_sql_portable import portability_faults
from tests.worlds import CONDITIONS, USER_PROPERTIES, World, worlds

EVENTS = ((), (), ("buy",), ("open", "read"))
PERIODS = ("day", "week", "month")


@st.composite
def askings(draw: st.DrawFn, world: World) -> plain.Asked:
    """Draw which events count, and whose, of what the world knows."""
    kinds = {e.event for e in world.events}
    known = {name for e in world.events for name in e.props}
    return plain.Asked(
        events=draw(st.sampled_from([e for e in EVENTS if kinds >= set(e)])),
        where=draw(st.sampled_from([w for w in CONDITIONS if known >= {name for name, _, _ in w}])),
        by=draw(st.sampled_from([by for by in (None, "browser", "plan") if by is None or by in known])),
        user_properties=USER_PROPERTIES,
    )


def settings_of(asked: plain.Asked) -> dict[str, object]:
    """Return the product's settings of an oracle's question."""
    from retention.cohorts.spec import Condition

    where = tuple(Condition(name=n, operator=op, values=values) for n, op, values in asked.where)
    return {"events": asked.events, "where": where, "by": asked.by}


def names(store: Store, spec: object) -> set[str]:
    """Return the ids of the file of the users that a definition names, each of them listed once."""
    with store.snapshot() as snapshot:
        members = members_of(snapshot, spec)
        found = snapshot.read(
            Sql.ctes(members=members).select(
                "select i.user_id from members as m join identities as i on i.user_key = m.user_key"
            )
        )
    ids = [str(name) for name in found["user_id"]]
    assert len(ids) == len(set(ids))
    return set(ids)


def rows_of(store: Store, sql: Sql) -> list[tuple[object, ...]]:
    """Return what a select gives, in an order of its own."""
    frame = store.read(sql)
    frame = frame[sorted(frame.columns)]
    return sorted((tuple(None if pd.isna(v) else int(v) for v in row) for row in frame.to_numpy()), key=repr)


@pytest.mark.parametrize("period", PERIODS)
@given(data=st.data())
def test_every_state_of_every_period_is_what_a_loop_counts(period: str, data: st.DataObject) -> None:
    world = data.draw(worlds(period=period))
    asked = data.draw(askings(world))
    spec = LifecycleSpec(period=period, **settings_of(asked))
    diary, store = plain.read(world.events, world.clock, asked), world.open()
    if diary.first_on is None:
        with pytest.raises(RetentionError):
            user_lifecycle(store, spec)
        return
    found = user_lifecycle(store, spec)
    week_start = world.clock.week_start
    begins = plain.begun_periods(diary, period, week_start)[-LAST[period] :]
    for group in plain.groups(diary, asked):
        rows = found.of(group).to_dict("records")
        if not rows:  # a group of whom nobody was active in these periods has no rows
            assert group is not None
            assert not plain.active_in(diary, group, begins[0], diary.last_on)
            continue
        assert [row["on"] for row in rows] == begins
        for row, begin in zip(rows, begins, strict=True):
            said = plain.states(diary, group, begin, period, week_start)
            is_over = plain.is_complete(begin, period, world.clock)
            known = [s for s in STATES if is_over or s != "dormant"]  # who has not come yet still can
            assert {s: row[f"n_{s}"] for s in known} == {s: len(said[s]) for s in known}
            assert is_over != pd.isna(row["n_dormant"])
            assert row["n_active"] == sum(row[f"n_{s}"] for s in ("new", "returning", "resurrecting"))
            assert (row["state"] == "complete") == plain.is_complete(begin, period, world.clock)
            before = plain.period_begin(begin - timedelta(days=1), period, week_start)
            assert row["touches_gap"] == plain.touches_gap(before, next_period(begin, period), world.clock)
            gained, lost = len(said["new"] | said["resurrecting"]), len(said["dormant"])
            if lost and row["state"] == "complete":
                assert row["low"] <= row["quick_ratio"] == gained / lost <= row["high"]
            else:
                assert pd.isna(row["quick_ratio"]) and pd.isna(row["low"]) and pd.isna(row["high"])
    # Whoever is drawn is listed, under each state.
    begin = data.draw(st.sampled_from(begins))
    group = data.draw(st.sampled_from(plain.groups(diary, asked)))
    said = plain.states(diary, group, begin, period, week_start)
    for state in STATES:
        cell = LifecycleCellSpec(lifecycle=spec, on=begin, state=state, group=group)
        if state == "dormant" and not plain.is_complete(begin, period, world.clock):
            with pytest.raises(SpecError, match="not known before it ends"):
                names(store, cell)
            continue
        assert names(store, cell) == said[state]
    active = LifecycleCellSpec(lifecycle=spec, on=begin, state="active", group=group)
    assert names(store, active) == said["new"] | said["returning"] | said["resurrecting"]


@pytest.mark.parametrize("period", PERIODS)
@given(data=st.data())
def test_every_move_from_period_to_period_is_what_a_loop_counts(period: str, data: st.DataObject) -> None:
    world = data.draw(worlds(period=period))
    asked = data.draw(askings(world))
    spec = LifecycleSpec(period=period, **settings_of(asked))
    diary, store = plain.read(world.events, world.clock, asked), world.open()
    if diary.first_on is None:
        return
    week_start = world.clock.week_start
    begins = plain.begun_periods(diary, period, week_start)
    if len(begins) < 2:
        with pytest.raises(RetentionError):
            user_transitions(store, TransitionsSpec(lifecycle=spec, on=begins[0]))
        return
    here = data.draw(st.integers(0, len(begins) - 2))
    on, then = begins[here], begins[here + 1]
    found = user_transitions(store, TransitionsSpec(lifecycle=spec, on=on))
    assert (found.on, found.next_on) == (on, then)
    assert (found.state == "complete") == plain.is_complete(then, period, world.clock)
    for group in plain.groups(diary, asked):
        before, after = (plain.states(diary, group, begin, period, week_start) for begin in (on, then))
        expected = {
            (source, target): before[source] & after[target]
            for source in before
            for target in after
            if before[source] & after[target]
        }
        # No user may go where the rules of the table say that nobody can.
        assert all(target in MOVES[source] for source, target in expected if (source, target) != ("unseen", "unseen"))
        moves = {(r.source, r.target): r.n for r in found.of(group).itertuples()}
        if not moves:  # nobody of the group had been seen by then
            assert group is not None and set(expected) <= {("unseen", "unseen")}
            continue
        assert moves == {(s, t): len(expected.get((s, t), ())) for s in MOVES for t in MOVES[s]}
        for source in ("new", "returning", "resurrecting", "dormant", "away"):
            assert sum(moves[source, target] for target in MOVES[source]) == len(before[source])
            assert set(found.of(group).loc[found.of(group)["source"] == source, "size"]) == {len(before[source])}
    group = data.draw(st.sampled_from(plain.groups(diary, asked)))
    source = data.draw(st.sampled_from(list(MOVES)))
    before, after = (plain.states(diary, group, begin, period, week_start) for begin in (on, then))
    for target in MOVES[source]:
        cell = TransitionCellSpec(lifecycle=spec, on=on, source=source, target=target, group=group)
        assert names(store, cell) == before[source] & after[target]


@pytest.mark.parametrize("period", ["day", "week"])
@given(data=st.data())
def test_daily_weekly_and_monthly_users_are_what_a_loop_counts(period: str, data: st.DataObject) -> None:
    world = data.draw(worlds(period=period))
    asked = data.draw(askings(world))
    spec = StickinessSpec(**settings_of(asked), last=data.draw(st.sampled_from((1, 3, 40, 182))))
    diary, store = plain.read(world.events, world.clock, asked), world.open()
    if diary.first_on is None:
        return
    found = user_stickiness(store, spec)
    days = plain.begun_periods(diary, "day", "monday")[-spec.n_last :]
    for group in plain.groups(diary, asked):
        rows = found.of(group).to_dict("records")
        if not rows:
            assert group is not None
            assert not plain.active_in(diary, group, days[0] - timedelta(days=27), days[-1])
            continue
        assert [row["on"] for row in rows] == days
        rates = []
        for row, day in zip(rows, days, strict=True):
            actives = {}
            for name, width in (("dau", 1), ("wau", 7), ("mau", 28)):
                first = day - timedelta(days=width - 1)
                actives[name] = plain.active_in(diary, group, first, day)
                known = first >= diary.first_on
                assert (None if pd.isna(row[name]) else row[name]) == (len(actives[name]) if known else None)
            complete = plain.is_complete(day, "day", world.clock)
            gap = plain.touches_gap(day - timedelta(days=27), day + timedelta(days=1), world.clock)
            assert (row["state"] == "complete") == complete
            assert row["touches_gap"] == plain.touches_gap(day, day + timedelta(days=1), world.clock)
            if complete and not gap and not pd.isna(row["mau"]) and actives["mau"]:
                rates.append(len(actives["dau"]) / len(actives["mau"]))
                assert row["rate"] == rates[-1]
            else:
                assert pd.isna(row["rate"])
        summary = found.summed_up(group)
        assert summary["n_days"] == len(rates)
        if rates:
            assert summary["rate"] == pytest.approx(sum(rates) / len(rates))
    day = data.draw(st.sampled_from(days))
    group = data.draw(st.sampled_from(plain.groups(diary, asked)))
    for width in (1, 7, 28):
        first = day - timedelta(days=width - 1)
        if first >= diary.first_on:
            cell = ActiveUsersSpec(stickiness=spec, on=day, window=width, group=group)
            assert names(store, cell) == plain.active_in(diary, group, first, day)


@pytest.mark.parametrize("period", ["week", "month"])
@given(data=st.data())
def test_active_days_are_what_a_loop_counts(period: str, data: st.DataObject) -> None:
    world = data.draw(worlds(period="day"))
    asked = data.draw(askings(world))
    diary, store = plain.read(world.events, world.clock, asked), world.open()
    if diary.first_on is None:
        return
    begins = plain.begun_periods(diary, period, world.clock.week_start)
    on = data.draw(st.sampled_from(begins))
    end = next_period(on, period)
    spec = ActiveDaysSpec(period=period, on=on, **settings_of(asked))
    found = user_active_days(store, spec)
    assert (found.on, found.to_on) == (on, end)
    group = data.draw(st.sampled_from(plain.groups(diary, asked)))
    n_days = {u: sum(on <= day < end for day in diary.days[u]) for u in plain.users_of(diary, group)}
    rows = found.of(group).to_dict("records")
    if not rows:  # a group of whom nobody was active in this period has no rows
        assert not any(n_days.values())
        return
    assert [row["n_days"] for row in rows] == list(range(1, (end - on).days + 1))
    for row in rows:
        exactly = {u for u, n in n_days.items() if n == row["n_days"]}
        at_least = {u for u, n in n_days.items() if n >= row["n_days"]}
        assert (row["n_exactly"], row["n_at_least"]) == (len(exactly), len(at_least))
        assert row["size"] == sum(n > 0 for n in n_days.values())
        if row["n_days"] <= 3:
            for is_at_least, users in ((False, exactly), (True, at_least)):
                cell = ActiveDaysCellSpec(
                    active_days=spec, on=on, n_days=row["n_days"], is_at_least=is_at_least, group=group
                )
                assert names(store, cell) == users


@pytest.mark.parametrize("period", PERIODS)
@given(data=st.data())
def test_rollups_and_events_give_the_same_rows(period: str, data: st.DataObject) -> None:
    world = data.draw(worlds(period=period))
    spec = LifecycleSpec(period=period, **settings_of(data.draw(askings(world))))
    store = world.open()
    known = store.catalogue()
    if known.clock is None:
        return
    assert rows_of(store, linked_sql(spec, known)) == rows_of(store, portable_linked_sql(spec, known))
    assert rows_of(store, periods_sql(spec, known)) == rows_of(store, portable_periods_sql(spec, known))


def test_every_text_over_the_events_is_portable() -> None:
    from tests.worlds import diary, store_of

    known = store_of(diary("ann: 5/buy?plan=paid&browser=Chrome 12"), as_of="2026-02-02").catalogue()
    for events, by in (((), None), (("buy",), "browser")):
        asked = plain.Asked(events=events, by=by, where=CONDITIONS[2] if by else ())
        spec = LifecycleSpec(**settings_of(asked))
        periods, linked = portable_periods_sql(spec, known), portable_linked_sql(spec, known)
        moves, per_user = query.moves(periods, 2923), query.days_per_user(linked, 20_000, 20_007)
        texts = [
            query.lifecycle_counts(periods, 2900, 2930),
            *(query.state_members(periods, 2923, state, "a.grp is null", None) for state in (*STATES, "active")),
            query.move_counts(moves),
            query.move_members(moves, "new", "dormant", "m.grp = $group_key", 1),
            query.pause_counts(linked, 20_000, 20_100),
            query.window_members(linked, 20_000, 28, "1 = 1", None),
            query.active_day_counts(per_user),
            query.active_day_members(per_user, 3, "1 = 1", None, is_at_least=True),
            query.data_days(),
        ]
        for text in texts:
            assert portability_faults(text.text) == []
