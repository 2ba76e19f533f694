"""Answers about the list of users at risk: read-only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.churn import query_list as query
from retention.churn.answer_registry import card_at
from retention.churn.listed import AtRiskList, listed
from retention.churn.reach import Reach, reach_of
from retention.churn.reachable import YES, Reachable, reachable, spellings
from retention.churn.spec_list import COLUMNS, AtRiskSpec
from retention.cohorts.answer import is_everybody, population
from retention.errors import RetentionError, SpecError, nearest
from retention.features.query import NOT_CONTACTED
from retention.store import Snapshot, Sql, Store

if TYPE_CHECKING:
    import pandas as pd

    from retention.store.catalogue import Catalogue, PropertyName

SHOWN_USERS = 500


def known_reachable(store: Store) -> Reachable:
    """What tells whom one may write to, and who has been written to?"""
    return reachable(store.catalogue())


def reachable_sql(snapshot: Snapshot) -> tuple[list[Sql], list[Sql]]:
    """Write who may be written to: the users must be among those of each of the first, and of none of the second.

    Raises
    ------
    SpecError
        If the store knows nothing of it.
    """
    catalogue = snapshot.catalogue
    as_of_us = catalogue.require_clock().as_of_us
    known = reachable(catalogue)
    if not known.is_known:
        raise SpecError(
            "The store does not know whom one may write to.",
            hint="Import a property such as opt_in or consent, or the event unsubscribe; or leave this filter out.",
        )
    only: list[Sql] = []
    without: list[Sql] = []
    if known.opt_in:
        only.append(query.saying(catalogue.property_name(known.opt_in), spellings(YES), "opt_in", as_of_us))
    if known.opt_out:
        without.append(query.saying(catalogue.property_name(known.opt_out), spellings(YES), "opt_out", as_of_us))
    if known.left:
        kinds = [[catalogue.events[name] for name in names] for names in (known.left, known.came_back)]
        without.append(query.gone(kinds[0], kinds[1], as_of_us))
    return only, without


def contacted_sql(snapshot: Snapshot, days: int) -> Sql:
    """Write who was contacted within so many days before the data end, as the events tell; nobody where none does."""
    catalogue = snapshot.catalogue
    known = reachable(catalogue)
    return query.contacted(
        [catalogue.events[name] for name in known.contacts],
        catalogue.property_name(known.arm) if known.arm and known.contacts else None,
        spellings(NOT_CONTACTED), catalogue.require_clock().as_of_us, days,
    )  # fmt: skip


def ranked_sql(snapshot: Snapshot, spec: AtRiskSpec) -> Sql:
    """Write the select of the users at risk; the slider, the list, the audience and the file use it.

    Raises
    ------
    SpecError
        If a filter asks for what the store does not know.
    """
    catalogue = snapshot.catalogue
    only, without = reachable_sql(snapshot) if spec.is_reachable_only else ([], [])
    if spec.not_contacted_days:
        if not reachable(catalogue).contacts:
            raise SpecError(
                "The store holds no contacts by campaigns.",
                hint="Import them as events, for example campaign_sent; or leave this filter out.",
            )
        without.append(contacted_sql(snapshot, spec.not_contacted_days))
    who = None if is_everybody(spec.where) else population(catalogue, spec.where)
    return query.ranked(spec, population=who, only=only, without=without)


def _scoring(snapshot: Snapshot, scoring_key: int) -> tuple[int, int, tuple[float, float], int]:
    rows = snapshot.read(query.scoring(scoring_key))
    if not len(rows):
        raise SpecError("These scores are not there any more.", hint="Score the users again.")
    ((version, cutoff_day, _, high, medium, n_users),) = rows.itertuples(index=False)
    return int(version), int(cutoff_day), (float(high), float(medium)), int(n_users)


def at_risk_reach(store: Store, spec: AtRiskSpec) -> Reach:
    """What would contacting the riskiest users mean, for every number of them?

    Parameters
    ----------
    spec : AtRiskSpec
        Its filters say whom the slider goes over; where it ends plays no part.
    """
    with store.snapshot() as snapshot:
        version, *_ = _scoring(snapshot, spec.scoring_key)
        rows = snapshot.read(ranked_sql(snapshot, spec.everybody))
        judged = snapshot.read(query.held_back(version))
    return reach_of(
        rows["user_key"], rows["probability"], rows["value"], lapsed=judged["lapsed"], held_back_scores=judged["probability"],
        level_mistakes=level_mistakes(store, version),
    )  # fmt: skip


def level_mistakes(store: Store, version: int) -> tuple[float, ...]:
    """By how much were the log-odds of a version off at the held-back cut-offs, the latest first?"""
    try:
        card = card_at(store, version)
    except RetentionError:
        return ()  # its files are gone: the scores still stand, and the page says it
    trials = [trial for trial in card.report.get("trials", ()) if trial["model"] == card.name]
    found = [t["figures"]["intercept"][0] for t in sorted(trials, key=lambda trial: -trial["test_day"])]
    return tuple(float(mistake) for mistake in found if mistake is not None)


def at_risk_users(store: Store, spec: AtRiskSpec) -> AtRiskList:
    """Who is at risk?"""
    with store.snapshot() as snapshot:
        *_, n_scored = _scoring(snapshot, spec.scoring_key)
        ranked = ranked_sql(snapshot, spec)
        rows, shown = _table(snapshot, spec, SHOWN_USERS)
        count = int(snapshot.read(query.count(ranked))["n"].iloc[0])
        n_candidates = int(snapshot.read(query.count(ranked_sql(snapshot, spec.everybody)))["n"].iloc[0])
        users = rows[["user_key", "pseudonym", "first_us", "last_us", "n_events"]]
        return AtRiskList(spec, count, n_candidates, n_scored, users, shown)


def at_risk_members(snapshot: Snapshot, spec: AtRiskSpec) -> Sql:
    """Which users are on the list? One row a user, for audiences and counts."""
    _scoring(snapshot, spec.scoring_key)
    return query.keys(ranked_sql(snapshot, spec))


def at_risk_file(snapshot: Snapshot, spec: AtRiskSpec) -> pd.DataFrame:
    """What does the file of the list hold? The chosen columns of every user on it; only orders ask."""
    return _table(snapshot, spec, None)[1]


def _table(snapshot: Snapshot, spec: AtRiskSpec, limit: int | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    _, cutoff_day, tiers, _ = _scoring(snapshot, spec.scoring_key)
    labels = _labels(snapshot.catalogue, spec)
    rows = snapshot.read(query.rows(ranked_sql(snapshot, spec), cutoff_day, labels, limit))
    everybody = snapshot.read(query.probabilities(spec.scoring_key))["probability"]
    names = [label.name for label in labels]
    return rows, listed(rows, spec, everybody, cutoff_day=cutoff_day, tiers=tiers, labels=names)


def _labels(catalogue: Catalogue, spec: AtRiskSpec) -> list[PropertyName]:
    wanted = [name for name in spec.columns if name not in COLUMNS]
    for name in wanted:
        if name not in catalogue.labels:
            raise SpecError(f'A list cannot show "{name}".', hint=nearest(name, [*COLUMNS, *catalogue.labels]))
    return [catalogue.labels[name] for name in wanted]


def at_risk_words(spec: AtRiskSpec, catalogue: Catalogue) -> str:
    """Say whose users they are."""
    which = "The riskiest users" if spec.n is None else f"The {spec.n:,} riskiest users"
    parts = []
    if spec.threshold is not None:
        which = "Users" if spec.n is None else which
        parts.append(f"with a risk of lapsing of at least {spec.threshold * 100:.4g} %")
    elif spec.n is None:
        which = "All scored users"
    if spec.where:
        parts.append("with " + " and ".join(map(str, spec.where)))
    if spec.min_value is not None:
        parts.append(f"worth at least {spec.min_value:,.6g} per horizon")
    if spec.is_reachable_only:
        parts.append("who may be written to, as far as the store knows")
    if spec.not_contacted_days:
        parts.append(f"whom no campaign wrote to in the last {spec.not_contacted_days} days")
    said = f"{which} {', '.join(parts)}".strip()
    return f"{said}, by scoring {spec.scoring_key}: risk of lapsing, which does not say whom a contact would keep."
