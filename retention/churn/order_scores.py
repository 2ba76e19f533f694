"""Score everybody and keep it; move the bounds of the tiers. Each leaves a trace."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date

from retention.churn import query
from retention.churn.answer_scores import (
    HIGH,
    LABEL,
    MEDIUM,
    TIERS,
    ScoreDraft,
    Scoring,
    drafted_scores,
    require_tiers,
    scoring_at,
    scorings_in,
    tier_rows,
)
from retention.errors import SpecError
from retention.store import Store, Transaction
from retention.store.audit import record
from retention.store.labels import add_label, drop_label, put_labelling

Progress = Callable[[float, str], object]
KEPT = 12
"""So many scorings are kept; of an older one only the labels stay."""


def score(
    store: Store,
    version: int | None = None,
    cutoff: date | None = None,
    *,
    progress: Progress = lambda share, text: None,
) -> Scoring:
    """Score everybody who could lapse, by the model in service unless another is named; filters know it as "risk".

    Parameters
    ----------
    cutoff : date, optional
        Only what happened before this day is looked at; by default the day that the data end with.

    Raises
    ------
    SpecError
        See `answer_scores.drafted_scores`.
    """
    progress(0.1, "scoring everybody who could lapse")
    made = drafted_scores(store, version, cutoff)
    progress(0.7, "writing the scores down")
    key = store.write(lambda tx: _put(tx, made))
    progress(1.0, "scored")
    with store.snapshot() as snapshot:
        return scoring_at(snapshot, key)


def set_tiers(store: Store, high: float, medium: float, scoring_key: int | None = None) -> None:
    """Move the bounds from which on a risk is called high and medium, for the latest scoring and those to come.

    Raises
    ------
    SpecError
        If the bounds are out of order, or nobody has been scored yet.
    """
    require_tiers(high, medium)

    def write(tx: Transaction) -> None:
        found = scoring_at(tx, scoring_key)
        bounds = {"high": high, "medium": medium, "key": found.scoring_key}
        tx.run("update scorings set high = $high, medium = $medium where scoring_key = $key", bounds)
        _label(tx, scoring_at(tx, found.scoring_key))
        record(tx, "set risk tiers", bounds)

    store.write(write)


def forget_scorings(tx: Transaction, keys: list[int]) -> None:
    """Forget scorings with their labels; the latest of the others gives the label again."""
    gone = {found.scoring_key: found for found in scorings_in(tx) if found.scoring_key in keys}
    for key, found in gone.items():
        tx.run("delete from user_scores where scoring_key = $key", {"key": key})
        tx.run("delete from scorings where scoring_key = $key", {"key": key})
        for table in ("labellings", "user_labels"):
            tx.run(
                f"delete from {table} where property_key = $key and cutoff_us = $cutoff_us",
                {"key": found.property_key, "cutoff_us": found.cutoff_us},
            )
    left = scorings_in(tx)
    if gone and not left:
        for property_key in {found.property_key for found in gone.values()}:
            drop_label(tx, property_key)
    elif gone:
        _label(tx, left[0])


def _put(tx: Transaction, made: ScoreDraft) -> int:
    if not tx.rows("select 1 from churn_models as m where m.version = $version", {"version": made.card.version}):
        raise SpecError(f"Version {made.card.version} of the churn model has been deleted meanwhile.")
    before = scorings_in(tx)
    high, medium = (before[0].high, before[0].medium) if before else (HIGH, MEDIUM)
    key = max((found.scoring_key for found in before), default=0) + 1
    # Somebody may have been erased since they were scored.
    tx.cursor.register("new_scores", made.rows)
    n_rows = tx.count(
        "insert into user_scores select $key, n.user_key::integer, n.probability, case when isnan(n.value) then null"
        " else n.value end from new_scores as n where n.user_key in (select u.user_key from users as u)",
        {"key": key},
    )
    tx.cursor.unregister("new_scores")
    tx.run(
        "insert into scorings values ($key, $version, $cutoff_day, $cutoff_us, $property_key, $high, $medium, $intercept,"
        " $season, $last_import, $as_of_us, $n_users, $mean, $made_us)",
        {
            "key": key,
            "version": made.card.version,
            "cutoff_day": made.cutoff_day,
            "cutoff_us": made.cutoff_us,
            "property_key": before[0].property_key if before else add_label(tx, LABEL, TIERS),
            "high": high,
            "medium": medium,
            "intercept": made.intercept,
            "season": made.season,
            "last_import": made.last_import,
            "as_of_us": made.as_of_us,
            "n_users": n_rows,
            "mean": float(made.rows["probability"].mean()),
            "made_us": time.time_ns() // 1000,
        },
    )
    _label(tx, scoring_at(tx, key))
    for old in before[KEPT - 1 :]:
        tx.run("delete from user_scores where scoring_key = $key", {"key": old.scoring_key})
        tx.run("delete from scorings where scoring_key = $key", {"key": old.scoring_key})
    record(
        tx,
        "score churn",
        {"version": made.card.version, "cutoff": str(scoring_at(tx, key).cutoff), "scoring": key},
        n_rows=n_rows,
    )
    return key


def _label(tx: Transaction, scoring: Scoring) -> None:
    rows = tier_rows(tx.read(query.scores_of(scoring.scoring_key)), scoring.high, scoring.medium)
    about = {"scoring": scoring.scoring_key, "version": scoring.version, "high": scoring.high, "medium": scoring.medium}
    put_labelling(tx, scoring.property_key, scoring.cutoff_us, rows, n_users=len(rows), about=about)
