"""Any life, any curve: as plain loops say, from every text, and by the laws that curves obey."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from retention.cohorts.spec import Condition
from retention.errors import SpecError
from retention.store import Sql
from retention.survival import query
from retention.survival.answer import (
    durations_sql,
    labels_of,
    members_sql,
    portable_durations_sql,
    survival_curves,
)
from retention.survival.answer_models import grid_and_curve
from retention.survival.spec import STATES, ReconcileSpec, SurvivalListSpec, SurvivalSpec
from tests.oracles import NO_VALUE, local_date
from tests.survival.lives import Life, lives, product_limit
from tests.test_sql_portable import portability_faults
from tests.worlds import CONDITIONS, USER_PROPERTIES, close_stores, diary, store_of, worlds

STATUS = {query.FOLLOWED: "followed", query.LEFT_OUT: "left out", query.GONE_BEFORE: "gone before"}


@st.composite
def asked(draw, world):
    """Draw a question whose names the world knows, with the oracle's own words for it."""
    kinds = sorted({e.event for e in world.events})
    known = {name for e in world.events for name in e.props}
    sets = st.sampled_from([(), (), *((kind,) for kind in kinds), tuple(kinds[:2])])
    days = sorted({local_date(e.at_us, world.clock.timezone) for e in world.events})
    where = draw(st.sampled_from([w for w in CONDITIONS if known >= {name for name, _, _ in w}]))
    words = {
        "window": draw(st.sampled_from((1, 2, 6, 7, 8, 14, 30))),
        "ends": draw(st.sampled_from(("first lapse", "last activity"))),
        "start": draw(sets),
        "entry": draw(st.sampled_from(("first-ever", "first-matching"))),
        "by": draw(st.sampled_from([by for by in (None, "browser", "plan") if by is None or by in known])),
        "entry_on": draw(st.none() | st.sampled_from([d + timedelta(days=k) for d in days for k in (-3, 0, 1, 5)])),
    }
    signs = draw(sets)
    spec = SurvivalSpec(
        events=signs, where=tuple(Condition(name=n, operator=op, values=values) for n, op, values in where), **words
    )
    return spec, {**words, "signs": signs, "where": where, "user_properties": USER_PROPERTIES}


def read_lives(snapshot, sql, spec):
    """Return what a text says of every user, in the oracle's words."""
    labels = labels_of(snapshot, spec)
    names = dict(snapshot.rows("select i.user_key, i.user_id from identities as i"))
    found = {}
    for row in snapshot.read(sql).itertuples(index=False):
        status = STATUS[row.status]
        group = None if spec.by is None else labels.get(-1 if pd.isna(row.grp) else int(row.grp))
        group = NO_VALUE if spec.by is not None and group is None else group
        followed = (int(row.entry_age), int(row.duration), bool(row.is_observed)) if status == "followed" else ()
        found[names[row.user_key]] = Life(group, status, *followed)
    return found


@given(data=st.data())
def test_every_life_is_what_a_plain_loop_says(data):
    world = data.draw(worlds(period=data.draw(st.sampled_from(("day", "week", "month")))))
    spec, words = data.draw(asked(world))
    with world.open() as store:
        truth = lives(world.events, world.clock, **words)
        with store.snapshot() as snapshot:
            assume(snapshot.catalogue.clock is not None)
            for sql in (durations_sql(spec, snapshot.catalogue), portable_durations_sql(spec, snapshot.catalogue)):
                assert read_lives(snapshot, sql, spec) == truth
            for state in STATES:
                listed = snapshot.read(
                    members_sql(snapshot, SurvivalListSpec(survival=spec.of_everyone(), state=state))
                )
                is_meant = {
                    "lapsed": lambda life: life.status == "followed" and life.is_observed,
                    "still active": lambda life: life.status == "followed" and not life.is_observed,
                }.get(state, lambda life, state=state: life.status == state)
                assert len(listed) == sum(map(is_meant, truth.values()))
        _check_curves(store, spec, truth)
    close_stores()


