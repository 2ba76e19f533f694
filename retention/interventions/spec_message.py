"""What can be asked of messages: a template with fields, whom it is for, and what is filled in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from retention.errors import SpecError, nearest

Language = Literal["English", "Chinese"]
LANGUAGES: tuple[Language, ...] = ("English", "Chinese")
FIELDS: dict[str, str] = {
    "favourite_item": "the item that the user bought most, else looked at most",
    "favourite_category": "the category of which the user bought most, else looked at most",
    "segment_item": "what is bought most in the user's segment, and the user has not bought yet",
    "offer": "the offer of the intervention, as you wrote it",
    "days_since_last": "days since the user's last activity",
}
"""What a template may name, and what is filled in."""
MAX_TEMPLATE = 2000
MAX_SHOWN = 20
_FIELD = re.compile(r"\{([^{}]*)\}")


def fields_in(template: str) -> tuple[str, ...]:
    """List the fields that a template names, each once.

    Raises
    ------
    SpecError
        If it names one that there is not, or a brace stands alone.

    Examples
    --------
    >>> fields_in("{offer} on {favourite_item}: {offer}")
    ('offer', 'favourite_item')
    """
    names = tuple(dict.fromkeys(name.strip() for name in _FIELD.findall(template)))
    if re.search(r"[{}]", _FIELD.sub("", template)):
        raise SpecError(
            "Each { of a template must have its }, with the name of a field between them.",
            hint="For example: {favourite_item}.",
        )
    for name in names:
        if name not in FIELDS:
            known = ", ".join(f"{{{field}}}" for field in FIELDS)
            raise SpecError(f"A template cannot fill in {{{name}}}.", hint=f"{nearest(name, FIELDS)} Known: {known}.".strip())
    return names


def filled(template: str, values: dict[str, str]) -> str:
    """Fill a template in; what is filled in is text and nothing else, so a brace in it stays a brace.

    Examples
    --------
    >>> filled("{offer} on {favourite_item}", {"offer": "10 off", "favourite_item": "Tea {offer}"})
    '10 off on Tea {offer}'
    """
    return _FIELD.sub(lambda match: values[match[1].strip()], template)


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageSpec:
    """A message to users, with what is known of each filled in.

    Parameters
    ----------
    users : object
        A frozen definition of users, as audiences have them.
    template : str
        From 1 to 2,000 characters, with fields such as {favourite_item}: see `FIELDS`.
    fallback : str
        What is written to a user of whom a field of the template is not known; without one, nothing is.
    offer : str
        What {offer} stands for.
    segmentation : str, optional
        The label whose segments {segment_item} looks at: "segment:Shoppers v1"; by default all users are one.
    n_shown : int
        Of how many users the message is shown, from 1 to 20.

    Raises
    ------
    SpecError
        If a template is empty or too long, or names a field that there is not.
    """

    users: Any
    template: str
    fallback: str = ""
    offer: str = ""
    segmentation: str | None = None
    n_shown: int = MAX_SHOWN

    def __post_init__(self) -> None:
        if not 1 <= len(self.template.strip()) <= MAX_TEMPLATE:
            raise SpecError(f"A template must have from 1 to {MAX_TEMPLATE:,} characters, not {len(self.template.strip()):,}.")
        if len(self.fallback) > MAX_TEMPLATE:
            raise SpecError(f"A template must have at most {MAX_TEMPLATE:,} characters, not {len(self.fallback):,}.")
        for text in (self.template, self.fallback):
            fields_in(text)
        if not 1 <= self.n_shown <= MAX_SHOWN:
            raise SpecError(f"Messages must be shown of 1 to {MAX_SHOWN} users, not {self.n_shown}.")

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that the template names."""
        return fields_in(self.template)

    @property
    def fallback_fields(self) -> tuple[str, ...]:
        """The fields that the fallback names."""
        return fields_in(self.fallback)
