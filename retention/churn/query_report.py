"""Questions that a report on a score asks beside those of the score itself."""

from __future__ import annotations

from retention.store.sql import Sql


def label_moments(property_key: int) -> Sql:
    """One row per moment as of which users were given a label."""
    return Sql(
        "select m.cutoff_us from labellings as m where m.property_key = $label_key order by m.cutoff_us",
        {"label_key": property_key},
    )


def label_at(property_key: int, cutoff_us: int) -> Sql:
    """One row per user with a label as of a moment: user_key, grp."""
    return Sql(
        "select l.user_key, l.value_key as grp from user_labels as l"
        " where l.property_key = $label_key and l.cutoff_us = $label_us order by l.user_key",
        {"label_key": property_key, "label_us": cutoff_us},
    )


def groups(population: Sql) -> Sql:
    """One row per user of a population that is broken down: user_key, grp."""
    return Sql.ctes(population=population).select("select p.user_key, p.grp from population as p order by p.user_key")