def _check_curves(store, spec, truth):
    if not any(life.status == "followed" for life in truth.values()):
        with pytest.raises(SpecError):
            survival_curves(store, spec)
        return
    curves = survival_curves(store, spec)
    assert {g.name if spec.by else None for g in curves.groups} == {life.group for life in truth.values()}
    for group in curves.groups:
        mine = [life for life in truth.values() if life.group == (group.group if spec.by else None)]
        followed = [life for life in mine if life.status == "followed"]
        assert group.n == len(followed) and group.observed == sum(life.is_observed for life in followed)
        assert group.left_out == sum(life.status == "left out" for life in mine)
        assert group.gone_before == sum(life.status == "gone before" for life in mine)
        if not followed:
            assert group.curve.empty
            continue
        limit = product_limit(followed)
        curve = group.curve
        assert int(curve["t"].max()) == max(limit)
        for row in curve.itertuples(index=False):
            n, d, share = limit[int(row.t)]
            assert (int(row.at_risk), int(row.events)) == (n, d)
            assert float(row.survival) == pytest.approx(float(share), abs=1e-12)
        ages = list(limit)
        assert group.at_risk(ages) == [limit[age][0] for age in ages]
        assert curve["survival"].is_monotonic_decreasing
        known = curve.dropna(subset=["low"])
        assert (known["low"] <= known["survival"] + 1e-12).all() and (known["survival"] <= known["high"] + 1e-12).all()
        if curves.horizon_days <= max(limit):
            area = sum(limit[age][2] for age in range(curves.horizon_days))
            assert group.mean_stay == pytest.approx(float(area))


@given(data=st.data())
def test_grid_and_curve_agree_in_any_world(data):
    period = data.draw(st.sampled_from(("day", "week", "month")))
    world = data.draw(worlds(period=period))
    spec, _ = data.draw(asked(world))
    horizon = data.draw(st.integers(1, 4))
    with world.open() as store:
        assume(store.catalogue().clock is not None)
        try:
            found = grid_and_curve(store, ReconcileSpec(survival=spec, period=period, horizon=horizon))
        except SpecError as error:
            assert "No cohort has been watched" in str(error)
            return
        assert found.is_exact and found.ages["age"].tolist() == list(range(1, horizon + 1))
        assert set(found.ages["size"]) == {found.n_users}
    close_stores()


TEXTS = (
    SurvivalSpec(),
    SurvivalSpec(ends="last activity", by="city", entry_on=date(2026, 1, 3), window=9),
    SurvivalSpec(by="first event", start=("visit",)),
    SurvivalSpec(by="first month", events=("visit",), where=(Condition(name="city", values=("Aix",)),)),
)


@pytest.mark.parametrize("spec", TEXTS, ids=range(len(TEXTS)))
def test_the_texts_over_the_events_are_portable(spec):
    catalogue = store_of(diary("ann: 1?city=Aix 2\nbob: 1"), as_of="2026-02-01").catalogue()
    # Who the users are is the cohorts' own text, tested there.
    population = Sql("select u.user_key, u.first_us as start_us, 20000 as start_day, 1 as grp from users as u")
    people = query.people(population, spec, catalogue)
    later = query.later_days(people, spec, catalogue)
    durations = query.durations(query.lives(people, later, spec, catalogue), spec, catalogue)
    listed = SurvivalListSpec(survival=spec, state="lapsed", week=2, group="Aix" if spec.by else None)
    texts = [
        query.histogram(durations),
        query.silences_over(durations, 9, ((20000, 20001), (20005, 20007))),
        query.followed(durations),
        query.patterns(durations, (people,), 0.5),
        query.members(durations, listed, (1, None) if spec.by else None),
        query.last_ages(people, later, ReconcileSpec(survival=spec), catalogue),
    ]
    for sql in texts:
        assert portability_faults(sql.text) == []
