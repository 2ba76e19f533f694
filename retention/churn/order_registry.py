"""Train a model and keep it as a version; put an older one back in service; forget one. Each leaves a trace."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from retention.churn.answer_registry import (
    MANIFEST,
    MODEL,
    ModelCard,
    card_at,
    digest,
    folder,
    version_folder,
    versions,
)
from retention.churn.answer_scores import scorings_in
from retention.churn.answer_training import Trained, churn_training
from retention.churn.order_scores import forget_scorings
from retention.churn.spec import ChurnSpec
from retention.errors import SpecError
from retention.store import Store, Transaction
from retention.store.audit import record
from retention.store.store import sync

Progress = Callable[[float, str], object]


def train(store: Store, spec: ChurnSpec, *, progress: Progress = lambda share, text: None) -> ModelCard:
    """Teach a model, judge it and keep it as the next version, which serves from then on.

    Raises
    ------
    SpecError
        See `answer_training.churn_training`.

    Notes
    -----
    All is worked out before anything is locked. The files are written under another name, flushed and renamed; the row of
    the store that makes the version exist is the last step. Whatever ends the program before leaves the old version serving.
    """
    return keep(store, churn_training(store, spec, progress))


def keep(store: Store, trained: Trained) -> ModelCard:
    """Keep what was trained as the next version, and put it in service."""

    def write(tx: Transaction) -> ModelCard:
        ((last,),) = tx.rows("select coalesce(max(m.version), 0) from churn_models as m")
        card = replace(trained.card, version=max(int(last), _last_on_disk(store)) + 1)
        manifest = card.to_json().encode()
        _put_files(version_folder(store, card.version), {MODEL: trained.data, MANIFEST: manifest})
        tx.run("update churn_models set is_serving = false where is_serving")
        tx.run(
            "insert into churn_models values ($version, $sha256, true, $made_us)",
            {"version": card.version, "sha256": digest(manifest), "made_us": card.made_us},
        )
        # Somebody may have been erased since the users were read.
        tx.cursor.register("new_rows", trained.held_back.frame())
        tx.run(
            "insert into held_back_scores select $version, n.user_key::integer, n.lapsed, n.probability, n.recency, n.frequency,"
            " n.bgnbd from new_rows as n where n.user_key in (select u.user_key from users as u)",
            {"version": card.version},
        )
        tx.cursor.unregister("new_rows")
        told = {"version": card.version, "model": card.name, "seconds": round(card.seconds, 1), "verdict": card.word}
        record(tx, "train churn model", told, n_rows=card.n_rows, sha256=card.sha256)
        return card

    return store.write(write)


def put_in_service(store: Store, version: int) -> ModelCard:
    """Let another version score from now on: roll back.

    Raises
    ------
    SpecError, StoreError
        If there is no such version, or its files are not whole.
    """
    card = card_at(store, version)

    def write(tx: Transaction) -> None:
        tx.run("update churn_models set is_serving = (version = $version)", {"version": version})
        record(tx, "put churn model in service", {"version": version})

    store.write(write)
    return card


def delete_model(store: Store, version: int) -> None:
    """Forget a version with all that it said, its files being whole or not; the newest of the others serves if it did.

    Raises
    ------
    SpecError
        If there is no such version.
    """
    if version not in versions(store):
        raise SpecError(f"There is no version {version} of the churn model.", hint="Choose one that is listed.")

    def write(tx: Transaction) -> None:
        which = {"version": version}
        keys = [found.scoring_key for found in scorings_in(tx) if found.version == version]
        forget_scorings(tx, keys)
        for table in ("held_back_scores", "churn_models"):
            tx.run(f"delete from {table} where version = $version", which)
        tx.run(
            "update churn_models set is_serving = true where version = (select max(m.version) from churn_models as m)"
            " and not exists (select 1 from churn_models as m where m.is_serving)"
        )
        record(tx, "delete churn model", which)

    store.write(write)
    shutil.rmtree(version_folder(store, version), ignore_errors=True)


def _last_on_disk(store: Store) -> int:
    """Return the highest number that any files bear: a version is never given the number of another, lost one."""
    place = folder(store)
    found = [int(path.name[1:]) for path in place.glob("v*") if path.name[1:].isdigit()] if place.is_dir() else []
    return max(found, default=0)


def _put_files(target: Path, files: dict[str, bytes]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    for left in target.parent.glob(".new-*"):  # of a training that was killed; orders run one after another
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=target.parent) as made:
        fresh = Path(made) / target.name
        fresh.mkdir()
        for name, data in files.items():
            (fresh / name).write_bytes(data)
            sync(fresh / name)
        sync(fresh)
        os.replace(fresh, target)
    sync(target.parent)
