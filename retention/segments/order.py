"""Save a segmentation as a version, score it at other dates, rename its segments, forget it; each leaves a trace."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any, TypeVar

from retention.errors import SpecError, StoreError
from retention.periods import iso
from retention.segments.answer_saved import (
    Draft,
    Labelling,
    SavedSegmentation,
    drafted,
    label_of,
    next_version,
    renamed_texts,
    rescored,
    saved_segmentation,
)
from retention.segments.spec import SegmentSpec
from retention.segments.spec_saved import clean_name, label_name, spec_text
from retention.store import Store, Transaction
from retention.store.audit import record
from retention.store.labels import add_label, drop_label, put_labelling, rename_values

T = TypeVar("T")
Progress = Callable[[float, str], object]
ATTEMPTS = 3


class _Outdated(Exception):
    """The data changed while the draft was made."""


def save_segmentation(
    store: Store,
    spec: SegmentSpec,
    name: str,
    names: Sequence[str] | None = None,
    quality: Mapping[str, Any] | None = None,
    *,
    data_version: int | None = None,
    progress: Progress = lambda share, text: None,
) -> SavedSegmentation:
    """Make a segmentation once more and keep it, as the next version of a name: from then on it is a label of users.

    Parameters
    ----------
    names : sequence of str, optional
        What the segments are called, the largest first; an empty one keeps the suggestion.
    quality : mapping, optional
        What has been found out about it: "verdict", "verdicts", "stability"; judged anew where there is no verdict.
    data_version : int, optional
        The version of the data that the names were written for; they are not put on segments of another one.

    Raises
    ------
    SpecError
        If the segmentation cannot be made, or a name does not fit.

    Notes
    -----
    It is worked out before anything is locked, and written only if the data are still the same.
    """
    cleaned = clean_name(name)

    def draft() -> Draft:
        made = drafted(store, spec, names, quality, progress)
        if names is not None and data_version is not None and made.data_version != data_version:
            raise SpecError(
                "The data have changed since the segments were named.", hint="Look at the segments again, then save them."
            )
        return made

    def save(made: Draft, tx: Transaction) -> int:
        version = next_version(tx, cleaned)
        key = add_label(tx, label_name(cleaned, version), made.names)
        n_rows = _put(tx, key, made)
        tx.run(
            "insert into segmentations values ($key, $name, $version, $spec, $features, $state, $quality, $cutoff_us,"
            " $data_version, $n_users, $saved_us)",
            {
                "key": key,
                "name": cleaned,
                "version": version,
                "spec": spec_text(spec),
                "features": json.dumps(made.features),
                "state": made.state,
                "quality": made.quality,
                "cutoff_us": made.cutoff_us,
                "data_version": made.data_version,
                "n_users": made.n_users,
                "saved_us": time.time_ns() // 1000,
            },
        )
        told = {"segmentation": label_name(cleaned, version), "as_of": iso(made.cutoff_us), "segments": list(made.names)}
        record(tx, "save segmentation", told, n_rows=n_rows)
        return key

    saved = saved_segmentation(store, _of_one_version(store, draft, save))
    progress(1.0, "Saved")
    return saved


def score_segmentation(store: Store, property_key: int, cutoff: date | datetime | None = None) -> Labelling:
    """Put the users into the segments of a saved model as of another moment, and say how far its features have moved.

    Parameters
    ----------
    cutoff : date or datetime, optional
        Only what happened before it is looked at; by default all that is complete.

    Raises
    ------
    SpecError
        If the segmentation is gone, or the store does not know one of its features as of the moment.
    """

    def score(made: Draft, tx: Transaction) -> int:
        n_rows = _put(tx, property_key, made)
        record(tx, "score segmentation", {"property_key": property_key, "as_of": iso(made.cutoff_us)}, n_rows=n_rows)
        return made.cutoff_us

    cutoff_us = _of_one_version(store, lambda: rescored(store, property_key, cutoff), score)
    found = saved_segmentation(store, property_key).labelling(cutoff_us)
    assert found is not None  # it has just been written
    return found


def rename_segments(store: Store, property_key: int, names: Sequence[str]) -> None:
    """Call the segments of a saved segmentation otherwise, in their order; an empty name keeps the old one.

    Raises
    ------
    SpecError
        If the names do not fit, or the segmentation is gone.
    """

    def rename(tx: Transaction) -> None:
        before, after = renamed_texts(tx, property_key, names)
        rename_values(tx, property_key, after)
        record(tx, "rename segments", {"property_key": property_key, "from": list(before), "to": list(after)})

    store.write(rename)


def delete_segmentation(store: Store, property_key: int) -> None:
    """Forget a saved segmentation with its labels; lists that were saved as audiences stay.

    Raises
    ------
    SpecError
        If it is not there.
    """

    def delete(tx: Transaction) -> None:
        label = label_of(tx, property_key)
        drop_label(tx, property_key)
        record(tx, "delete segmentation", {"segmentation": label})

    store.write(delete)


def _put(tx: Transaction, key: int, made: Draft) -> int:
    return put_labelling(tx, key, made.cutoff_us, made.labels, n_users=made.n_users, about=made.about)


def _of_one_version(store: Store, draft: Callable[[], Draft], write: Callable[[Draft, Transaction], T]) -> T:
    """Write what was worked out before, unless the data have changed since; then work it out again."""

    def checked(made: Draft, tx: Transaction) -> T:
        if tx.catalogue.data_version != made.data_version:
            raise _Outdated
        return write(made, tx)

    for _ in range(ATTEMPTS):
        made = draft()
        try:
            return store.write(partial(checked, made))
        except _Outdated:
            continue
    raise StoreError("The data change faster than the segments can be made.", hint="Wait for the import, then try again.")
