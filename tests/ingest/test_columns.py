"""Names of columns in the conventions people use, and what is said when one is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from retention.errors import FileError, SpecError
from retention.ingest.columns import guess_mapping, snake
from retention.ingest.spec import ImportSpec
from tests.ingest.files import staged


@pytest.mark.parametrize(
    "name",
    [
        "user_id",
        "customer_id",
        "Member_number",
        "client",
        "uid",
        "Customer ID",
        "userId",
        "CustomerID",
        "household_id",
        "distinct_id",
    ],
)
def test_a_user_is_recognised_in_many_conventions(name):
    assert guess_mapping([name, "date"])["user"] == name


@pytest.mark.parametrize(
    "name",
    [
        "timestamp",
        "date",
        "InvoiceDate",
        "occurred_at",
        "event_time",
        "created_at",
        "Date",
        "transaction_timestamp",
        "ts",
    ],
)
def test_a_time_is_recognised_in_many_conventions(name):
    assert guess_mapping(["user_id", name])["time"] == name


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("event", "event"),
        ("event_name", "event"),
        ("action", "event"),
        ("amount", "value"),
        ("value", "value"),
        ("revenue", "value"),
        ("total", "value"),
        ("dollar_value", "value"),
        ("product", "item"),
        ("sku", "item"),
        ("item", "item"),
        ("StockCode", "item"),
        ("category", "category"),
        ("qty", "quantity"),
        ("review", "text"),
        ("Review Text", "text"),
        ("comment", "text"),
    ],
)
def test_the_other_columns_are_recognised(name, target):
    assert guess_mapping(["user_id", "date", name])[target] == name


def test_what_is_nothing_else_becomes_a_property_and_a_currency_is_ignored():
    guessed = guess_mapping(["uid", "ts", "plan", "currency", "Country"])
    assert guessed == {
        "user": "uid",
        "time": "ts",
        "event:plan": "plan",
        "ignore:currency": "currency",
        "event:Country": "Country",
    }


def test_a_time_that_no_name_tells_is_found_by_its_content():
    assert guess_mapping(["uid", "moment", "x"], [["1", "2024-01-02", "a"]])["time"] == "moment"


def test_a_wrong_name_is_answered_with_the_nearest_and_with_all(tmp_path: Path):
    with pytest.raises(FileError, match='no column "custmer_id" for "user"') as caught:
        staged(tmp_path, "customer_id,when\n1,2024-01-02\n", mapping={"user": "custmer_id", "time": "when"})
    assert caught.value.hint == 'Did you mean "customer_id"? Columns found: customer_id, when.'


def test_with_a_mapping_every_column_not_named_becomes_a_property_even_a_currency(tmp_path: Path):
    found = staged(tmp_path, "u,t,currency,City\n1,2024-01-02,EUR,Rome\n", mapping={"user": "u", "time": "t"})
    assert found.found["properties"] == [["currency", "event"], ["City", "event"]]
    assert (found.rows[0]["p0"], found.rows[0]["p1"]) == ("EUR", "Rome")


def test_properties_of_users_are_told_from_those_of_events_and_ignored_columns_are_left_out(tmp_path: Path):
    found = staged(
        tmp_path,
        "u,t,Plan,junk\n1,2024-01-02,pro,x\n",
        mapping={"user": "u", "time": "t", "user:plan": "Plan", "ignore:junk": ""},
    )
    assert found.found["properties"] == [["plan", "user"]]
    assert found.rows[0]["p0"] == "pro"


def test_a_constant_event_names_every_row(tmp_path: Path):
    assert staged(
        tmp_path, "u,t\n1,2024-01-02\n", mapping={"user": "u", "time": "t"}, constant_event="purchase"
    ).column("event") == ["purchase"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"preset": "order_lines"}, '`preset` "order_lines" is not known. Did you mean "order-lines"?'),
        ({"mapping": {"usr": "a"}}, '"usr" is not something a column can be mapped to. Did you mean "user"?'),
        ({"timezone": "Mars/Base"}, '`timezone` "Mars/Base" is not known.'),
        ({"delimiter": "ab"}, "`delimiter` must be one character, not 'ab'."),
        ({"encoding": "utf-9"}, '`encoding` "utf-9" is not known.'),
        ({"encoding": "base64"}, '`encoding` "base64" does not turn bytes into text.'),
        ({"mapping": {"event": "e"}, "constant_event": "x"}, "The event is given twice"),
    ],
)
def test_a_spec_that_cannot_be_meant_is_refused(said, message):
    with pytest.raises(SpecError) as caught:
        ImportSpec(Path("log.csv"), **said)
    assert str(caught.value).startswith(message)


def test_names_of_order_columns_become_lower_snake_case():
    assert [snake(n) for n in ("Country", "Ship To", "shipTo", "ID")] == ["country", "ship_to", "ship_to", "id"]
