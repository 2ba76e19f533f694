"""What is sent to a webhook, and how hard it is tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from retention.errors import SpecError

LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
MAX_BATCH = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliverySpec:
    """A list of users that is sent to an address of the owner's campaign tool.

    Parameters
    ----------
    users : object
        The frozen definition of who is sent.
    url : str
        Where to: https, or http on this machine.
    identity : {"pseudonym", "file ids"}
        The ids of the file are for the owner's own campaign tool.
    batch_size : int
        So many users go in one request, from 1 to 1,000.

    Raises
    ------
    SpecError
        If the address would carry users in the clear or holds a password, or the batch is out of its range.
    """

    users: Any
    url: str
    identity: Literal["pseudonym", "file ids"] = "pseudonym"
    batch_size: int = 100

    def __post_init__(self) -> None:
        check_url(self.url)
        if not 1 <= self.batch_size <= MAX_BATCH:
            raise SpecError(f"`batch_size` must be from 1 to {MAX_BATCH:,} users, not {self.batch_size:,}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How hard a batch is tried before a delivery stops.

    Parameters
    ----------
    timeout_s : float
        Seconds within which a request must be answered.
    n_tries : int
        Of one batch, from 1 to 20.
    wait_s, most_wait_s : float
        Seconds before the second try and the most before any: the wait doubles from try to try. A random part of it is
        waited, from half on, so that senders that failed together do not come back together.

    Raises
    ------
    SpecError
        If one is out of its range.

    References
    ----------
    Brooker, M. (2015). Exponential backoff and jitter. AWS Architecture Blog.
    """

    timeout_s: float = 10.0
    n_tries: int = 6
    wait_s: float = 1.0
    most_wait_s: float = 30.0

    def __post_init__(self) -> None:
        if not 0 < self.timeout_s <= 300:
            raise SpecError(f"`timeout_s` must be from 0 to 300 seconds, not {self.timeout_s:g}.")
        if not 1 <= self.n_tries <= 20:
            raise SpecError(f"`n_tries` must be from 1 to 20, not {self.n_tries}.")
        if not 0 <= self.wait_s <= self.most_wait_s <= 3600:
            raise SpecError("The wait between tries must be from 0 to 3,600 seconds, the shortest first.")


def check_url(url: str) -> None:
    """Refuse an address to which users must not be sent.

    Raises
    ------
    SpecError
    """
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host or any(c.isspace() for c in url.strip()):
        raise SpecError(
            f"The address of a webhook must look like https://tool.example/hook, not {url!r}.",
            hint="Copy it from your campaign tool.",
        )
    if parts.username is not None or parts.password is not None:
        raise SpecError(
            "The address of a webhook must not hold a name and a password, for it is shown on the screen.",
            hint="Leave them out: each request is signed, by which the receiver knows who sends.",
        )
    if parts.scheme == "http" and host not in LOCAL_HOSTS:
        raise SpecError(
            "A list must be sent by https, or to this machine: by http anyone on the way could read who is on it.",
            hint=f"Write https://{host} instead.",
        )


def shown_url(url: str) -> str:
    """Write an address without what comes after its path, which may hold a key.

    Examples
    --------
    >>> shown_url("https://tool.example/hook?token=abc")
    'https://tool.example/hook'
    """
    parts = urlsplit(url.strip())
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
