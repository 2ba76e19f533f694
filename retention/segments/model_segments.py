"""From a table of features to segments, and from a saved model to the segments of a later day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from retention.errors import SpecError
from retention.features.spec import FeatureSpec
from retention.features.spec_registry import REGISTRY
from retention.features.table import FeatureTable
from retention.segments.model import SegmentModel, drawn
from retention.segments.model_drift import psi
from retention.segments.model_rfm import NAMES, RfmGrid
from retention.segments.model_state import model_of, state_of
from retention.segments.model_sweep import Progress, k_sweep, trust
from retention.segments.plane import SegmentMap
from retention.segments.segmentation import PLAIN, Segmentation, profile, suggested_names
from retention.segments.spec import RFM_FEATURES, SegmentSpec, SweepSpec
from retention.segments.sweep import KSweep, Trust

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MANY_FEATURES = 30
MAP_POINTS = 5_000
BOUNDED = ("share", "from 0 to 1", "from −1 to 1", "hour of day", "weekday", "stars")


def features_asked(spec: SegmentSpec) -> FeatureSpec:
    """Return the features to read: those that make the segments, and those that describe them."""
    names = RFM_FEATURES if spec.method == "rfm" else spec.features.asked
    return replace(spec.features, names=tuple(dict.fromkeys((*names, "active_days", "net"))), presets=())


def features_used(spec: SegmentSpec, table: FeatureTable) -> tuple[str, ...]:
    """List the features that can tell users apart.

    Raises
    ------
    SpecError
        If none is left.
    """
    wanted = RFM_FEATURES if spec.method == "rfm" else tuple(n for n in spec.features.asked if REGISTRY[n].kind == "number")
    missing = [name for name in wanted if name in table.absent]
    if spec.method == "rfm" and missing:
        raise SpecError(
            f"The RFM grid needs orders: {table.absent[missing[0]]}", hint="Choose K-means over features of activity."
        )
    kept = [name for name in wanted if name in table.frame]
    if not kept:
        raise SpecError(
            f"None of the features is known: {table.absent[missing[0]] if missing else 'only categories were chosen.'}",
            hint="Choose other features.",
        )
    return tuple(kept)


def segmented(table: FeatureTable, spec: SegmentSpec) -> Segmentation:
    """Divide the users of a table.

    Parameters
    ----------
    table : FeatureTable
        With the features that `features_asked` names.

    Raises
    ------
    SpecError
        If there are fewer users than segments, or no feature tells them apart.
    """
    names = features_used(spec, table)
    inside = _known_long_enough(table, spec)
    frame = table.frame[inside]
    values, notes = frame[list(names)], _absences(spec, table)
    constant = [n for n in names if _is_constant(values[n])]
    used = tuple(n for n in names if n not in constant)
    keys = frame["user_key"].to_numpy(dtype=np.int64)
    least = 5 if spec.method in ("rfm", "hdbscan") else spec.k
    if len(frame) < least:
        raise SpecError(
            f"There must be at least as many users as segments, not {len(frame):,} users for {least} segments.",
            hint="Choose fewer segments, or take a condition away.",
        )
    if spec.method == "rfm":
        grid = RfmGrid().fit(values.to_numpy())
        labels = grid.segments(values.to_numpy())
        notes.append("The grid cuts at fixed shares of the users: its segments are a convention, not clusters that were found.")
        if n_without := int((labels < 0).sum()):
            notes.append(f"{n_without:,} users have not ordered yet and are in no segment.")
        return _segmentation(spec, table, frame, names, labels, NAMES, grid, inside, notes)
    if not used:
        raise SpecError(
            f"No feature tells users apart: {_titles(constant)} {'is' if len(constant) == 1 else 'are'} the same for all.",
            hint="Choose other features, or a later cut-off.",
        )
    if constant:
        notes.append(f"Left out, because it is the same for all users: {_titles(constant)}.")
    values = values[list(used)]
    fitted = _fit(spec, values, keys)
    notes += _remarks(fitted, values)
    profiles = profile(values, fitted.labels_, plain_names(fitted.n_found_))
    group_names = suggested_names(profiles, fitted.n_found_)
    return _segmentation(spec, table, frame, used, fitted.labels_, group_names, fitted, inside, notes)


def _fit(spec: SegmentSpec, values: pd.DataFrame, keys: Ints) -> SegmentModel:
    # A share has no long tail to draw in, however few users have much of it.
    logs = tuple("none" if REGISTRY[name].unit in BOUNDED else spec.log for name in values.columns)
    model = SegmentModel(
        method=spec.method, n_clusters=spec.k, log=logs, winsorise=spec.winsorise, scale=spec.scale,
        reduction=spec.reduction, n_components=spec.n_components, random_state=spec.seed,
    )  # fmt: skip
    try:
        return model.fit(values.to_numpy(), keys=keys)
    except ValueError as error:
        if "different rows" not in str(error):
            raise
        raise SpecError(
            f"There must be at least {spec.k} users who differ from one another, but they do not.",
            hint="Choose fewer segments, or more features.",
        ) from None


def _segmentation(
    spec: SegmentSpec, table: FeatureTable, frame: pd.DataFrame, names: Sequence[str], labels: Ints,
    group_names: Sequence[str], model: Any, inside: NDArray[np.bool_], notes: Sequence[str],
) -> Segmentation:  # fmt: skip
    return Segmentation(
        spec=spec,
        user_keys=frame["user_key"].to_numpy(dtype=np.int64),
        labels=labels,
        names=tuple(group_names),
        features=tuple(names),
        values=frame[list(names)].reset_index(drop=True),
        weights=frame["net"].to_numpy() if "net" in frame else None,
        model=model,
        n_left_out=int((~inside).sum()),
        cutoff_us=table.cutoff_us,
        data_version=table.data_version,
        notes=(*table.notes, *notes),
    )


def _known_long_enough(table: FeatureTable, spec: SegmentSpec) -> NDArray[np.bool_]:
    if spec.min_active_days <= 1:
        return np.ones(table.n_users, dtype=bool)
    inside = table.frame["active_days"].to_numpy() >= spec.min_active_days
    if not inside.any():
        raise SpecError(
            f"Nobody has {spec.min_active_days} active days yet.", hint="Ask for fewer active days, or a later cut-off."
        )
    return inside


def _is_constant(column: pd.Series) -> bool:
    known = column.to_numpy()
    known = known[~np.isnan(known)]
    return not len(known) or bool(known.min() == known.max())


def _absences(spec: SegmentSpec, table: FeatureTable) -> list[str]:
    wanted = () if spec.method == "rfm" else spec.features.asked
    notes = [f"{REGISTRY[n].title} is left out. {table.absent[n]}" for n in wanted if n in table.absent]
    words = [n for n in wanted if n in table.labels]
    if words:
        notes.append(f"Left out, because a text has no distance: {_titles(words)}.")
    return notes


def _remarks(model: SegmentModel, values: pd.DataFrame) -> list[str]:
    notes = []
    filled = {name: int(n) for name, n in values.isna().sum().items() if n}
    if filled:
        said = ", ".join(f"{REGISTRY[name].title} ({percent(n / len(values))})" for name, n in filled.items())
        notes.append(f"Where it is not known, the median stands in: {said}.")
    if model.method == "hdbscan" and (n_noise := int((model.labels_ < 0).sum())):
        notes.append(f"{n_noise:,} users lie between the segments and are in none.")
    elif model.method != "hdbscan" and model.n_apart_:
        notes.append(
            f"{model.n_apart_:,} users unlike all others were set apart while the segments were made, and joined the nearest."
        )
    if model.method != "hdbscan" and model.n_found_ < model.n_clusters:
        notes.append(f"{model.n_found_} segments and not {model.n_clusters}: another one would have held a handful of users.")
    if model.inertia_loss_ > 0:
        notes.append(
            f"Learned from {model.n_fit_rows_:,} users drawn at random and refined with all of them, "
            f"which made the segments tighter by {model.inertia_loss_:.2%}."
        )
    return notes


def percent(share: float) -> str:
    """Write a share; what is there at all is never 0 %."""
    return "under 1 %" if 0 < share < 0.01 else f"{share * 100:.0f} %"


def _titles(names: Sequence[str]) -> str:
    return ", ".join(REGISTRY[name].title for name in names)


def embedded(segmentation: Segmentation) -> Floats:
    """Give the columns in which the segments were made, in the order of the users."""
    return np.asarray(segmentation.model.embed(segmentation.values.to_numpy()))


def sweep_of(segmentation: Segmentation, spec: SweepSpec, progress: Progress = lambda share, text: None) -> KSweep:
    """Try several numbers of groups on the columns of a segmentation."""
    ks = range(spec.k_from, spec.k_to + 1)
    return k_sweep(
        embedded(segmentation), ks, method=spec.segments.method, n_bootstraps=spec.n_bootstraps,
        seed=spec.segments.seed, progress=progress,
    )  # fmt: skip


def trust_of(segmentation: Segmentation, n_bootstraps: int = 20, progress: Progress = lambda share, text: None) -> Trust:
    """Judge the groups of a segmentation; a grid is not judged, for its groups are a convention."""
    spec = segmentation.spec
    if spec.method == "rfm":
        return Trust((), float("nan"), segmentation.n_users, 0)
    return trust(
        embedded(segmentation), segmentation.labels, method=spec.method, n_bootstraps=n_bootstraps, seed=spec.seed,
        progress=progress,
    )  # fmt: skip


def segment_map(segmentation: Segmentation, n_squares: int = 60) -> SegmentMap:
    """Draw all segments on one plane."""
    rows = embedded(segmentation)
    # One column is drawn along x alone.
    pca = PCA(min(2, rows.shape[1], len(rows)), svd_solver="full").fit(rows[_or_all(drawn(len(rows), 100_000, 0), len(rows))])
    plane = np.zeros((len(rows), 2))
    plane[:, : pca.n_components_] = pca.transform(rows)
    shown = _or_all(drawn(len(rows), MAP_POINTS, segmentation.spec.seed), len(rows))
    points = pd.DataFrame({"x": plane[shown, 0], "y": plane[shown, 1], "segment": segmentation.labels[shown]})
    points["user_key"] = segmentation.user_keys[shown]
    low, high = plane.min(axis=0), plane.max(axis=0)
    width = np.where(high > low, (high - low) / n_squares, 1.0)
    place = np.minimum((plane - low) // width, n_squares - 1)
    middles = low + (place + 0.5) * width
    counted = pd.DataFrame({"x": middles[:, 0], "y": middles[:, 1], "segment": segmentation.labels})
    density = counted.groupby(["x", "y", "segment"], as_index=False).size().rename(columns={"size": "n"})
    shares = [*pca.explained_variance_ratio_.tolist(), 0.0]
    return SegmentMap(points, density, (float(shares[0]), float(shares[1])), (float(width[0]), float(width[1])))


def _or_all(rows: Ints | None, n: int) -> Ints:
    return np.arange(n) if rows is None else rows


@dataclass(frozen=True, slots=True)
class SavedModel:
    """A segmentation as it is kept: what scores users at another date.

    Attributes
    ----------
    spec : SegmentSpec
    features : tuple of str
    names : tuple of str
    state : dict
        See `model_state`.
    """

    spec: SegmentSpec
    features: tuple[str, ...]
    names: tuple[str, ...]
    state: dict[str, Any]


def saved(segmentation: Segmentation, names: Sequence[str] | None = None) -> SavedModel:
    """Write a segmentation down."""
    chosen = segmentation.names if names is None else tuple(names)
    return SavedModel(segmentation.spec, segmentation.features, chosen, state_of(segmentation.model))


def scored(table: FeatureTable, kept: SavedModel) -> Segmentation:
    """Assign the users of a table by a saved model.

    Raises
    ------
    SpecError
        If the store no longer knows one of its features.
    """
    gone = [name for name in kept.features if name not in table.frame]
    if gone:
        reason = table.absent.get(gone[0], "The program does not know it any more.")
        title = REGISTRY[gone[0]].title if gone[0] in REGISTRY else gone[0]
        raise SpecError(
            f'The segmentation needs "{title}", which is not known at this date: {reason}',
            hint="Choose another date, or make a new segmentation without it.",
        )
    inside = _known_long_enough(table, kept.spec)
    frame = table.frame[inside]
    model = model_of(kept.state)
    values = frame[list(kept.features)].to_numpy()
    labels = model.segments(values) if isinstance(model, RfmGrid) else model.predict(values)
    return _segmentation(kept.spec, table, frame, kept.features, labels, kept.names, model, inside, ())


def drift_of(before: Segmentation, after: Segmentation) -> pd.DataFrame:
    """Say how far each feature of a segmentation has moved.

    Returns
    -------
    DataFrame
        feature, title, psi, by_chance, p, is_moved, words; the most moved first.
    """
    rows = []
    for name in before.features:
        found = psi(before.values[name].to_numpy(), after.values[name].to_numpy())
        rows.append((name, REGISTRY[name].title, found.psi, found.by_chance, found.p, found.is_moved, found.words))
    frame = pd.DataFrame(rows, columns=["feature", "title", "psi", "by_chance", "p", "is_moved", "words"])
    return frame.sort_values("psi", ascending=False, ignore_index=True)


def plain_names(n: int) -> tuple[str, ...]:
    """Number groups that nobody has named."""
    return tuple(f"{PLAIN} {i + 1}" for i in range(n))
