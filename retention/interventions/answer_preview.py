"""What may an intervention bring, and what does it cost? Read-only."""

from __future__ import annotations

from retention.audiences.answer_sources import members_of
from retention.audiences.query import member_count
from retention.churn import query_list
from retention.churn.answer_list import level_mistakes
from retention.churn.answer_registry import card_at
from retention.churn.answer_scores import scoring_at
from retention.churn.reach import calibration_error
from retention.churn.scores import Scoring
from retention.errors import RetentionError
from retention.interventions import query_preview as query
from retention.interventions.answer_catalogue import past_effects
from retention.interventions.model_preview import money_of, previewed
from retention.interventions.people import People, people_of
from retention.interventions.preview import Preview
from retention.interventions.spec import Intervention
from retention.interventions.spec_preview import Terms
from retention.store import Snapshot, Store

__all__ = ["money_of", "people", "people_in", "preview", "previewed"]


def people(store: Store, users: object, scoring_key: int | None = None) -> People:
    """Whom is a list made of, as far as scores tell?

    Parameters
    ----------
    users : object
        A frozen definition of users, as audiences have them.
    scoring_key : int, optional
        By which scores; by default the latest.

    Raises
    ------
    SpecError
        If nobody has been scored yet.
    """
    with store.snapshot() as snapshot:
        scoring = scoring_at(snapshot, scoring_key)
        judged = snapshot.read(query_list.held_back(scoring.version))
        error = calibration_error(judged["lapsed"], judged["probability"], level_mistakes(store, scoring.version))
        try:
            lapse = card_at(store, scoring.version).spec.lapse
        except RetentionError:  # its files are gone: the scores still stand
            return _people(snapshot, users, scoring, error, 0, 0)
        return _people(snapshot, users, scoring, error, lapse.horizon_days, lapse.gap_days)


def people_in(snapshot: Snapshot, users: object, scoring_key: int | None = None) -> People:
    """Whom is a list made of, without how sure the scores are? For orders, which divide users by what is expected."""
    return _people(snapshot, users, scoring_at(snapshot, scoring_key), None, 0, 0)


def _people(
    snapshot: Snapshot, users: object, scoring: Scoring, error: object, horizon_days: int, gap_days: int
) -> People:
    members = members_of(snapshot, users)
    rows = snapshot.read(query.scored_members(members, scoring.scoring_key))
    n_members = int(snapshot.read(member_count(members))["n"].iloc[0])
    return people_of(
        rows["user_key"], rows["probability"], rows["value"].to_numpy(dtype="float64", na_value=float("nan")),
        n_members=n_members, error=error, horizon_days=horizon_days, gap_days=gap_days, scoring_key=scoring.scoring_key,
        is_current=scoring.is_current,
    )  # fmt: skip


def preview(store: Store, users: object, intervention: Intervention, terms: Terms) -> Preview:
    """What may an intervention bring some users, and what does it cost?"""
    return previewed(people(store, users), intervention, terms, past=past_effects(store))
