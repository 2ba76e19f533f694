"""Whom one may write to and who has been written to, as far as the names of events and properties tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from retention.features.likely import ARMS, CONTACTS, all_like, first_like

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue

OPT_IN = (r"opt[_ -]?in", r"consent", r"^subscribed$", r"marketing[_ -]?(ok|allowed|permission)", r"^(contactable|reachable)$")
OPT_OUT = (r"opt(ed)?[_ -]?out", r"unsubscribed", r"do[_ -]?not[_ -]?(contact|mail|e-?mail|call)", r"suppress")
LEFT = r"unsubscrib|opt(ed)?[_ -]?out|hard[_ -]?bounce|spam[_ -]?(complaint|report)"
CAME_BACK = r"^(re)?subscrib|opt(ed)?[_ -]?in|consent[_ -]?given"
YES = ("yes", "y", "true", "t", "1", "on", "given", "granted", "subscribed", "opted in", "opt-in", "opt_in")


@dataclass(frozen=True, slots=True)
class Reachable:
    """What of a store tells whom one may write to.

    Attributes
    ----------
    contacts : tuple of str
        Events that are a contact by a campaign.
    arm : str or None
        The property that tells a control group.
    opt_in, opt_out : str or None
        Properties that say yes or no; the latest value of each user counts.
    left, came_back : tuple of str
        Events by which a user takes the permission back, or gives it.
    """

    contacts: tuple[str, ...]
    arm: str | None
    opt_in: str | None
    opt_out: str | None
    left: tuple[str, ...]
    came_back: tuple[str, ...]

    @property
    def is_known(self) -> bool:
        """Whether anything tells who may be written to."""
        return bool(self.opt_in or self.opt_out or self.left)

    @property
    def words(self) -> str:
        """Say what tells it."""
        said = [f"the property “{name}”" for name in (self.opt_in, self.opt_out) if name]
        said += [f"the event “{name}”" for name in self.left]
        return " and ".join(said)


def reachable(catalogue: Catalogue) -> Reachable:
    """Look for what tells whom one may write to.

    Notes
    -----
    Names alone decide, so what was found is said beside the filter; where nothing is found, nothing is guessed.
    """
    events, properties = list(catalogue.events), list(catalogue.properties)
    out = first_like(properties, OPT_OUT)
    return Reachable(
        contacts=all_like(events, CONTACTS),
        arm=first_like(properties, ARMS),
        opt_in=first_like([name for name in properties if name != out], OPT_IN),
        opt_out=out,
        left=all_like(events, LEFT),
        came_back=tuple(name for name in all_like(events, CAME_BACK)),
    )


def spellings(words: tuple[str, ...]) -> list[str]:
    """List the ways in which words may be spelt: small, capital, or all capitals.

    Examples
    --------
    >>> spellings(("yes",))
    ['YES', 'Yes', 'yes']
    """
    return sorted({text for word in words for text in (word, word.upper(), word.capitalize())})
