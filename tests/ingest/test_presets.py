"""Order lines, Google Analytics 4 and Segment, on files small enough to work out by hand."""

from __future__ import annotations

import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from retention.errors import FileError
from tests.ingest.files import staged

HEADS = [
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country",
    "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country",
]
LINES = """
536365,85123A,WHITE HEART,6,12/1/2010 8:26,2.55,17850.0,United Kingdom
536365,71053,"LANTERN, METAL",2,12/1/2010 8:26,3.39,17850.0,United Kingdom
C536379,D,Discount,-1,12/1/2010 9:41,27.5,14527,France
536414,22139,,56,12/1/2010 11:52,0,,United Kingdom
536415,22140,BOX,5,12/1/2010 11:53,0,12345,France
536416,22141,BAG,0,12/1/2010 11:54,1.25,12345,France
A563185,B,Adjust bad debt,1,12/13/2010 14:50,-11062.06,12346,France
536417,22142,MUG,-3,12/1/2010 11:55,1.25,12347,France
c536418,22143,CUP,1,12/1/2010 11:56,1.25,12347,France
""".lstrip()


@pytest.mark.parametrize("head", HEADS)
def test_order_lines_under_either_spelling(tmp_path, head):
    found = staged(tmp_path, head + "\n" + LINES, preset="order-lines")
    assert found.found["kind"] == "order_lines"
    assert found.counts == (9, 5, 4)
    assert found.reasons == {
        "no customer": (1, 5),
        "price of zero": (1, 6),
        "quantity of zero": (1, 7),
        "negative price": (1, 8),
    }
    assert [
        (r["user_id"], r["event"], r["invoice"], r["item"], r["item_name"], r["quantity"], r["price"], r["p0"])
        for r in found.rows
    ] == [
        ("17850", "purchase", "536365", "85123A", "WHITE HEART", Decimal(6), Decimal("2.55"), "United Kingdom"),
        ("17850", "purchase", "536365", "71053", "LANTERN, METAL", Decimal(2), Decimal("3.39"), "United Kingdom"),
        ("14527", "refund", "C536379", "D", "Discount", Decimal(-1), Decimal("27.5"), "France"),
        ("12347", "refund", "536417", "22142", "MUG", Decimal(-3), Decimal("1.25"), "France"),
        ("12347", "refund", "c536418", "22143", "CUP", Decimal(1), Decimal("1.25"), "France"),
    ]
    assert found.found["properties"] == [["country", "event"]]
    # 1 December 2010, 08:26 is 1,291,191,960 s.
    assert found.rows[0]["occurred_us"] == 1_291_191_960_000_000


def test_lines_of_one_invoice_kind_and_instant_share_an_event(tmp_path):
    found = staged(tmp_path, HEADS[0] + "\n" + LINES, preset="order-lines")
    events = found.column("event_hash")
    assert events[0] == events[1]
    assert len(set(events)) == 4


def test_both_spellings_give_the_same_lines_and_events(tmp_path):
    first, second = (staged(tmp_path, head + "\n" + LINES, preset="order-lines") for head in HEADS)
    assert first.hashes == second.hashes
    assert first.column("event_hash") == second.column("event_hash")


def test_a_further_column_of_an_order_file_tells_lines_apart_and_nothing_else(tmp_path):
    line = "536365,85123A,WHITE HEART,6,12/1/2010 8:26,2.55,17850,France"
    plain = staged(tmp_path, f"{HEADS[0]}\n{line}\n{line}\n", preset="order-lines")
    sheets = staged(tmp_path, f"{HEADS[0]},sheet\n{line},A\n{line},B\n", preset="order-lines")
    assert [r["p0"] for r in sheets.rows] == ["France", "France"]
    assert "p1" not in sheets.rows[0]
    assert not set(plain.hashes) & set(sheets.hashes)
    assert set(plain.column("event_hash")) == set(sheets.column("event_hash"))


def test_an_order_file_without_prices_says_which_column_is_missing(tmp_path):
    with pytest.raises(FileError, match='no column "UnitPrice" for "price"'):
        staged(tmp_path, "InvoiceNo,Quantity,InvoiceDate,CustomerID\n1,1,12/1/2010,5\n", preset="order-lines")


SEGMENT = [
    {
        "type": "track",
        "userId": "u1",
        "event": "Order Completed",
        "timestamp": "2024-01-02T03:04:05.678Z",
        "properties": {
            "revenue": 25.5,
            "currency": "USD",
            "products": [{"product_id": "p9", "name": "Mug", "category": "Home"}],
            "coupon": {"code": "X1"},
            "first": True,
        },
        "context": {"device": {"type": "ios"}, "locale": "en-GB"},
        "messageId": "m1",
    },
    {
        "type": "page",
        "anonymousId": "a1",
        "name": "Home",
        "originalTimestamp": "2024-01-02T03:05:00Z",
        "properties": {"path": "/"},
    },
    {"type": "identify", "userId": "u1", "sentAt": "2024-01-02T03:06:00Z", "traits": {"plan": "pro", "age": 30}},
    {"type": "group", "userId": "u1", "timestamp": "2024-01-02T03:07:00Z"},
]


def lines(*objects) -> str:
    return "".join(o if isinstance(o, str) else json.dumps(o) + "\n" for o in objects)


