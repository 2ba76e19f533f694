"""A score from a table of one's own, on the page."""

from __future__ import annotations

import random

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import texts

TAB = "Your own table"


def people(n: int = 300) -> bytes:
    # Few visits and many calls both go with leaving; the reason is written down afterwards.
    chance = random.Random(2)
    lines = ["customer_id,visits,calls,plan,reason,churned"]
    for i in range(n):
        visits, calls = chance.randrange(10), chance.randrange(6)
        left = chance.random() < 0.2 + 0.06 * (9 - visits) / 2 + 0.05 * calls
        reason = chance.choice(("moved", "price")) if left else ""
        lines.append(f"c-{i},{visits},{calls},{chance.choice(('gold', 'tin'))},{reason},{'Yes' if left else 'No'}")
    return "\n".join(lines).encode()


@pytest.fixture
def at(show, sample) -> AppTest:
    return show(sample, "at_risk", tab=TAB)


def put(at: AppTest, content: bytes) -> AppTest:
    at.file_uploader(key="own_file").set_value(("people.csv", content, "text/csv"))
    at.run()
    assert not at.exception, at.exception
    return at


def test_a_leak_is_named_left_out_and_the_rest_is_judged(at):
    put(at, people())
    assert "reason (ROC AUC 1.000) alone tells too well who left" in texts(at)
    assert at.selectbox(key="at_risk_v_own_label").value == "churned"
    assert at.selectbox(key="at_risk_v_own_positive_churned").value == "Yes"
    assert at.selectbox(key="at_risk_v_own_id").value == "customer_id"
    # Somebody presses on all the same: the training stops, and says so.
    at.button(key="own_learn").click().run()
    assert "own_scores_csv" not in str(at.get("download_button"))
    at.multiselect(key="at_risk_v_own_out_churned").select("reason").run()
    assert "tells too well" not in texts(at)
    at.selectbox(key="at_risk_v_own_model").select("logistic").run()
    at.button(key="own_learn").click().run()
    assert not at.exception, at.exception
    said = texts(at)
    assert "How good it is" in said and ("of two users" in said or "No better than" in said)
    assert "300 users, of whom" in said
    figures = [frame.value for frame in at.dataframe if "What it means" in frame.value.columns]
    assert figures[0]["Figure"].iloc[0] == "Ranking (ROC AUC)"
    # Another question shows that the result answers the one before.
    at.selectbox(key="at_risk_v_own_model").select("tree").run()
    assert "The choices above have changed since" in texts(at)


def test_a_column_that_was_known_before_can_be_allowed(at):
    put(at, people())
    at.multiselect(key="at_risk_v_own_allowed").select("reason").run()
    assert "tells too well" not in texts(at)
    at.selectbox(key="at_risk_v_own_model").select("tree").run()
    at.button(key="own_learn").click().run()
    assert "How good it is" in texts(at)


def test_a_file_that_cannot_be_read_is_advice(at):
    put(at, b"a,b\n1,2,3\n")
    assert "Line 2 of the file has 3 columns and the names are 2." in texts(at)
    put(at, b"a,b\nx,1\ny,2\nz,3\n")
    assert "No column of the file has two values." in texts(at)
    put(at, b"a,b\n" + b"x,1\ny,2\n" * 5)
    assert "Too few users to learn from" in texts(at)
