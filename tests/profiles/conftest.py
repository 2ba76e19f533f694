"""What the tests of profiles share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.worlds import close_stores


@pytest.fixture(autouse=True)
def _no_store_stays_open() -> Iterator[None]:
    yield
    close_stores()
