"""Who bought when, for how much, and what was paid back: by hand, by a plain loop, and however the files come."""

from __future__ import annotations

import random
import shutil
from datetime import date
from decimal import Decimal

import duckdb
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from retention.ingest.order import import_file
from retention.ingest.spec import ImportSpec
from retention.periods import day_number
from retention.store import Store
from retention.store.check import faults
from retention.store.order import change_setting, erase_user
from tests.oracles import Clock, Event
from tests.revenue_oracle import order_days
from tests.rows import import_rows
from tests.worlds import diary, fresh_path, instant, rows_of, store_of

# Every example makes stores, so a failing one is not shrunk.
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
COLUMNS = "o.day, o.first_day, o.n_orders, o.first_us, o.second_us, o.gross, o.refunded"


def rows(store: Store) -> list[tuple[object, ...]]:
    """Return the order rows of a store with the ids of the file, in order of day and user."""
    with store.snapshot() as snapshot:
        return snapshot.rows(
            f"select i.user_id, {COLUMNS} from user_orders as o join identities as i on i.user_key = o.user_key"
            " order by o.day, i.user_id"
        )


def oracle_rows(events: list[Event], clock: Clock, **names: tuple[str, ...]) -> list[tuple[object, ...]]:
    """Return the same rows from the plain loop."""
    return [
        (
            d.user, day_number(d.on), None if d.first_order_on is None else day_number(d.first_order_on), d.n_orders,
            d.first_us, d.second_us, d.gross, d.refunded,
        )
        for d in order_days(events, clock, **names)
    ]  # fmt: skip


def money(store: Store) -> dict[tuple[str, int], tuple[int, Decimal, Decimal]]:
    """Return orders, gross and refunded by user and day of January 2026."""
    first = day_number(date(2026, 1, 1)) - 1
    return {(r[0], r[1] - first): (r[3], r[6], r[7]) for r in rows(store)}


def test_an_order_is_what_a_user_buys_at_one_instant():
    store = store_of(
        diary("ann: 5T10:00/purchase?value=20 5T10:00/purchase?value=4.5 5T18:00/purchase?value=1 6/visit")
    )
    assert rows(store) == [
        ("ann", day_number(date(2026, 1, 5)), day_number(date(2026, 1, 5)), 2,
         instant("2026-01-05 10:00"), instant("2026-01-05 18:00"), Decimal("25.5"), Decimal(0)),
    ]  # fmt: skip


def test_a_refund_is_booked_on_the_day_of_its_order():
    store = store_of(diary("ann: 5/purchase?value=20 9/purchase?value=30 20/refund?value=7"))
    # The order before the refund is the one of the 9th.
    assert money(store) == {("ann", 5): (1, 20, 0), ("ann", 9): (1, 30, 7)}


def test_a_refund_that_names_an_item_goes_to_the_last_order_with_it():
    store = store_of(diary("ann: 5/purchase?value=20&item=tea 9/purchase?value=30&item=pot 20/refund?value=7&item=tea"))
    assert money(store) == {("ann", 5): (1, 20, 7), ("ann", 9): (1, 30, 0)}


def test_a_refund_of_an_item_that_is_ordered_only_later_goes_to_the_last_order_before_it():
    store = store_of(diary("ann: 5/purchase?value=20&item=tea 9/refund?value=7&item=pot 12/purchase?value=30&item=pot"))
    assert money(store) == {("ann", 5): (1, 20, 7), ("ann", 12): (1, 30, 0)}


def test_a_refund_without_an_order_stands_on_its_own_day():
    store = store_of(diary("ann: 5/refund?value=7 9/purchase?value=30\nbob: 6/refund?value=2"))
    assert money(store) == {("ann", 5): (0, 0, 7), ("bob", 6): (0, 0, 2), ("ann", 9): (1, 30, 0)}
    first = {row[0]: row[2] for row in rows(store)}
    assert first == {"ann": day_number(date(2026, 1, 9)), "bob": None}


@pytest.mark.parametrize("value", ["7", "-7"])
def test_a_refund_counts_by_its_size_whatever_its_sign(value):
    store = store_of(diary(f"ann: 5/purchase?value=20 6/refund?value={value}"))
    assert money(store) == {("ann", 5): (1, 20, 7)}


def test_a_purchase_of_less_than_nothing_is_a_refund_and_no_order():
    store = store_of(diary("ann: 5/purchase?value=20 6/purchase?value=-7"))
    assert money(store) == {("ann", 5): (1, 20, 7)}


def test_an_order_without_a_value_counts_and_is_worth_nothing():
    store = store_of(diary("ann: 5/purchase 6/refund"))
    assert money(store) == {("ann", 5): (1, 0, 0)}


def test_a_refund_at_the_instant_of_an_order_belongs_to_it():
    store = store_of(diary("ann: 5/purchase?value=9 6/purchase?value=20 6/refund?value=20"))
    assert money(store) == {("ann", 5): (1, 9, 0), ("ann", 6): (1, 20, 20)}


