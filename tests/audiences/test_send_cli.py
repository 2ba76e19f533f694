"""Webhooks without a browser: send, list what is not confirmed, go on, and the secret."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from retention.audiences.answer_delivery import webhook_secret
from retention.audiences.order import save_audience
from retention.audiences.spec import AudienceSpec
from retention.cli import main
from tests.audiences.test_webhook import EVERYBODY, receiver, world


@pytest.fixture
def path() -> Path:
    store = world()
    save_audience(store, AudienceSpec(name="back", users=EVERYBODY))
    store.close()
    return store.path


def run(path: Path, capsys: pytest.CaptureFixture[str], *said: str, code: int = 0) -> dict[str, Any]:
    assert main(["audience", *said, "--store", str(path), "--json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def there_for(path: Path) -> Any:
    """Stand for a store that is closed: a receiver asks only where its key lies."""
    return SimpleNamespace(path=path)


def test_a_list_is_sent_its_rest_is_listed_and_goes_on(path, capsys):
    with receiver(there_for(path), 200, 400) as there:
        done = run(path, capsys, "send", "back", "--to", there.url, "--batch", "10", "--file-ids", code=1)
        assert list(done)[:3] == ["as_of", "timezone", "data_version"]
        assert (done["n_users"], done["n_confirmed"], done["n_unconfirmed"], done["to"]) == (25, 10, 15, there.url)
        assert done["fault"] == "it answered 400" and done["ended_at"] is None
        left = run(path, capsys, "send", "--unconfirmed", "1")
        assert len(left["users"]) == left["n_unconfirmed"] == 15 and "user_key" not in left["users"][0]
        done = run(path, capsys, "send", "--resume", "1")
        assert (done["n_unconfirmed"], there.once, done["identity"]) == (0, 25, "file ids")
    assert [one["delivery"] for one in run(path, capsys, "send")["deliveries"]] == [1]
    assert main(["audience", "send", "--store", str(path)]) == 0
    assert "All 25 users are confirmed by the receiver." in capsys.readouterr().out


@pytest.mark.parametrize(("said", "advice"), [
    (["back"], "must be told where to"), (["back", "--resume", "1", "--to", "https://a.example"], "one of a list, --resume"),
    (["nobody", "--to", "https://a.example"], 'no saved list "nobody"'), (["--resume", "7"], "There is no delivery 7"),
    (["back", "--to", "http://a.example"], "by https, or to this machine"), (["back", "--to", "https://a.example", "--tries", "0"], "n_tries"),
])  # fmt: skip
def test_a_mistake_is_one_sentence(path, capsys, said, advice):
    assert main(["audience", "send", *said, "--store", str(path)]) == 2
    assert advice in capsys.readouterr().err


def test_the_secret_is_shown_with_what_it_is_for(path, capsys):
    told = run(path, capsys, "secret")
    assert told["secret"] == webhook_secret(there_for(path))
    assert "Holdfast-Signature" in told["signing"]
