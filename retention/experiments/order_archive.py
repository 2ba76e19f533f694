"""Keep what was learned from an experiment, so that the next plan and the next preview start from it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from retention.errors import SpecError
from retention.experiments.answer import Learned, experiment, lessons_of, plain_row
from retention.experiments.answer_exposed import interventions_of
from retention.experiments.spec_store import ExperimentSpec
from retention.store import Store, Transaction
from retention.store.audit import record

USUAL_ALPHA = 0.05
COLUMNS = tuple(Learned.__slots__)


def learn(
    store: Store, spec: ExperimentSpec, learned: str, interventions: Mapping[str, str] | None = None
) -> tuple[Learned, ...]:
    """Keep what a campaign was found to do, with what was learned in one's own words; kept again, it replaces the old.

    Parameters
    ----------
    learned : str
        From 1 to 500 characters.
    interventions : mapping of arm to name, optional
        What each arm got, as the catalogue calls it; by default as the campaign was assigned.

    Raises
    ------
    SpecError
        If it cannot be read yet, or must not be.
    """
    # Whoever uses the effect afterwards takes its range for one of 95 %, whatever was looked at.
    found = experiment(store, replace(spec, read=replace(spec.read, alpha=USUAL_ALPHA)))
    named = dict(interventions_of(store, found.seen)) | dict(interventions or {})
    rows = lessons_of(found, learned, named, time.time_ns() // 1000)

    def keep(tx: Transaction) -> None:
        tx.run(
            "delete from measured_effects where campaign_id = $campaign and window_days = $window",
            {"campaign": rows[0].campaign_id, "window": rows[0].window_days},
        )
        for row in rows:
            tx.run(
                f"insert into measured_effects ({', '.join(COLUMNS)}) values ({', '.join('$' + c for c in COLUMNS)})",
                plain_row(row),
            )
        record(tx, "keep experiment", {"campaign": found.seen.name, "learned": learned.strip()}, n_rows=len(rows))

    store.write(keep)
    return rows


def forget(store: Store, campaign_id: int, window_days: int) -> None:
    """Take an experiment out of the archive."""

    def delete(tx: Transaction) -> None:
        n = tx.count(
            "delete from measured_effects where campaign_id = $campaign and window_days = $window",
            {"campaign": campaign_id, "window": window_days},
        )
        if not n:
            raise SpecError("This experiment is not in the archive any more.")
        record(tx, "forget experiment", {"campaign_id": campaign_id, "window_days": window_days}, n_rows=n)

    store.write(delete)
