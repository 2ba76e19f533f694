"""How far can a version of the churn model be trusted? Read-only."""

from __future__ import annotations

from dataclasses import dataclass

from retention.churn import query_report
from retention.churn.answer import expected_rate, score_day, table_at
from retention.churn.answer_registry import card_at, held_back, load
from retention.churn.card import ModelCard
from retention.churn.card_compare import Compared, compared, latest_figures
from retention.churn.drift import Drifted
from retention.churn.fairness import Fairness, fairness_by, groups_of
from retention.churn.held_back import HeldBack
from retention.churn.model_drift import drift_of, score_drift_of
from retention.churn.model_report import SCORE
from retention.churn.report import Standing, standing
from retention.churn.snapshots import sampled
from retention.churn.stability import Stability, stability_of
from retention.cohorts.answer import group_labels, population
from retention.errors import SpecError, nearest
from retention.periods import midnight_us
from retention.store import Snapshot, Sql, Store

MOST_USERS = 100_000
"""More users say nothing finer of a drift."""


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of how good a version is.

    Attributes
    ----------
    card : ModelCard
    held_back : HeldBack
        The users it was judged on.
    standing : Standing
        At the latest held-back cut-off, beside the rules.
    stability : Stability
        Over all held-back cut-offs.
    """

    card: ModelCard
    held_back: HeldBack
    standing: Standing
    stability: Stability


def churn_report(store: Store, version: int) -> Report:
    """How good is a version on users it has not learned from, beside the plain rules, and does it hold?

    Raises
    ------
    SpecError
        If there is no such version.
    """
    card = card_at(store, version)
    held = held_back(store, version)
    return Report(
        card,
        held,
        standing(held.lapsed, held.scores, held.model, latest_figures(card), seed=card.spec.seed),
        stability_of(card.report.get("trials", ()), card.name),
    )


def churn_drift(store: Store, version: int) -> Drifted:
    """Are the users of now still like those whom a version has learned from?

    Raises
    ------
    SpecError
        If there is no such version, or nobody to compare.
    """
    card = card_at(store, version)
    model = load(store, version)
    with store.snapshot() as snapshot:
        day = score_day(snapshot, None)
        table = sampled(table_at(snapshot, card.spec, day), MOST_USERS)
        rate, _ = expected_rate(snapshot, card.spec.lapse, day)
    basis = {name: kept for name, kept in card.report.get("drift", {}).items() if name != SCORE}
    features = drift_of(basis, table.values, table.features)
    kept = card.report.get("drift", {}).get(SCORE)
    if kept is None:
        return Drifted(day, table.n_users, features)
    # The scores that were judged had been moved to their season, so these are, too.
    scores = score_drift_of(kept, model.in_season(table, rate)[1])
    return Drifted(day, table.n_users, features, scores.psi, scores.by_chance)


@dataclass(frozen=True, slots=True)
class FairnessReport:
    """A score by group of users.

    Attributes
    ----------
    fairness : Fairness
    label_us : int or None
        Of a learned label: the moment that it is of; None of a property, which is that of the first activity.
    is_circular : bool
        Whether the label knows what came after the held-back cut-off.
    """

    fairness: Fairness
    label_us: int | None = None
    is_circular: bool = False


def churn_fairness(store: Store, version: int, by: str, threshold: float) -> FairnessReport:
    """Is a score as good for each group of users as for the others?

    Parameters
    ----------
    by : str
        A property, a segment or a tag. A property is that of the user's first activity; a label is the latest that was made
        before the held-back cut-off, or, where there is none, the earliest after it.

    Raises
    ------
    SpecError
        If there is no such version or no such attribute.
    """
    held = held_back(store, version)
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        if by not in catalogue.attributes:
            raise SpecError(f"There is no attribute “{by}” of users.", hint=nearest(by, catalogue.attributes))
        cutoff_us = midnight_us(held.cutoff_day, catalogue.settings.timezone)
        sql, label_us = _groups_sql(snapshot, by, cutoff_us)
        rows = snapshot.read(sql)
        names = group_labels(snapshot, by)
    groups = groups_of(held.user_keys, rows, names)
    found = fairness_by(by, groups, held.lapsed, held.probability, threshold)
    return FairnessReport(found, label_us, label_us is not None and label_us > cutoff_us)


def _groups_sql(snapshot: Snapshot, by: str, cutoff_us: int) -> tuple[Sql, int | None]:
    catalogue = snapshot.catalogue
    label = None if by in catalogue.properties else catalogue.labels[by]
    if label is None:
        return query_report.groups(population(catalogue, by=by)), None
    sql = query_report.label_moments(label.property_key)
    moments = [int(us) for (us,) in snapshot.rows(sql.text, sql.params)]
    known = [us for us in moments if us <= cutoff_us]
    at = max(known) if known else min(moments, default=label.cutoff_us or 0)
    return query_report.label_at(label.property_key, at), at


def compare_versions(store: Store, one: int, two: int) -> Compared:
    """How do two versions differ, and is the newer one better?

    Raises
    ------
    SpecError
        If there is no such version, or both are the same.
    """
    if one == two:
        raise SpecError(f"Version {one} cannot be compared with itself.", hint="Choose two versions.")
    older, newer = sorted((one, two))
    return compared(card_at(store, older), card_at(store, newer), held_back(store, older), held_back(store, newer))
