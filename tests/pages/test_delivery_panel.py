"""The webhook part of a list: sent on a click, what is not confirmed is listed and goes on, the secret is not in sight."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from retention.audiences.answer_delivery import webhook_secret
from tests.audiences.test_webhook import receiver, world
from tests.pages.conftest import texts


def panel() -> None:
    from datetime import date

    from retention.cohorts.spec import CellSpec, CohortSpec
    from retention.ui.delivery import delivery_panel

    delivery_panel(CellSpec(cohorts=CohortSpec(horizon=2), cohort=date(2026, 1, 5), age=1), "list")


@pytest.fixture
def shown(behind):
    store = world()
    store.close()
    behind(store.path)
    at = AppTest.from_function(panel, default_timeout=60).run()
    assert not at.exception
    return store, at


def send(at: AppTest, url: str) -> None:
    at.text_input[0].set_value(url)
    next(button for button in at.button if button.label == "Send 25 users").click().run()
    assert not at.exception


def test_a_list_is_sent_on_a_click_and_what_was_not_confirmed_goes_on_on_another(shown):
    store, at = shown
    with receiver(store, 500, 400) as there:
        send(at, f"{there.url}?token=hidden")
        assert "0 of 25 users are confirmed; 25 are not" in texts(at) and "it answered 400" in texts(at)
        table = at.dataframe[0].value
        assert table[["Users", "Confirmed", "Not confirmed"]].to_numpy().tolist() == [[25, 0, 25]]
        assert "hidden" not in texts(at) + str(table.to_dict())
        assert len(at.dataframe[1].value) == 25
        next(button for button in at.button if button.label == "Go on with delivery 1").click().run()
    assert not at.exception and there.once == 25
    assert "All 25 users are confirmed by the receiver." in texts(at)
    assert at.dataframe[0].value["Confirmed"].tolist() == [25] and len(at.dataframe) == 1


def test_an_address_that_must_not_be_is_advice_and_the_secret_is_shown_on_demand_alone(shown):
    store, at = shown
    send(at, "http://tool.example/hook")
    assert "by https, or to this machine" in at.error[0].value and len(at.dataframe) == 0
    secret = webhook_secret(store)
    assert secret not in str([code.value for code in at.code])
    next(box for box in at.checkbox if box.label == "Show the secret").check().run()
    assert [code.value for code in at.code] == [secret]
