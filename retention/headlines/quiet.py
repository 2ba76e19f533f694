"""What stands to be lost with the users who have been quiet for longer than ever."""

from __future__ import annotations

from dataclasses import dataclass

from retention.headlines.spec import QuietSpec


@dataclass(frozen=True, slots=True)
class QuietUsers:
    """Users who have been quiet for longer than ever before and are not lapsed, and what they spent of late.

    Attributes
    ----------
    spec : QuietSpec
    as_of_us, data_version : int
    timezone : str
    churn_window : int
        Days of silence after which a user is lapsed.
    n_users, n_buyers : int
        All of them, and those with revenue in the last `spec.value_days` days.
    net : float or None
        Their revenue in those days, net of refunds; None where the store knows no order at all.
    """

    spec: QuietSpec
    as_of_us: int
    timezone: str
    data_version: int
    churn_window: int
    n_users: int
    n_buyers: int
    net: float | None


def quiet_definition(spec: QuietSpec, churn_window: int) -> str:
    """Say whom the list holds."""
    return (
        f"Users with at least {spec.min_days} active days whose silence up to the end of the data is longer than any"
        f" they came back from before: at least {spec.least_silence(churn_window)} days, and fewer than the"
        f" {churn_window} after which a user counts as lapsed."
    )
