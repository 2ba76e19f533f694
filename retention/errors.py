"""Errors that the person at the screen can fix; anything else is a bug and keeps its traceback."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class RetentionError(Exception):
    """Something the reader can put right.

    Parameters
    ----------
    message : str
        What must hold and what was found.
    hint : str, optional
        What to do about it.

    Examples
    --------
    >>> str(RetentionError("`horizon` must be from 1 to 104, not 0.", hint="Choose a wider period."))
    '`horizon` must be from 1 to 104, not 0. Choose a wider period.'
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message} {hint}".strip())


class SpecError(RetentionError):
    """A question that cannot be asked as it stands."""


class FileError(RetentionError):
    """A file that cannot be read as it stands."""


class StoreError(RetentionError):
    """A store that cannot be opened, read or written as it stands."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Suggest the known name closest to `name`, as a sentence, or list what is known.

    Examples
    --------
    >>> nearest("contry", ["country", "device"])
    'Did you mean "country"?'
    >>> nearest("zzz", ["country", "device"])
    'Known: country, device.'
    """
    names = sorted(set(known))
    close = get_close_matches(name.casefold(), [n.casefold() for n in names], n=1, cutoff=0.6)
    if close:
        match = next(n for n in names if n.casefold() == close[0])
        return f'Did you mean "{match}"?'
    if not names:
        return "None is known yet."
    shown = ", ".join(names[:12])
    return f"Known: {shown}{' …' if len(names) > 12 else '.'}"
