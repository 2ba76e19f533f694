"""Who is how likely to lapse, as it was last scored? Read-only."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from retention.churn import query
from retention.churn.answer import expected_rate, score_day, table_at
from retention.churn.answer_registry import card_at, fitted_at, load, serving_version
from retention.churn.card import ModelCard
from retention.churn.model_backtest import Fitted
from retention.churn.scores import (  # some of them for the orders, which ask answers only
    HIGH,
    LABEL,
    MEDIUM,
    TIERS,
    ScoreTable,
    Scoring,
    require_tiers,
    score_rows,
    score_table,
    scoring_of,
    tier_rows,
)
from retention.churn.snapshots import CutoffTable
from retention.errors import SpecError
from retention.periods import midnight_us
from retention.store import Snapshot, Store

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

__all__ = ["HIGH", "LABEL", "MEDIUM", "TIERS", "require_tiers", "tier_rows"]

COLUMNS = tuple(field.name for field in fields(Scoring) if field.name != "is_current")


def last_import(snapshot: Snapshot) -> int:
    """Return the number of the last import."""
    ((last,),) = snapshot.rows("select coalesce(max(i.import_id), 0) from imports as i")
    return int(last)


def scorings(store: Store) -> tuple[Scoring, ...]:
    """Which scorings are there, the latest first?"""
    with store.snapshot() as snapshot:
        return scorings_in(snapshot)


def scorings_in(snapshot: Snapshot) -> tuple[Scoring, ...]:
    """Which scorings does a snapshot hold, the latest first?"""
    rows = snapshot.rows(f"select {', '.join(f's.{c}' for c in COLUMNS)} from scorings as s order by s.scoring_key desc")
    if not rows:
        return ()
    now = last_import(snapshot)
    as_of_us = snapshot.catalogue.require_clock().as_of_us
    return tuple(scoring_of(dict(zip(COLUMNS, row, strict=True)), last_import=now, as_of_us=as_of_us) for row in rows)


def latest_scoring(store: Store) -> Scoring | None:
    """Which scoring is the latest?"""
    return next(iter(scorings(store)), None)


def scoring_at(snapshot: Snapshot, scoring_key: int | None = None) -> Scoring:
    """Find a scoring; by default the latest.

    Raises
    ------
    SpecError
        If it is gone, or nobody has been scored yet.
    """
    for found in scorings_in(snapshot):
        if scoring_key in (None, found.scoring_key):
            return found
    if scoring_key is None:
        raise SpecError("Nobody has been scored yet.", hint="Press Score on the At risk page, or run `churn train`.")
    raise SpecError(f"The scoring {scoring_key} is gone.", hint="Choose the latest one, or score again.")


def scored(store: Store, scoring_key: int | None = None) -> ScoreTable:
    """Who is how likely to lapse, and what do they bring?"""
    with store.snapshot() as snapshot:
        scoring = scoring_at(snapshot, scoring_key)
        frame = snapshot.read(query.scores_of(scoring.scoring_key))
    return score_table(frame, scoring, card_at(store, scoring.version).spec)


def table_of(store: Store, scoring: Scoring) -> CutoffTable:
    """What was known of the users when they were scored?"""
    card = card_at(store, scoring.version)
    with store.snapshot() as snapshot:
        return table_at(snapshot, card.own_spec, scoring.cutoff_day)


def model_of(store: Store, scoring: Scoring) -> Fitted:
    """How were they scored?"""
    return fitted_at(store, scoring.version, scoring.intercept)


@dataclass(frozen=True, slots=True)
class ScoreDraft:
    """Scores that are worked out and not yet written.

    Attributes
    ----------
    card : ModelCard
    cutoff_day, cutoff_us : int
    intercept : float
    season : str
    last_import, as_of_us : int
    rows : DataFrame
        user_key, probability, value.
    """

    card: ModelCard
    cutoff_day: int
    cutoff_us: int
    intercept: float
    season: str
    last_import: int
    as_of_us: int
    rows: pd.DataFrame


def drafted_scores(store: Store, version: int | None = None, cutoff: date | None = None) -> ScoreDraft:
    """What does a model say of everybody who could lapse at a day?

    Raises
    ------
    SpecError
        If there is no model, the data do not reach the day, nobody could lapse, or a feature of the model is gone.
    """
    with store.snapshot() as snapshot:
        if version is None:
            version = serving_version(snapshot)
        if version is None:
            raise SpecError("There is no model yet.", hint="Press Score on the At risk page, or run `churn train`.")
        card, model = card_at(store, version), load(store, version)
        clock = snapshot.catalogue.require_clock()
        day = score_day(snapshot, cutoff)
        table = table_at(snapshot, card.own_spec, day)
        rate, season = expected_rate(snapshot, card.spec.lapse, day)
        model, probability = model.in_season(table, rate)
        paid = snapshot.read(query.value_before(day, card.spec.lapse.lookback_days))
        return ScoreDraft(
            card, day, midnight_us(day, clock.timezone), model.intercept, season, last_import(snapshot), clock.as_of_us,
            score_rows(table.user_keys, probability, paid, card.spec),
        )  # fmt: skip
