"""One request of a webhook: what it says, how it is signed, how it is sent, and what came of it."""

from __future__ import annotations

import contextlib
import hmac
import http.client
import json
import random
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from retention.audiences.spec_delivery import Patience

TIMESTAMP = "Holdfast-Timestamp"
SIGNATURE = "Holdfast-Signature"
DELIVERY = "Holdfast-Delivery"
HEADERS = {"Content-Type": "application/json", "User-Agent": "Holdfast", "Connection": "close"}
SIGNING = (
    f"Each request carries {TIMESTAMP} (seconds since 1970) and {SIGNATURE}: sha256= and the HMAC-SHA256, by this secret, of the"
    " timestamp, a dot and the body. Make it again and compare; refuse what is older than five minutes. Remember the"
    " idempotency_key of each user, and take a key that you know for a repetition."
)
"""What whoever writes a receiver has to know."""
BUSY = (408, 425, 429)
"""Answers of the kind "you are wrong" that mean "not now"; all others of that kind stay the same however often one asks."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a request.

    Attributes
    ----------
    fault : str
        Why it is not confirmed; empty where it is.
    is_final : bool
        Whether trying again would bring the same.
    wait_s : float
        What the receiver asked to be waited.
    """

    fault: str = ""
    is_final: bool = False
    wait_s: float = 0.0

    @property
    def is_confirmed(self) -> bool:
        """Whether the receiver has said that it has the batch."""
        return not self.fault


def webhook_secret(key: bytes) -> str:
    """Derive from the key of a store what signs its requests.

    Notes
    -----
    HMAC-SHA256 of a word of its own, so that whoever is given it cannot make pseudonyms.
    """
    return hmac.digest(key, b"webhook", "sha256").hex()


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """Sign a request: HMAC-SHA256 of ``timestamp.body``, in hexadecimal digits.

    Notes
    -----
    The receiver makes it again and compares; it refuses what is older than five minutes, so that nobody who listened
    can send it again. The text of the secret is the key as it stands.
    """
    return hmac.digest(secret.encode(), f"{timestamp}.".encode() + body, "sha256").hex()


def idempotency_key(secret: str, delivery: str, pseudonym: str) -> str:
    """Name a user of a delivery: the same at every try and after a restart, so that the receiver takes each once.

    Examples
    --------
    >>> idempotency_key("s", "1", "ann") == idempotency_key("s", "1", "ann") != idempotency_key("s", "2", "ann")
    True
    """
    return hmac.digest(secret.encode(), f"user.{delivery}.{pseudonym}".encode(), "sha256")[:16].hex()


def body_of(about: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], secret: str, delivery: str) -> bytes:
    """Write a batch as JSON: what is known of the list, and its users with the key of each."""
    users = [{"idempotency_key": idempotency_key(secret, delivery, row["pseudonym"]), **row} for row in rows]
    return json.dumps({**about, "users": users}, ensure_ascii=False, default=str).encode()


def wait_before(nth_try: int, patience: Patience, chance: random.Random) -> float:
    """Say how many seconds to wait before a try, the second being 1.

    Examples
    --------
    >>> waits = [wait_before(n, Patience(wait_s=1, most_wait_s=5), random.Random(0)) for n in (1, 2, 3, 9)]
    >>> [low <= wait <= 2 * low for wait, low in zip(waits, (0.5, 1.0, 2.0, 2.5))]
    [True, True, True, True]
    """
    whole = min(patience.wait_s * 2 ** (nth_try - 1), patience.most_wait_s)
    return whole * (0.5 + chance.random() / 2)


def post(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> Reply:
    """Send a request and look at the first lines of what comes back.

    Notes
    -----
    No redirect is followed: it would carry the users to an address that nobody has chosen. The answer's content is not
    read, so it cannot be too long; a clock of its own ends a receiver that sends one letter at a time.
    """
    parts = urlsplit(url.strip())
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            parts.hostname or "", parts.port, timeout=timeout_s, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s)
    is_late = threading.Event()
    bound = threading.Timer(timeout_s, _hang_up, [connection, is_late])
    bound.daemon = True
    bound.start()
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, {**HEADERS, **headers})
        answer = connection.getresponse()
        return _reply(answer.status, answer.headers.get("Retry-After", ""))
    except TimeoutError:
        return Reply(f"no answer within {timeout_s:g} seconds")
    except ssl.SSLCertVerificationError as error:
        return Reply(f"its certificate is not trusted: {error.verify_message}", is_final=True)
    except socket.gaierror:
        return Reply(f"the name {parts.hostname} is not known")
    except (OSError, http.client.HTTPException) as error:
        if is_late.is_set():
            return Reply(f"no answer within {timeout_s:g} seconds")
        return Reply(f"the connection failed: {getattr(error, 'strerror', None) or type(error).__name__}")
    finally:
        bound.cancel()
        connection.close()


def _hang_up(connection: http.client.HTTPConnection, is_late: threading.Event) -> None:
    is_late.set()
    line = connection.sock
    if line is not None:
        with contextlib.suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)


def _reply(status: int, retry_after: str) -> Reply:
    if 200 <= status < 300:
        return Reply()
    wait_s = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
    if 300 <= status < 400:
        return Reply(f"it answered {status}: the address has moved, and lists do not follow", is_final=True)
    is_final = 400 <= status < 500 and status not in BUSY
    return Reply(f"it answered {status}", is_final=is_final, wait_s=wait_s)
