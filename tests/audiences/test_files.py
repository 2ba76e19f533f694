"""Files of lists: every row once with what it is there for, escaped, in any format, however long; and a trace of each."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zipfile
from datetime import date

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.audiences import answer_file, query_delivery, query_file
from retention.audiences.answer import users_of
from retention.audiences.export import LIST_FORMATS, escape, escaped, format_of, write_rows
from retention.audiences.list_rows import iso_texts
from retention.audiences.order import save_audience
from retention.audiences.order_export import export_file, export_members
from retention.audiences.spec import AudienceSpec, CampaignUsersSpec, SavedUsersSpec
from retention.churn.spec_list import AtRiskSpec
from retention.cohorts.spec import CellSpec, CohortSpec
from retention.errors import FileError, SpecError
from retention.interventions.order_assign import assign, end_campaign
from retention.interventions.spec import Arm, CampaignSpec, Cost, Effect, Intervention
from retention.periods import iso
from retention.store import Store
from tests.churn.test_list import scored_store
from tests.test_sql_portable import portability_faults
from tests.worlds import diary, store_of

EVERYBODY = CellSpec(cohorts=CohortSpec(horizon=2), cohort=date(2026, 1, 5), age=1)
WORLD = "ann: 5T09:00 12\n=bob(): 5 13\ncyd: 6 14\ndee: 7 20\neve: 8 15"
COLUMNS = ["pseudonym", "first_at", "last_at", "n_events", "campaign", "arm", "holdout", "reason"]
COUPON = Intervention(
    name="Coupon", kind="coupon", channel="e-mail", cost=Cost(contact=0.1), effect=Effect(low=0.05, high=0.15)
)


def world() -> Store:
    return store_of(diary(WORLD), as_of="2026-02-02")


def read(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def trail(store: Store) -> list[tuple[str, int, str]]:
    with store.snapshot() as snapshot:
        return snapshot.rows("select a.action, a.n_rows, a.sha256 from audit as a order by a.audit_id")


def test_a_plain_list_says_who_when_and_why_and_is_in_no_campaign():
    store = world()
    rows = read(export_members(store, EVERYBODY, "csv", "file ids"))
    assert list(rows[0]) == ["user_id", *COLUMNS]
    # In week 1 came back: ann, =bob(), cyd and eve; in the order in which they first came.
    assert [row["user_id"] for row in rows] == ["ann", "'=bob()", "cyd", "eve"]
    assert (rows[0]["first_at"], rows[0]["last_at"], rows[0]["n_events"]) == (
        "2026-01-05T09:00:00Z",
        "2026-01-12T12:00:00Z",
        "2",
    )
    assert {(row["campaign"], row["arm"], row["holdout"]) for row in rows} == {("", "", "")}
    assert all("2026-01-05" in row["reason"] for row in rows)
    assert "user_id" not in read(export_members(store, EVERYBODY, "csv"))[0]


def test_a_campaign_says_who_is_held_out_and_a_list_says_in_which_campaign_its_users_are_now():
    store = world()
    made = assign(
        store,
        CampaignSpec(name="=spring", users=EVERYBODY, arms=(Arm(name="coupon", intervention=COUPON),), holdout=0.5),
    )
    with store.snapshot() as snapshot:
        truth = dict(snapshot.rows(
            "select u.pseudonym, e.arm_key from exposures as e join users as u on u.user_key = e.user_key"
        ))  # fmt: skip
    assert len(truth) == 4
    whole = CampaignUsersSpec(campaign_id=made.campaign_id)
    for rows in (read(export_members(store, whole, "csv")), read(export_members(store, EVERYBODY, "csv"))):
        assert {row["pseudonym"] for row in rows} == set(truth)
        for row in rows:
            arm = truth[row["pseudonym"]]
            assert (row["campaign"], row["arm"], row["holdout"]) == (
                "'=spring",
                "coupon" if arm else "holdout",
                "no" if arm else "yes",
            )
            assert "2026-01-05" in row["reason"]
    held = read(export_members(store, CampaignUsersSpec(campaign_id=made.campaign_id, arm_key=0), "csv"))
    assert {row["pseudonym"] for row in held} == {name for name, arm in truth.items() if not arm}
    end_campaign(store, made.campaign_id)
    assert {row["campaign"] for row in read(export_members(store, EVERYBODY, "csv"))} == {""}
    # What a campaign was is not forgotten when it ends.
    assert {row["campaign"] for row in read(export_members(store, whole, "csv"))} == {"'=spring"}


def test_a_list_with_scores_says_the_risk_of_each():
    risks = {"ann": 0.724, "=bob()": 0.001, "cyd": 0.9999, "dee": 0.5, "eve": 0.995}
    store = scored_store(WORLD, {name: (risk, None) for name, risk in risks.items()})
    saved = save_audience(store, AudienceSpec(name="back", users=EVERYBODY))
    rows = read(export_members(store, SavedUsersSpec(audience_id=saved.audience_id), "csv", "file ids"))
    assert [row["reason"].rpartition("Risk of lapsing: ")[2] for row in rows] == [
        "72 %.",
        "below 1 %.",
        "above 99 %.",
        "above 99 %.",
    ]
    assert all(row["reason"].startswith("On the saved list “back”: ") for row in rows)
    whole = read(export_members(store, AtRiskSpec(scoring_key=1, columns=("probability",)), "csv"))
    assert list(whole[0]) == ["pseudonym", "probability", "campaign", "arm", "holdout", "reason"]
    assert [float(row["probability"]) for row in whole] == [0.9999, 0.995, 0.724, 0.5, 0.001]


@pytest.mark.parametrize("fmt", LIST_FORMATS)
@pytest.mark.parametrize("n_part", [1, 3, 4, 100])
def test_a_list_is_the_same_in_however_many_parts_it_is_written(fmt, n_part, tmp_path, monkeypatch):
    store = world()
    monkeypatch.setattr(answer_file, "PART", n_part)
    path = tmp_path / f"list.{fmt}"
    written = export_file(store, EVERYBODY, path, "file ids")
    content = path.read_bytes()
    assert written.n_rows == users_of(store, EVERYBODY).count == 4
    assert (
        trail(store)[-1]
        == ("export users", 4, hashlib.sha256(content).hexdigest())
        == ("export users", 4, written.sha256)
    )
    assert [other.name for other in tmp_path.iterdir()] == [path.name]
    if fmt == "csv":
        ids = [row["user_id"] for row in read(content)]
    elif fmt == "jsonl":
        ids = [json.loads(line)["user_id"] for line in content.decode().splitlines()]
    elif fmt == "parquet":
        ids = pd.read_parquet(path)["user_id"].tolist()
    else:
        with zipfile.ZipFile(path) as book:
            cells = re.findall(r"<t[^>]*>([^<]*)</t>", book.read("xl/worksheets/sheet1.xml").decode())
        ids = [cell for cell in cells if cell in ("ann", "'=bob()", "=bob()", "cyd", "eve")]
    # Only what a spreadsheet opens is escaped.
    assert ids == ["ann", "'=bob()" if fmt in ("csv", "xlsx") else "=bob()", "cyd", "eve"]


@pytest.mark.parametrize("fmt", LIST_FORMATS)
def test_a_list_of_nobody_is_a_file_with_a_header(fmt):
    store = world()
    nobody = CellSpec(cohorts=CohortSpec(horizon=2), cohort=date(2026, 1, 12), age=1)
    content = export_members(store, nobody, fmt)
    assert trail(store)[-1][1] == 0
    if fmt == "csv":
        assert content.decode("utf-8-sig").strip() == ",".join(f'"{name}"' for name in COLUMNS)
    elif fmt == "parquet":
        frame = pd.read_parquet(io.BytesIO(content))
        assert (list(frame.columns), len(frame)) == (COLUMNS, 0)
    elif fmt == "jsonl":
        assert content == b""


QUESTIONS = {
    "rows of a plain list": query_file.member_rows(query_file.exported(1, 9), campaign_id=None, scoring_key=None, has_ids=False),
    "rows of a campaign": query_file.member_rows(query_file.exported(1, 9), campaign_id=4, scoring_key=2, has_ids=True),
    "end of a part": query_file.end_of_part(0, 9),
    "a saved list": query_file.audience(1),
    "deliveries": query_delivery.deliveries(),
    "unconfirmed": query_delivery.unconfirmed(1, 9),
    "next batch": query_delivery.next_batch(1, 9),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_what_is_asked_of_the_store_runs_on_other_engines_too(name):
    assert portability_faults(QUESTIONS[name].text) == []


def test_nothing_is_written_where_it_cannot_be_and_nothing_is_left_of_it(tmp_path):
    store = world()
    with pytest.raises(SpecError, match=r"must end in one of \.csv, \.xlsx, \.parquet, \.jsonl, not 'list\.html'"):
        export_file(store, EVERYBODY, tmp_path / "list.html")
    with pytest.raises(FileError, match="cannot be written"):
        export_file(store, EVERYBODY, tmp_path / "no folder" / "list.csv")
    with pytest.raises(SpecError, match="`identity` must be"):
        export_file(store, EVERYBODY, tmp_path / "list.csv", "names")
    with pytest.raises(SpecError, match="not there any more"):
        export_file(store, CampaignUsersSpec(campaign_id=7), tmp_path / "list.csv")
    assert list(tmp_path.iterdir()) == []
    assert trail(store) == []
    assert format_of(tmp_path / "LIST.JSONL") == "jsonl"


def test_xlsx_is_refused_before_it_is_too_long(monkeypatch):
    store = world()
    monkeypatch.setattr("retention.audiences.export.MAX_XLSX_ROWS", 3)
    with pytest.raises(SpecError, match="holds at most 3 rows, not 4"):
        export_members(store, EVERYBODY, "xlsx")
    assert len(read(export_members(store, EVERYBODY, "csv"))) == 4


def test_a_spreadsheet_gets_texts_days_and_numbers_as_what_they_are():
    part = pa.table({"=name": ["=1+1", None, "-3.5"], "day": [date(2026, 1, 5), None, None], "n": [1, 2, None]})
    out = io.BytesIO()
    assert write_rows([part, part.slice(0, 1)], "xlsx", out).n_rows == 4
    with zipfile.ZipFile(out) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet and sheet.count("<row ") == 5
    assert "'=1+1" in sheet and "'=name" in sheet
    assert "46027" in sheet  # 5 January 2026 as a spreadsheet counts days


@given(
    texts=st.lists(st.none() | st.text(max_size=6) | st.from_regex(r"\A['  \t]*[=+@|%-]?[0-9.e+-]{0,4}\Z"), max_size=12)
)
def test_a_column_is_escaped_as_each_of_its_texts_is(texts):
    part = pa.table({"text": pa.array(texts, pa.string()), "n": range(len(texts))})
    assert escaped(part)["text"].to_pylist() == [escape(text) for text in texts]
    assert escaped(part)["n"].to_pylist() == list(range(len(texts)))


@given(instants=st.lists(st.none() | st.integers(0, 4_000_000_000) | st.integers(0, 4_000_000_000_000_000), max_size=8))
def test_instants_are_written_as_everywhere_else(instants):
    assert iso_texts(pa.chunked_array([pa.array(instants, pa.int64())])).to_pylist() == [
        None if us is None else iso(us) for us in instants
    ]


@pytest.mark.parametrize("fmt", ["csv", "jsonl", "parquet"])
def test_any_text_comes_back_from_a_file(fmt):
    names = ["a,b", 'say "hi"', "two\nlines", "顾客", "", "'tis", "null", "NA", "007", "  ", "\u2028"]
    out = io.BytesIO()
    write_rows([pa.table({"name": names}), pa.table({"name": names})], fmt, out)
    content = out.getvalue()
    if fmt == "csv":
        found = [row["name"] for row in csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))]
    elif fmt == "jsonl":
        found = [json.loads(line)["name"] for line in content.decode().split("\n")[:-1]]
    else:
        found = pd.read_parquet(io.BytesIO(content))["name"].tolist()
    assert found == names + names
