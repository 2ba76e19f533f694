"""What can be asked of segments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from retention.errors import SpecError
from retention.features.spec import FeatureSpec

Method = Literal["kmeans", "mixture", "hdbscan", "rfm"]
Log = Literal["auto", "all", "none"]
Scale = Literal["standard", "robust", "quantile", "none"]
Reduction = Literal["none", "pca", "autoencoder"]

METHODS: tuple[Method, ...] = ("kmeans", "mixture", "hdbscan", "rfm")
LOGS: tuple[Log, ...] = ("auto", "all", "none")
SCALES: tuple[Scale, ...] = ("standard", "robust", "quantile", "none")
REDUCTIONS: tuple[Reduction, ...] = ("none", "pca", "autoencoder")
MAX_K = 20
MAX_WINSORISE = 0.25
RFM_FEATURES = ("days_since_last_order", "orders", "net")


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentSpec:
    """How to divide users into groups that are alike.

    Parameters
    ----------
    features : FeatureSpec
        What makes users alike, of whom, and as of when. The RFM grid always takes its own three.
    min_active_days : int
        Users with fewer active days are left out: their habits cannot be known yet.
    method : {"kmeans", "mixture", "hdbscan", "rfm"}
    k : int
        Number of groups, from 2 to 20; HDBSCAN and the RFM grid find their own.
    log : {"auto", "all", "none"}
        Which features are taken as logarithms; "auto" takes those that are never negative and have a long tail.
    winsorise : float
        Share at each end that is pulled in to the last value that stays, from 0 to 0.25.
    scale : {"standard", "robust", "quantile", "none"}
    reduction : {"none", "pca", "autoencoder"}
    n_components : int
        Columns that a reduction leaves, from 1 to 20.
    seed : int

    Raises
    ------
    SpecError
        If a value is out of its range.
    """

    features: FeatureSpec = field(default_factory=lambda: FeatureSpec(presets=("habits",)))
    min_active_days: int = 1
    method: Method = "kmeans"
    k: int = 4
    log: Log = "auto"
    winsorise: float = 0.01
    scale: Scale = "standard"
    reduction: Reduction = "none"
    n_components: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        for name, allowed in (("method", METHODS), ("log", LOGS), ("scale", SCALES), ("reduction", REDUCTIONS)):
            if getattr(self, name) not in allowed:
                raise SpecError(f"`{name}` must be one of {', '.join(allowed)}, not {getattr(self, name)!r}.")
        if not 2 <= self.k <= MAX_K:
            raise SpecError(f"`k` must be from 2 to {MAX_K} segments, not {self.k}.")
        if not 0 <= self.winsorise < MAX_WINSORISE:
            raise SpecError(f"`winsorise` must be from 0 to below {MAX_WINSORISE}, not {self.winsorise}.")
        if not 1 <= self.n_components <= MAX_K:
            raise SpecError(f"`n_components` must be from 1 to {MAX_K}, not {self.n_components}.")
        if not 1 <= self.min_active_days <= 1000:
            raise SpecError(f"`min_active_days` must be from 1 to 1000, not {self.min_active_days}.")
        if not 0 <= self.seed < 2**32:
            raise SpecError(f"`seed` must be a whole number from 0 to {2**32 - 1}, not {self.seed}.")


RECOMMENDED = SegmentSpec(features=FeatureSpec(presets=("habits",)), min_active_days=40, k=4)
"""What recovers the segments that were planted in the sample shop; shares of fewer days are mostly chance."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepSpec:
    """Which numbers of groups to try.

    Parameters
    ----------
    segments : SegmentSpec
        Everything but `k`; the groups are tried with K-means, or with a mixture where that is the method.
    k_from, k_to : int
        The first and the last number, both tried.
    n_bootstraps : int
        How often the users are drawn anew, from 5 to 200.
    """

    segments: SegmentSpec
    k_from: int = 2
    k_to: int = 12
    n_bootstraps: int = 20

    def __post_init__(self) -> None:
        if not 2 <= self.k_from <= self.k_to <= MAX_K:
            raise SpecError(f"The numbers of segments must rise from 2 to at most {MAX_K}, not {self.k_from} to {self.k_to}.")
        if not 5 <= self.n_bootstraps <= 200:
            raise SpecError(f"`n_bootstraps` must be from 5 to 200, not {self.n_bootstraps}.")
        if self.segments.method in ("hdbscan", "rfm"):
            raise SpecError(
                "HDBSCAN and the RFM grid find their own number of segments.", hint="Choose K-means or the mixture."
            )
