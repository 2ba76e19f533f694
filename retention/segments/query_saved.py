"""Questions about saved segmentations: who had which label when, and who moved."""

from __future__ import annotations

from retention.segments.spec_saved import MovementSpec
from retention.store.sql import Sql

NOBODY_YET = -1
"""Stands for a segment where the user had not been active yet; 0 for one who was in no segment."""


def saved_segmentations() -> Sql:
    """One row per saved segmentation, the newest first; without its model, which may be large."""
    return Sql(
        """select s.property_key, l.name as label, s.name, s.version, s.spec, s.features, s.quality, s.cutoff_us,
    s.data_version, s.n_users, s.saved_us
from segmentations as s join labels as l on l.property_key = s.property_key
order by s.saved_us desc, s.property_key desc"""
    )


def saved_model(property_key: int) -> Sql:
    """One row: what a saved segmentation has learned."""
    return Sql(
        "select s.spec, s.features, s.state, s.cutoff_us from segmentations as s where s.property_key = $label_key",
        {"label_key": property_key},
    )


def versions(name: str) -> Sql:
    """One row per saved version of a name."""
    return Sql("select s.version from segmentations as s where s.name = $name", {"name": name})


def labellings() -> Sql:
    """One row per moment as of which the users of a saved segmentation were labelled."""
    return Sql(
        """select m.property_key, m.cutoff_us, m.data_version, m.n_users, m.about, m.made_us
from labellings as m join segmentations as s on s.property_key = m.property_key
order by m.property_key, m.cutoff_us"""
    )


def segment_names() -> Sql:
    """One row per segment of a saved segmentation."""
    return Sql(
        """select v.property_key, v.value_key, v.value
from property_values as v join segmentations as s on s.property_key = v.property_key
order by v.property_key, v.value_key"""
    )


def label_values(property_key: int) -> Sql:
    """One row per value of a label."""
    return Sql(
        "select v.value_key, v.value from property_values as v where v.property_key = $label_key order by v.value_key",
        {"label_key": property_key},
    )


def label_moments(property_key: int) -> Sql:
    """One row per moment as of which the users had a label."""
    return Sql(
        "select m.cutoff_us, m.n_users from labellings as m where m.property_key = $label_key order by m.cutoff_us",
        {"label_key": property_key},
    )


def segment_sizes(labelled: Sql) -> Sql:
    """One row per segment with somebody in it: how many."""
    return Sql.ctes(labelled=labelled).select(
        "select l.value_key, count(*) as n from labelled as l group by l.value_key order by l.value_key"
    )


def segment_users(labelled: Sql, value_key: int) -> Sql:
    """One row per user of a segment."""
    return Sql.ctes(labelled=labelled).select(
        "select l.user_key from labelled as l where l.value_key = $value", value=value_key
    )


def moves(spec: MovementSpec) -> Sql:
    """One row per user who was in a segment at one of two moments at least: where before, where after."""
    looked = Sql(
        """select l.user_key,
    max(case when l.cutoff_us = $before_us then l.value_key else 0 end) as old_key,
    max(case when l.cutoff_us = $after_us then l.value_key else 0 end) as new_key
from user_labels as l
where l.property_key = $label_key and (l.cutoff_us = $before_us or l.cutoff_us = $after_us)
group by l.user_key""",
        {"label_key": spec.property_key, "before_us": spec.before_us, "after_us": spec.after_us},
    )
    return Sql.ctes(looked=looked).select(
        f"""select k.user_key,
    case when k.old_key = 0 and f.first_us >= $before_us then {NOBODY_YET} else k.old_key end as before_key,
    k.new_key as after_key
from looked as k join user_first as f on f.user_key = k.user_key and f.event_key = 0"""
    )


def move_counts(moves: Sql) -> Sql:
    """One row per way from a segment to a segment: how many users went it."""
    return Sql.ctes(moves=moves).select(
        """select m.before_key, m.after_key, count(*) as n from moves as m
group by m.before_key, m.after_key order by m.before_key, m.after_key"""
    )


def moved_users(moves: Sql, before_key: int, after_key: int) -> Sql:
    """One row per user who went from one segment to another."""
    return Sql.ctes(moves=moves).select(
        "select m.user_key from moves as m where m.before_key = $old and m.after_key = $new", old=before_key, new=after_key
    )
