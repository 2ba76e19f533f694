"""Who gets what and who is held out: drawn by a keyed hash, so that the split follows from the key alone."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def draws(key: str, campaign: str, user_ids: Iterable[str]) -> Floats:
    """Draw two numbers in [0, 1) for each user of a campaign.

    Parameters
    ----------
    key : str
        Of the campaign, in hexadecimal digits.
    user_ids : iterable of str
        As the file has them, so that the owner can repeat it elsewhere.

    Returns
    -------
    ndarray, shape (n_users, 2)

    Notes
    -----
    The first and the second eight bytes of HMAC-SHA256(key, campaign, 0, user), read as numbers of 53 bits: which is
    as good as random for whoever has not the key, the same for whoever has, and independent between campaigns.

    Examples
    --------
    >>> ours = draws("00" * 16, "spring", ["ann", "bob"])
    >>> bool((ours == draws("00" * 16, "spring", ["ann", "bob"])).all())
    True
    """
    secret, prefix = bytes.fromhex(key), campaign.encode() + b"\0"
    digests = b"".join(hmac.digest(secret, prefix + user_id.encode(), "sha256")[:16] for user_id in user_ids)
    words = np.frombuffer(digests, dtype=">u8").reshape(-1, 2)
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def split(drawn: Floats, holdout: float, shares: Sequence[float]) -> tuple[Ints, Floats]:
    """Hold users out and divide the others over the arms at random.

    Parameters
    ----------
    drawn : ndarray, shape (n_users, 2)
    holdout : float
    shares : sequence of float
        Of the arms, relative to each other.

    Returns
    -------
    arm_key : ndarray of int, shape (n_users,)
        0 = held out, then in the order of the arms.
    propensity : ndarray, shape (n_users,)
        The probability with which a user came into the group that it is in.

    Examples
    --------
    >>> arm, propensity = split(np.array([[0.05, 0.9], [0.5, 0.2], [0.5, 0.8]]), 0.1, (1, 1))
    >>> arm.tolist(), propensity.tolist()
    ([0, 1, 2], [0.1, 0.45, 0.45])
    """
    part = np.asarray(shares, dtype=np.float64) / np.sum(shares)
    bounds = np.cumsum(part)[:-1]
    arm = np.searchsorted(bounds, drawn[:, 1], side="right") + 1
    is_held = drawn[:, 0] < holdout
    propensity = np.where(is_held, holdout, (1 - holdout) * part[arm - 1])
    return np.where(is_held, 0, arm).astype(np.int64), propensity
