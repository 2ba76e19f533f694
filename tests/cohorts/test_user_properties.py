"""A property of the user is taken as of the start, never as of now."""

from __future__ import annotations

from datetime import date

import pytest

from retention.cohorts.answer import cohort_retention
from retention.cohorts.spec import CohortSpec, Condition
from retention.ingest.order import import_file
from retention.ingest.spec import ImportSpec
from retention.store import Store
from tests.cohorts.grids import as_plain, averages_plain, oracle_averages, oracle_plain
from tests.oracles import Clock, Event, Question, retention
from tests.worlds import fresh_path, instant

# bob's plan is known from before his first purchase, cyd's only after it, dee's changes at its very instant.
FILE = """user,time,event,plan
ann,2026-01-05T12:00:00Z,buy,free
ann,2026-01-13T12:00:00Z,buy,paid
bob,2026-01-02T12:00:00Z,open,paid
bob,2026-01-05T12:00:00Z,buy,
bob,2026-01-12T12:00:00Z,buy,free
cyd,2026-01-05T12:00:00Z,buy,
cyd,2026-01-06T12:00:00Z,open,paid
dee,2026-01-02T12:00:00Z,open,free
dee,2026-01-06T12:00:00Z,buy,paid
"""
JAN_5 = date(2026, 1, 5)
BOUGHT = {"start": ("buy",), "returns": ("buy",), "horizon": 1}


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(FILE, encoding="utf-8")
    mapping = {"user": "user", "time": "time", "event": "event", "user:plan": "plan"}
    with Store.create_or_open(fresh_path()) as store:
        import_file(store, ImportSpec(path, mapping=mapping), complete_to_us=instant("2026-02-02"))
        yield store


def test_the_group_is_the_users_latest_value_at_the_start(store):
    matrix = cohort_retention(store, CohortSpec(by="plan", **BOUGHT))
    assert (matrix.size(JAN_5, "free"), matrix.retained(JAN_5, "free")) == (1, [0, 1])  # ann, paid later
    assert (matrix.size(JAN_5, "paid"), matrix.retained(JAN_5, "paid")) == (2, [0, 1])  # bob, back; dee
    assert matrix.size(JAN_5, "(none)") == 1  # cyd's plan was not known yet


def test_a_filter_on_a_user_is_decided_at_the_start(store):
    paid = (Condition.parse("plan=paid"),)
    assert cohort_retention(store, CohortSpec(where=paid, **BOUGHT)).size(JAN_5) == 2  # bob and dee
    matching = cohort_retention(store, CohortSpec(entry="first-matching", where=paid, **BOUGHT))
    assert (matching.size(JAN_5), matching.size(date(2026, 1, 12))) == (2, 1)  # ann on the 13th


@pytest.mark.parametrize("entry", ["first-ever", "first-matching", "recurring"])
def test_the_plain_loop_agrees(store, entry):
    events = []
    for line in FILE.splitlines()[1:]:
        user, time, event, plan = line.split(",")
        events.append(Event(user, instant(time), event, {"plan": plan} if plan else {}))
    for where in ((), (("plan", "!=", ("paid",)),)):
        question = Question(
            entry=entry, by="plan", where=where, user_properties=frozenset({"plan"}), start=("buy",), horizon=1
        )
        conditions = tuple(Condition(name=n, operator=op, values=v) for n, op, v in where)
        spec = CohortSpec(entry=entry, by="plan", where=conditions, start=("buy",), horizon=1)
        matrix = cohort_retention(store, spec)
        truth = retention(events, Clock(instant("2026-02-02")), question)
        assert as_plain(matrix) == oracle_plain(truth)
        assert averages_plain(matrix) == oracle_averages(truth)
