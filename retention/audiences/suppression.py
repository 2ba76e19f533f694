"""Whom to leave alone: how many users each reason takes off a list, and what the store cannot know."""

from __future__ import annotations

from dataclasses import dataclass

from retention.audiences.words import joined


@dataclass(frozen=True, slots=True)
class Suppression:
    """How many users of a list are left alone, and why.

    Attributes
    ----------
    n_before : int
        Users of the definition.
    reasons : tuple of (str, int)
        Each reason in words, with the users whom it holds for; a user may have more than one.
    n_after : int
        Users for whom none holds: those on the list.
    unknown : tuple of str
        What the store cannot tell, a sentence each.
    """

    n_before: int
    reasons: tuple[tuple[str, int], ...]
    n_after: int
    unknown: tuple[str, ...]

    @property
    def words(self) -> str:
        """Say it in a sentence."""
        if not self.reasons:
            return f"All {self.n_before:,} users stay on the list: nothing was said that leaves anybody out."
        said = joined([f"{n:,} {reason}" for reason, n in self.reasons])
        twice = sum(n for _, n in self.reasons) - (self.n_before - self.n_after)
        more = " Some are left out for more than one of these." if twice else ""
        return f"Of {self.n_before:,}: {said}; {self.n_after:,} {'is' if self.n_after == 1 else 'are'} left.{more}"