def test_segment_lines(tmp_path):
    found = staged(tmp_path, lines(SEGMENT[0], "\n", '{"type": "track", \n', *SEGMENT[1:], "[1]\n"), preset="segment")
    assert found.counts == (6, 3, 3)
    assert found.rejects == [
        (3, None, '{"type": "track",', "malformed JSON"),
        (6, None, json.dumps(SEGMENT[3]), 'calls of type "group" are not events'),
        (7, None, "[1]", "not a JSON object"),
    ]
    assert [(r["user_id"], r["event"], r["value"], r["item"], r["category"]) for r in found.rows] == [
        ("u1", "Order Completed", Decimal("25.5"), "p9", "Home"),
        ("a1", "page", None, None, None),
        ("u1", "identify", None, None, None),
    ]
    names = [tuple(p) for p in found.found["properties"]]
    read = [{names[i]: r[f"p{i}"] for i in range(len(names)) if r[f"p{i}"] is not None} for r in found.rows]
    assert read == [
        {
            ("currency", "event"): "USD",
            ("coupon.code", "event"): "X1",
            ("first", "event"): "true",
            ("context.device.type", "event"): "ios",
            ("context.locale", "event"): "en-GB",
        },
        {("name", "event"): "Home", ("path", "event"): "/"},
        {("plan", "user"): "pro", ("age", "user"): "30"},
    ]


def test_segment_lines_in_any_order_of_keys_are_the_same_lines(tmp_path):
    turned = [dict(reversed(o.items())) for o in SEGMENT[:3]]
    assert (
        staged(tmp_path, lines(*SEGMENT[:3]), preset="segment").hashes
        == staged(tmp_path, lines(*reversed(turned)), preset="segment").hashes
    )


def test_a_line_without_time_or_user_is_rejected_at_its_line(tmp_path):
    found = staged(
        tmp_path,
        lines(SEGMENT[0], {"type": "page", "userId": "u"}, {"type": "page", "timestamp": "2024-01-02"}),
        preset="segment",
        has_explicit_timezone=True,
    )
    assert [(line, reason) for line, _, _, reason in found.rejects] == [(2, "no time"), (3, "no user")]


GA4 = [
    {
        "event_timestamp": "1704164645123456",
        "event_name": "purchase",
        "user_id": "u1",
        "user_pseudo_id": "x.1",
        "event_value_in_usd": 9.5,
        "platform": "WEB",
        "device": {"category": "mobile"},
        "geo": {"country": "France"},
        "traffic_source": {"source": "google"},
        "items": [{"item_id": "sku1", "item_name": "Mug"}, {"item_id": "sku2"}],
    },
    {
        "event_timestamp": 1704164646000000,
        "event_name": "page_view",
        "user_id": None,
        "user_pseudo_id": "x.2",
        "ecommerce": {"purchase_revenue": None},
        "platform": "IOS",
        "device": {"category": "tablet"},
        "items": [],
    },
]
GA4_ROWS = [
    ("u1", 1704164645123456, "purchase", Decimal("9.5"), "sku1", "Mug", "mobile", "France", "google", "WEB"),
    ("x.2", 1704164646000000, "page_view", None, None, None, "tablet", None, None, "IOS"),
]


def ga4_rows(found) -> list[tuple]:
    names = [p[0] for p in found.found["properties"]]
    places = {n: f"p{names.index(n)}" for n in ("device.category", "geo.country", "traffic_source.source", "platform")}
    return [
        (
            r["user_id"],
            r["occurred_us"],
            r["event"],
            r["value"],
            r["item"],
            r["item_name"],
            *(r[p] for p in places.values()),
        )
        for r in found.rows
    ]


def test_ga4_json_lines(tmp_path):
    assert ga4_rows(staged(tmp_path, lines(*GA4), preset="ga4")) == GA4_ROWS


def test_ga4_nested_parquet(tmp_path):
    item = pa.list_(pa.struct([("item_id", pa.string()), ("item_name", pa.string())]))
    table = pa.table(
        {
            "event_timestamp": pa.array([1704164645123456, 1704164646000000], pa.int64()),
            "event_name": ["purchase", "page_view"],
            "user_id": ["u1", None],
            "user_pseudo_id": ["x.1", "x.2"],
            "event_value_in_usd": [9.5, None],
            "platform": ["WEB", "IOS"],
            "device": [{"category": "mobile"}, {"category": "tablet"}],
            "geo": [{"country": "France"}, {"country": None}],
            "traffic_source": [{"source": "google"}, {"source": None}],
            "items": pa.array([GA4[0]["items"], []], item),
        }
    )
    pq.write_table(table, tmp_path / "ga4.parquet")
    assert ga4_rows(staged(tmp_path, tmp_path / "ga4.parquet", preset="ga4")) == GA4_ROWS


def test_ga4_flattened_csv(tmp_path):
    content = (
        "event_timestamp,event_name,user_id,user_pseudo_id,event_value_in_usd,platform,device_category,geo.country,"
        "traffic_source_source,items.item_id,items.item_name\n"
        "1704164645123456,purchase,u1,x.1,9.5,WEB,mobile,France,google,sku1,Mug\n"
        "1704164646000000,page_view,,x.2,,IOS,tablet,,,,\n"
    )
    assert ga4_rows(staged(tmp_path, content, preset="ga4")) == GA4_ROWS


def test_a_file_that_is_no_ga4_export(tmp_path):
    with pytest.raises(FileError, match='no column "event_timestamp"'):
        staged(tmp_path, "user_id,date\na,2024-01-02\n", preset="ga4")
    with pytest.raises(FileError, match="No line of the file is an event of this preset"):
        staged(tmp_path, '{"a": 1}\n', preset="ga4")