def test_the_lines_of_an_invoice_say_which_order_a_return_belongs_to(tmp_path):
    file = tmp_path / "lines.csv"
    file.write_text(
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        "1,tea,Tea,2,2026-01-05 10:00,3,ann,France\n"
        "1,pot,Pot,1,2026-01-05 10:00,10,ann,France\n"
        "2,cup,Cup,4,2026-01-09 10:00,5,ann,France\n"
        "C3,pot,Pot,-1,2026-01-20 10:00,10,ann,France\n"
        "C3,cup,Cup,-2,2026-01-20 10:00,5,ann,France\n"
        "C3,mug,Mug,-1,2026-01-20 10:00,1,ann,France\n"
    )
    with Store.create_or_open(fresh_path()) as store:
        import_file(store, ImportSpec(file, preset="order-lines"))
        # The pot came on the 5th, the cups on the 9th; nobody ever ordered a mug, so it goes to the last order.
        assert money(store) == {("ann", 5): (1, 16, 10), ("ann", 9): (1, 20, 11)}
        more = tmp_path / "more.csv"
        more.write_text(
            "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
            "1,mug,Mug,1,2026-01-05 10:00,1,ann,France\n"
        )
        import_file(store, ImportSpec(more, preset="order-lines"))
        # A further line of an invoice that was known: it grows, and the mug's return finds its order.
        assert money(store) == {("ann", 5): (1, 17, 11), ("ann", 9): (1, 20, 10)}
        assert faults(store) == []


AMOUNT = st.sampled_from((None, "0", "10", "0.1", "12.345678", "-3"))


@st.composite
def shops(draw):
    """Draw what a few users bought and sent back; instants and days collide."""
    n = draw(st.integers(1, 20))
    world = []
    for number in range(n):
        at = f"2026-01-{draw(st.sampled_from((3, 4, 5, 12, 31))):02d} {draw(st.sampled_from(('00:00', '12:00', '23:30')))}"
        props = {"value": draw(AMOUNT), "item": draw(st.sampled_from((None, "tea", "pot"))), "number": str(number)}
        kind = draw(st.sampled_from(("purchase", "purchase", "refund", "visit")))
        world.append(Event(draw(st.sampled_from("abc")), instant(at), kind, {k: v for k, v in props.items() if v}))
    return world


@settings(max_examples=12, phases=UNSHRUNK)
@given(world=shops(), seed=st.integers(0, 99), n_parts=st.integers(1, 4), early=st.booleans())
def test_files_in_any_order_give_the_plain_loops_rows_and_those_of_a_rebuild(world, seed, n_parts, early):
    as_of = "2026-01-12 12:00" if early else "2026-02-10"
    shuffled = random.Random(seed).sample(world, len(world))
    parts = [part for i in range(n_parts) if (part := shuffled[i::n_parts])]
    store = store_of([], as_of=as_of)
    for done, part in enumerate(parts, start=1):
        import_rows(store, rows_of(part), complete_to_us=instant(as_of))
        so_far = [event for p in parts[:done] for event in p]
        assert rows(store) == oracle_rows(so_far, Clock(instant(as_of)))
        assert faults(store) == []


@pytest.mark.parametrize("timezone", ["Asia/Kolkata", "America/New_York"])
@settings(max_examples=8, phases=UNSHRUNK)
@given(world=shops())
def test_days_are_those_of_the_stores_zone(timezone, world):
    store = store_of(world, timezone=timezone)
    clock = Clock(max(e.at_us for e in world) + 1, timezone)
    assert rows(store) == oracle_rows(world, clock)
    change_setting(store, "timezone", "UTC")
    assert rows(store) == oracle_rows(world, Clock(clock.as_of_us))


def test_naming_other_events_as_revenue_makes_the_orders_anew():
    world = diary("ann: 5/purchase?value=20 6/subscribe?value=9 7/chargeback?value=4 8/refund?value=1")
    store = store_of(world)
    change_setting(store, "revenue", "purchase, subscribe")
    assert money(store) == {("ann", 5): (1, 20, 0), ("ann", 6): (1, 9, 1)}
    change_setting(store, "refunds", "chargeback")
    assert money(store) == {("ann", 5): (1, 20, 0), ("ann", 6): (1, 9, 4)}
    change_setting(store, "refunds", "")
    assert money(store) == {("ann", 5): (1, 20, 0), ("ann", 6): (1, 9, 0)}
    change_setting(store, "revenue", "donation")
    assert money(store) == {}
    assert faults(store) == []


def test_a_later_watermark_lets_what_was_kept_count():
    store = store_of(diary("ann: 5/purchase?value=20 20/refund?value=7 21/purchase?value=1"), as_of="2026-01-19")
    assert money(store) == {("ann", 5): (1, 20, 0)}
    import_rows(store, rows_of(diary("bob: 2026-02-02")))
    assert money(store) == {("ann", 5): (1, 20, 7), ("ann", 21): (1, 1, 0)}


def test_an_erased_user_leaves_no_order():
    store = store_of(diary("ann: 5/purchase?value=20\nbob: 6/purchase?value=1"))
    erase_user(store, "ann")
    assert money(store) == {("bob", 6): (1, 1, 0)}
    assert faults(store) == []


def test_a_store_older_than_its_orders_gets_them_when_it_is_opened():
    store = store_of(diary("ann: 5/purchase?value=20 9/refund?value=7"))
    path = store.path
    store.close()
    old = fresh_path()
    shutil.copy(path, old)
    with duckdb.connect(str(old)) as connection:  # as it was before the migration
        for table in ("user_orders", "annotations", "alerts", "alert_readings"):
            connection.execute(f"drop table {table}")
        connection.execute("alter table state drop column is_stale")
        connection.execute("delete from migrations where name = '0002_describe.sql'")
    for _ in range(2):
        with Store.open(old) as again:
            assert money(again) == {("ann", 5): (1, 20, 7)}
            version = again.data_version
    with Store.open(old) as again:
        assert again.data_version == version  # made once


def test_sums_of_money_are_exact():
    world = [Event("ann", instant("2026-01-05") + i, "purchase", {"value": "0.1"}) for i in range(1000)]
    [row] = rows(store_of(world))
    assert (row[3], row[6]) == (1000, Decimal(100))
