"""Tags: rules over features that an analyst writes."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

from retention.errors import SpecError, nearest
from retention.features.spec_registry import REGISTRY

OPERATORS = (">=", "<=", ">", "<", "=", "!=")
PREFIX = "tag:"
HELD = "yes"
"""The one value of a tag's attribute: who does not have the tag has none."""
MAX_NAME = 40
MAX_CONDITIONS = 8
_FILTER_SIGNS = "=<>!"
_SIGNS = {"≥": ">=", "≤": "<=", "≠": "!=", "==": "="}


@dataclass(frozen=True, slots=True)
class FeatureCondition:
    """A condition on one feature.

    Attributes
    ----------
    feature : str
    operator : {">=", "<=", ">", "<", "=", "!="}
    value : float or str
        A text for a feature that is a category, which knows only = and !=.
    """

    feature: str
    operator: str
    value: float | str

    def __post_init__(self) -> None:
        if self.feature not in REGISTRY:
            raise SpecError(f'There is no feature "{self.feature}".', hint=nearest(self.feature, REGISTRY))
        if self.operator not in OPERATORS:
            raise SpecError(f"A condition compares with one of {', '.join(OPERATORS)}, not {self.operator!r}.")
        is_text = REGISTRY[self.feature].kind == "category"
        if is_text and self.operator not in ("=", "!="):
            raise SpecError(f"{REGISTRY[self.feature].title} is a text: compare it with = or !=.")
        if not is_text and not isinstance(self.value, (int, float)):
            raise SpecError(f"{REGISTRY[self.feature].title} must be compared with a number, not {self.value!r}.")
        if not is_text and not math.isfinite(float(self.value)):
            raise SpecError(f"{REGISTRY[self.feature].title} must be compared with a finite number.")

    @classmethod
    def parse(cls, text: str) -> FeatureCondition:
        """Read a condition as a person types it.

        Examples
        --------
        >>> FeatureCondition.parse("share_night ≥ 0.4")
        FeatureCondition(feature='share_night', operator='>=', value=0.4)
        >>> FeatureCondition.parse("share_night > 40 %").value
        0.4
        >>> FeatureCondition.parse("channel_last = ads").value
        'ads'
        """
        match = re.fullmatch(r"\s*(\w+)\s*(>=|<=|!=|==|≥|≤|≠|=|>|<)\s*(.+?)\s*", text, flags=re.DOTALL)
        if not match:
            raise SpecError(f"A condition must look like share_night ≥ 0.4, not {text!r}.")
        name, sign, said = match[1], _SIGNS.get(match[2], match[2]), match[3]
        if name in REGISTRY and REGISTRY[name].kind == "category":
            return cls(name, sign, said)
        number, percent = re.fullmatch(r"(.*?)\s*(%?)", said).groups()  # type: ignore[union-attr]
        try:
            value = float(number.replace(",", ""))
        except ValueError:
            return cls(name, sign, said)
        return cls(name, sign, value / 100 if percent else value)

    def __str__(self) -> str:
        return f"{self.feature} {self.operator} {self.value}"


@dataclass(frozen=True, slots=True)
class TagSpec:
    """A word for users who satisfy some conditions.

    Attributes
    ----------
    name : str
        From 1 to 40 characters.
    conditions : tuple of FeatureCondition
        All must hold; what is not known satisfies none of them.
    """

    name: str
    conditions: tuple[FeatureCondition, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.name.strip()) <= MAX_NAME:
            raise SpecError(f"A tag must have a name of 1 to {MAX_NAME} characters.", hint="For example: night shopper.")
        if found := sorted(set(self.name) & set(_FILTER_SIGNS)):
            raise SpecError(f"The name of a tag must not hold {' or '.join(found)}: filters use these signs.")
        if not self.conditions:
            raise SpecError(f'The tag "{self.name}" must have at least one condition.', hint="For example share_night ≥ 0.4.")
        if len(self.conditions) > MAX_CONDITIONS:
            raise SpecError(f"A tag must have at most {MAX_CONDITIONS} conditions, not {len(self.conditions)}.")

    @classmethod
    def parse(cls, text: str) -> TagSpec:
        """Read a tag as a person types it.

        Examples
        --------
        >>> tag = TagSpec.parse("night shopper: share_night >= 0.4 and orders >= 2")
        >>> tag.name, [str(c) for c in tag.conditions]
        ('night shopper', ['share_night >= 0.4', 'orders >= 2.0'])
        """
        name, colon, rule = text.partition(":")
        if not colon:
            raise SpecError(f"A tag must look like night shopper: share_night ≥ 0.4, not {text!r}.")
        parts = re.split(r"\s+and\s+|\s*,\s+", rule.strip(), flags=re.IGNORECASE)
        return cls(name.strip(), tuple(FeatureCondition.parse(part) for part in parts if part))

    @property
    def label(self) -> str:
        """The attribute that the tag is to filters and breakdowns, and on every page."""
        return f"{PREFIX}{' '.join(self.name.split())}"

    @property
    def features(self) -> tuple[str, ...]:
        """The features that must be read."""
        return tuple(dict.fromkeys(c.feature for c in self.conditions))


@dataclass(frozen=True, slots=True)
class TagUsersSpec:
    """The users who have a tag, or another value of a label.

    Attributes
    ----------
    label : str
        "tag:night shopper".
    value : str
        "yes" for a tag.
    cutoff_us : int, optional
        The moment as of which the users were labelled, by default the latest there is.
    """

    label: str
    value: str = HELD
    cutoff_us: int | None = None


def rule_text(spec: TagSpec) -> str:
    """Write a rule down as JSON.

    Examples
    --------
    >>> rule_text(TagSpec.parse("night shopper: share_night >= 0.4"))
    '[["share_night", ">=", 0.4]]'
    """
    return json.dumps([[c.feature, c.operator, c.value] for c in spec.conditions], ensure_ascii=False)


def rule_of(name: str, text: str) -> TagSpec:
    """Read a rule that `rule_text` wrote.

    Raises
    ------
    SpecError
        If it rests on a feature that the program does not know any more.
    """
    told = json.loads(text)
    lost = [feature for feature, _, _ in told if feature not in REGISTRY]
    if lost:
        raise SpecError(
            f'The tag "{name}" rests on {" and ".join(lost)}, which is no feature any more.',
            hint="Who has it stays as it was counted last. Write it anew over features that there are, or delete it.",
        )
    return TagSpec(name, tuple(FeatureCondition(*condition) for condition in told))


def rule_words(text: str) -> str:
    """Say a rule that `rule_text` wrote, also one over features that are not known any more.

    Examples
    --------
    >>> rule_words('[["share_night", ">=", 0.4], ["orders", ">", 1.0], ["shoe_size", "=", 44.0]]')
    'Share at night ≥ 40 % and Orders > 1 and shoe_size = 44'
    """
    return " and ".join(condition_words(*condition) for condition in json.loads(text))


def condition_words(feature: str, sign: str, value: float | str) -> str:
    """Say a condition with the title of its feature.

    Examples
    --------
    >>> condition_words("channel_last", "!=", "ads"), condition_words("gross", ">=", 1500000)
    ('Last channel ≠ ads', 'Revenue ≥ 1,500,000')
    """
    known = REGISTRY.get(feature)
    shown = {">=": "≥", "<=": "≤", "!=": "≠"}.get(sign, sign)
    if isinstance(value, str):
        said = value
    elif known is not None and known.unit == "share":
        said = f"{value * 100:,.10g} %"
    else:
        said = f"{value:,.12g}"
    return f"{feature if known is None else known.title} {shown} {said}"
