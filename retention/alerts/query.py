"""Questions about alerts."""

from __future__ import annotations

from retention.store.sql import Sql


def rules() -> Sql:
    """One row per alert, the oldest first."""
    return Sql(
        """select a.alert_id, a.name, a.metric, a.operator, a.threshold, a.is_sure
from alerts as a order by a.alert_id"""
    )


def unread(data_version: int) -> Sql:
    """One row: how many alerts have no reading of a data version."""
    return Sql(
        """select count(*) as n from alerts as a
left join alert_readings as r on r.alert_id = a.alert_id and r.data_version = $version
where r.alert_id is null""",
        {"version": data_version},
    )


def history(alert_id: int, limit: int) -> Sql:
    """One row per reading of an alert, the newest first."""
    return Sql(
        """select r.as_of_us, r.data_version, r.is_fired, r.value, r.low, r.high, r.sentence
from alert_readings as r where r.alert_id = $alert order by r.data_version desc limit $limit""",
        {"alert": alert_id, "limit": limit},
    )
