"""A model as bytes and back: no pickle, only types that are listed, and predictions that are the same again."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import skops.io
from numpy.typing import NDArray

from retention.churn.model_backtest import Fitted
from retention.errors import StoreError

Floats = NDArray[np.float64]
TRUSTED = (
    "retention.churn.model_sequence.SequenceClassifier",
    "retention.churn.model_zoo.CoxReturn",
    "retention.churn.model_zoo.ExpectedPurchases",
    "retention.churn.model_zoo.RankRule",
    "retention.churn.model_zoo._Curve",
    "retention.segments.model_scale.FeatureScaler",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)
"""What a model's file may hold beyond numbers, texts and what skops trusts by itself."""
LIBRARIES = ("numpy", "scikit-learn", "skops")
N_PROBE = 64
SAME = 1e-6
OLD = "Train the model again, or put another version in service."


def model_bytes(fitted: Fitted) -> bytes:
    """Write the estimator down."""
    return bytes(skops.io.dumps(fitted.model))


def model_of(data: bytes) -> Any:
    """Read an estimator.

    Raises
    ------
    StoreError
        If the file holds anything that is not listed.
    """
    foreign = sorted(set(skops.io.get_untrusted_types(data=data)) - set(TRUSTED))
    if foreign:
        raise StoreError(f"The model's file holds what a model does not need: {', '.join(foreign)}.", hint=OLD)
    return skops.io.loads(data, trusted=list(TRUSTED))


def digest(data: bytes) -> str:
    """Return the sha256 of a file."""
    return hashlib.sha256(data).hexdigest()


def libraries() -> dict[str, str]:
    """Name the versions that a model depends on."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def probe_of(quantiles: Mapping[str, Sequence[float]], features: Sequence[str], seed: int = 0) -> Floats:
    """Make users up that a model can be tried on: each feature drawn from its own distribution, so they are nobody's.

    Parameters
    ----------
    quantiles : mapping of feature to values
        Of those it was taught with.

    Returns
    -------
    ndarray, shape (64, n_features)
    """
    random = np.random.default_rng(seed)
    columns = [random.choice(np.asarray(quantiles[name] or [0.0], dtype=np.float64), N_PROBE) for name in features]
    return np.column_stack(columns) if columns else np.zeros((N_PROBE, 0))


def probe_array(values: Sequence[Sequence[float | None]]) -> Floats:
    """Read a probe from a manifest, where what is not known is null."""
    return np.array([[np.nan if v is None else v for v in row] for row in values], dtype=np.float64)


def require_same(fitted: Fitted, probe: Floats, expected: Sequence[float], made_with: Mapping[str, str]) -> None:
    """Refuse a model that does not say any more what it said when it was made.

    Raises
    ------
    StoreError
        If a prediction differs by more than 1e-6; the libraries that have changed since are named.
    """
    said = fitted.of_nobody(probe)
    if np.abs(said - np.asarray(expected, dtype=np.float64)).max(initial=0.0) > SAME:
        now = libraries()
        changed = [f"{name} {before} → {now.get(name, 'none')}" for name, before in made_with.items() if now.get(name) != before]
        raise StoreError(
            "The model gives other scores than when it was made"
            + (f": {', '.join(changed)}." if changed else ", though no library has changed."),
            hint=OLD,
        )
