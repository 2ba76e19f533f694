"""What is written beside a model: what it was taught, how good it is, and where its limits are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

from retention.churn.spec import ChurnSpec, LapseSpec
from retention.cohorts.spec import Condition
from retention.errors import SpecError, StoreError
from retention.features.spec import FeatureSpec

FORMAT = 1


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A version of a model as it was made.

    Attributes
    ----------
    version : int
    name : str
        One of `spec.MODELS`.
    spec : ChurnSpec
        What was asked; its model may be "best of".
    features : tuple of str
        What the model reads, in its order.
    train_days : tuple of int
    calibrate_day : int or None
    held_back_day : int
        The latest cut-off that it was judged on, by a model of the same kind taught before.
    cutoff_day : int
        The day that it was made to score.
    n_rows : int
        Users it was taught with, each once a cut-off.
    base_rate : float
        Share of them that lapsed.
    slope, intercept : float
        The calibration: log-odds = intercept + slope × what the estimator says.
    data_version, as_of_us : int
        The data that it was made on.
    made_us : int
    seconds : float
        How long training, judging and all took.
    sha256 : str
        Of the estimator's file.
    libraries : mapping of name to version
    probe : mapping
        "values" (users made up) and "log_odds" (what the model says of them).
    report : mapping
        "table", "trials", "word", "sentence", "skipped", "season", "importance", "tuned", "drift", "expected_rate".
    """

    version: int
    name: str
    spec: ChurnSpec
    features: tuple[str, ...]
    train_days: tuple[int, ...]
    calibrate_day: int | None
    held_back_day: int
    cutoff_day: int
    n_rows: int
    base_rate: float
    slope: float
    intercept: float
    data_version: int
    as_of_us: int
    made_us: int
    seconds: float
    sha256: str
    libraries: Mapping[str, str]
    probe: Mapping[str, Any]
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def word(self) -> str:
        """The verdict in a word: "reliable", "no better" or "too few"."""
        return str(self.report.get("word", ""))

    @property
    def sentence(self) -> str:
        """The verdict in a sentence."""
        return str(self.report.get("sentence", ""))

    @property
    def own_spec(self) -> ChurnSpec:
        """The spec with the model that was chosen, so that only what this model reads is read."""
        return replace(self.spec, model=self.name)

    def to_json(self) -> str:
        """Write the card down; what is not known is null."""
        told = {name: getattr(self, name) for name in self.__slots__ if name not in ("spec", "features", "train_days")}
        told |= {
            "format": FORMAT, "spec": spec_told(self.spec), "features": list(self.features), "train_days": list(self.train_days)
        }  # fmt: skip
        return json.dumps(_without_nan(told), ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False)


def card_of(text: str) -> ModelCard:
    """Read what `ModelCard.to_json` wrote.

    Raises
    ------
    StoreError
        If another version of the program wrote it.
    """
    told: dict[str, Any] = json.loads(text)
    try:
        if told.pop("format") != FORMAT:
            raise KeyError
        return ModelCard(
            **{
                **told,
                "spec": spec_of(told["spec"]),
                "features": tuple(told["features"]),
                "train_days": tuple(told["train_days"]),
            }
        )
    except (SpecError, TypeError, KeyError):
        raise StoreError(
            "The model was saved by another version of Holdfast.", hint="Update the program, or train the model again."
        ) from None


def spec_told(spec: ChurnSpec) -> dict[str, Any]:
    """Say a spec in plain values.

    Examples
    --------
    >>> spec = ChurnSpec(model="forest", cutoff=date(2026, 3, 1), lapse=LapseSpec(events=("purchase",)))
    >>> spec_of(json.loads(json.dumps(spec_told(spec)))) == spec
    True
    """
    told = asdict(spec)
    told["cutoff"] = None if spec.cutoff is None else spec.cutoff.isoformat()
    told["features"] = {"names": list(spec.features.names), "presets": list(spec.features.presets)}
    return told


def spec_of(told: Mapping[str, Any]) -> ChurnSpec:
    """Read what `spec_told` said."""
    lapse = told["lapse"]
    where = tuple(Condition(name=c["name"], operator=c["operator"], values=tuple(c["values"])) for c in lapse["where"])
    features = told["features"]
    return ChurnSpec(
        **{
            **told,
            "lapse": LapseSpec(**{**lapse, "events": tuple(lapse["events"]), "where": where}),
            "features": FeatureSpec(names=tuple(features["names"]), presets=tuple(features["presets"])),
            "cutoff": None if told["cutoff"] is None else date.fromisoformat(told["cutoff"]),
        }
    )


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _without_nan(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(part) for part in value]
    if isinstance(value, float):
        return value if value - value == 0 else None
    return value
