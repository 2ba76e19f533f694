"""Which events and properties of a store are meant, told by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable

REVIEWS = r"review|rating|feedback"
SEARCHES = r"search"
CONTACTS = r"campaign|contact|newsletter|mailing|(e-?mail|message|push|sms)s?[_ -]?(sent|delivered|received)"
#: In the order in which they are preferred.
CHANNELS = (r"^channel$", r"channel", r"utm.?source", r"^source$", r"traffic.?source", r"medium$")
DEVICES = (r"^device$", r"device.?(category|type)", r"device", r"^platform$", r"^browser$")
DISCOUNTS = (r"discount", r"coupon", r"voucher", r"promo")
STARS = (r"^stars?$", r"^rating$", r"stars|rating", r"^score$")
ARMS = (r"^arm$", r"^variant$", r"holdout", r"treatment", r"^group$")


def all_like(names: Iterable[str], pattern: str) -> tuple[str, ...]:
    """List the names that a pattern is found in.

    Examples
    --------
    >>> all_like(["visit", "Product Review"], REVIEWS)
    ('Product Review',)
    """
    return tuple(sorted(name for name in names if re.search(pattern, name, re.IGNORECASE)))


def first_like(names: Iterable[str], patterns: Iterable[str]) -> str | None:
    """Return the name that the earliest of the patterns is found in.

    Examples
    --------
    >>> first_like(["medium", "channel_group", "plan"], CHANNELS)
    'channel_group'
    """
    known = sorted(names)
    for pattern in patterns:
        if found := all_like(known, pattern):
            return found[0]
    return None
