"""Webhooks: each user at least once under one key, whatever becomes of the receiver, the line or the sender."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from retention.audiences import delivery as wire
from retention.audiences.answer_delivery import deliveries, sent_words, unconfirmed, webhook_secret
from retention.audiences.order_delivery import Outside, begin, resume, send
from retention.audiences.spec_delivery import DeliverySpec, Patience, check_url, shown_url
from retention.cohorts.spec import CellSpec, CohortSpec
from retention.errors import SpecError
from retention.store import Store
from retention.store.audit import faults
from retention.store.keys import pseudonym_key
from retention.store.order import erase_user
from tests.worlds import diary, store_of

ROOT = Path(__file__).resolve().parents[2]
EVERYBODY = CellSpec(cohorts=CohortSpec(horizon=2), cohort=date(2026, 1, 5), age=1)
N_USERS = 25
QUICK = Patience(timeout_s=5, n_tries=3, wait_s=1, most_wait_s=8)


def world() -> Store:
    """Return a store with 25 users who came in one week and again in the next; another did not come again."""
    lines = [f"user{i:02d}: 5T{i // 60:02d}:{i % 60:02d} 12" for i in range(N_USERS)]
    return store_of(diary("\n".join([*lines, "gone: 6"])), as_of="2026-02-02")


@dataclass
class Receiver:
    """A campaign tool: it takes what is signed, remembers keys, and answers as it is told to.

    Attributes
    ----------
    plan : list
        What it does with the requests to come, in order: a status, "slow", "drip", "drop" (takes them, then hangs up), "hang up" (takes nothing).
        Afterwards it takes everything.
    """

    secret: str
    plan: list[int | str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    taken: Counter[str] = field(default_factory=Counter)
    by_user: dict[str, set[str]] = field(default_factory=dict)
    end: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def take(self, body: bytes) -> None:
        for user in json.loads(body)["users"]:
            self.taken[user["idempotency_key"]] += 1
            self.by_user.setdefault(user["pseudonym"], set()).add(user["idempotency_key"])

    @property
    def once(self) -> int:
        """How many users a receiver has that honours the keys."""
        return len(self.taken)

    @property
    def n_twice(self) -> int:
        return sum(n > 1 for n in self.taken.values())


@contextmanager
def receiver(store: Store, *plan: int | str) -> Iterator[Receiver]:
    ours = Receiver(webhook_secret(store), list(plan))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            ours.bodies.append(body)
            ours.headers.append(dict(self.headers))
            what = ours.plan.pop(0) if ours.plan else 200
            if what == "slow":
                ours.end.wait(30)
                return
            if what == "drip":
                while not ours.end.wait(0.1):  # one letter at a time, each of them in time
                    try:
                        self.wfile.write(b"H")
                    except OSError:
                        return
                return
            if what in (200, "drop"):
                ours.take(body)
            if what in ("drop", "hang up"):
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(what)
            if what == 302:
                self.send_header("Location", ours.url + "/elsewhere")
            if what == 503:
                self.send_header("Retry-After", "4")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # a sender that hangs up is meant here

    with Server(("127.0.0.1", 0), Handler) as server:
        ours.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield ours
        finally:
            ours.end.set()
            server.shutdown()
            thread.join()


class Waits(list[float]):
    """How long was waited, without waiting."""

    def outside(self) -> Outside:
        return Outside(now=lambda: 1_750_000_000.9, sleep=self.append)


def spec_of(url: str, **more: object) -> DeliverySpec:
    return DeliverySpec(users=EVERYBODY, url=url, batch_size=10, **more)


def trail(store: Store) -> list[tuple[str, int]]:
    with store.snapshot() as snapshot:
        assert faults(snapshot) == []
        return snapshot.rows("select a.action, a.n_rows from audit as a order by a.audit_id")


def test_every_user_of_a_list_arrives_signed_and_confirmed_batch_by_batch():
    store, waits = world(), Waits()
    with receiver(store) as there:
        done = send(store, spec_of(there.url + "?a=b"), QUICK, outside=waits.outside())
    assert [len(json.loads(body)["users"]) for body in there.bodies] == [10, 10, 5]
    assert (done.n_users, done.n_confirmed, done.n_unconfirmed, done.fault, waits) == (25, 25, 0, "", [])
    assert done.ended_us is not None and there.once == 25 and there.n_twice == 0
    assert sent_words(done) == "All 25 users are confirmed by the receiver."
    for body, headers in zip(there.bodies, there.headers, strict=True):
        # What a receiver does with the secret, written out here by itself.
        mac = hmac.new(there.secret.encode(), b"1750000000." + body, hashlib.sha256).hexdigest()
        assert headers["Holdfast-Signature"] == f"sha256={mac}"
        assert (headers["Holdfast-Timestamp"], headers["Holdfast-Delivery"], headers["Content-Type"]) == (
            "1750000000",
            "1",
            "application/json",
        )
    told = json.loads(there.bodies[0])
    assert (told["n_users"], told["as_of"]) == (25, "2026-02-02T00:00:00Z")
    assert set(told["users"][0]) == {
        "idempotency_key", "pseudonym", "first_at", "last_at", "n_events", "campaign", "arm", "holdout", "reason",
    }  # fmt: skip
    assert trail(store) == [("send users", 25), ("stop sending users", 25)]
    with store.snapshot() as snapshot:
        ((detail,),) = snapshot.rows("select a.detail from audit as a where a.action = 'send users'")
    assert json.loads(detail)["to"] == there.url  # without what follows the path


def test_the_ids_of_the_file_are_sent_only_on_demand_and_stand_in_the_trail():
    store = world()
    with receiver(store) as there:
        send(store, spec_of(there.url, identity="file ids"), QUICK)
    assert {user["user_id"] for body in there.bodies for user in json.loads(body)["users"]} == {
        f"user{i:02d}" for i in range(25)
    }
    with store.snapshot() as snapshot:
        ((detail,),) = snapshot.rows("select a.detail from audit as a where a.action = 'send users'")
    assert json.loads(detail)["identity"] == "file ids"
    with pytest.raises(SpecError, match="`identity` must be"):
        send(store, spec_of("http://localhost:1/", identity="names"), QUICK)


@pytest.mark.parametrize("trouble", [[500, 503], ["hang up"], ["drop", "drop"], [429, 500, 200, 500], [408]])
def test_trouble_that_passes_is_waited_out_under_the_same_keys(trouble):
    store, waits = world(), Waits()
    with receiver(store, *trouble) as there:
        done = send(store, spec_of(there.url), QUICK, outside=waits.outside())
    assert done.n_confirmed == there.once == 25 and done.n_unconfirmed == 0
    assert all(len(keys) == 1 for keys in there.by_user.values()) and len(there.by_user) == 25
    # A batch that arrived before the line broke is sent again: the receiver sees ten users more than once.
    assert there.n_twice == (10 if "drop" in trouble else 0)
    assert len(waits) == sum(what != 200 for what in trouble)
    assert all(0.5 <= wait <= 8 for wait in waits)
    if 503 in trouble:
        assert waits[1] >= 4  # for so long the receiver asked


def test_a_receiver_that_does_not_answer_in_time_is_tried_again_and_then_left():
    store, waits = world(), Waits()
    hasty = Patience(timeout_s=1.5, n_tries=2)
    with receiver(store, 200, "slow", "drip") as there:
        done = send(store, spec_of(there.url), hasty, outside=waits.outside())
        assert (done.n_confirmed, done.n_unconfirmed, len(waits)) == (10, 15, 1)
        assert done.fault == "no answer within 1.5 seconds" and done.ended_us is None
        assert "15 are not, though the receiver may have some" in sent_words(done)
        again = resume(store, done.delivery_id, QUICK)
    assert again.n_confirmed == there.once == 25 and there.n_twice == 0
    assert trail(store) == [("send users", 25), ("stop sending users", 10), ("stop sending users", 25)]


@pytest.mark.parametrize(
    ("status", "said"), [(302, "the address has moved"), (400, "it answered 400"), (404, "404"), (410, "410")]
)
def test_what_trying_again_cannot_mend_is_not_tried_again(status, said):
    store, waits = world(), Waits()
    with receiver(store, status) as there:
        done = send(store, spec_of(there.url), QUICK, outside=waits.outside())
    assert (done.n_confirmed, waits, len(there.bodies)) == (0, [], 1)
    assert said in done.fault


def test_what_is_not_confirmed_is_listed_and_a_batch_that_is_refused_does_not_hold_up_the_others():
    store = world()
    with receiver(store, 200, 413) as there:
        done = send(store, spec_of(there.url), QUICK)
        left = unconfirmed(store, done.delivery_id)
        refused = {user["pseudonym"] for user in json.loads(there.bodies[1])["users"]}
        assert set(left["pseudonym"][left["n_tries"] == 1]) == refused and len(left) == 15
        assert set(left["pseudonym"]).isdisjoint(there.by_user)
        assert len(unconfirmed(store, done.delivery_id, limit=3)) == 3
        done = resume(store, done.delivery_id, QUICK)
        # First those that were never tried, five of them and five of the refused, then the others.
        untried = {user["pseudonym"] for user in json.loads(there.bodies[2])["users"]}
        assert len(untried - refused) == 5 and len(untried & refused) == 5
    assert done.n_unconfirmed == 0 and there.once == 25 and unconfirmed(store, done.delivery_id).empty
    assert [one.delivery_id for one in deliveries(store)] == [1]
    with pytest.raises(SpecError, match="There is no delivery 7"):
        unconfirmed(store, 7)


MORTAL = textwrap.dedent(
    """
    import json, os, signal, sys
    from http.server import BaseHTTPRequestHandler, HTTPServer

    port, file, n_answers = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            global n_answers
            users = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["users"]
            with open(file, "a") as kept:
                kept.writelines(user["idempotency_key"] + "\\n" for user in users)
            if not n_answers:
                os.kill(os.getpid(), signal.SIGKILL)  # it has the batch, and nobody is told
            n_answers -= 1
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", port), Handler) as server:
        print(server.server_port, flush=True)
        server.serve_forever()
    """
)


@contextmanager
def mortal(file: Path, port: int, n_answers: int) -> Iterator[int]:
    """Run a receiver in a process of its own, which dies in the middle of the batch after so many."""
    with subprocess.Popen(
        [sys.executable, "-c", MORTAL, str(port), str(file), str(n_answers)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def test_a_receiver_that_is_killed_in_the_middle_of_a_batch_has_each_user_once_when_it_is_back(tmp_path):
    store, kept, waits = world(), tmp_path / "kept", Waits()
    with mortal(kept, 0, 1) as port:
        done = send(store, spec_of(f"http://127.0.0.1:{port}/"), QUICK, outside=waits.outside())
    # Ten are confirmed; ten more arrived, but nobody said so; then nobody was there any more.
    assert (done.n_confirmed, done.n_unconfirmed, len(kept.read_text().split()), len(waits)) == (10, 15, 20, 2)
    assert "the connection failed" in done.fault
    with mortal(kept, port, 9) as again:
        assert again == port
        done = resume(store, done.delivery_id, QUICK)
    arrived = Counter(kept.read_text().split())
    assert done.n_unconfirmed == 0 and len(arrived) == 25
    assert Counter(arrived.values()) == {1: 15, 2: 10}


SENDER = textwrap.dedent(
    """
    import sys
    from datetime import date
    from pathlib import Path
    from retention.audiences.order_delivery import send
    from retention.audiences.spec_delivery import DeliverySpec, Patience
    from retention.cohorts.spec import CellSpec, CohortSpec
    from retention.store import Store

    users = CellSpec(cohorts=CohortSpec(horizon=2), cohort=date(2026, 1, 5), age=1)
    with Store.open(Path(sys.argv[1])) as store:
        send(store, DeliverySpec(users=users, url=sys.argv[2], batch_size=10), Patience(timeout_s=60, n_tries=1))
    """
)


def test_a_sender_that_is_killed_goes_on_where_it_was():
    store = world()
    path = store.path
    with receiver(store, 200, "slow") as there:
        store.close()
        sender = subprocess.Popen([sys.executable, "-c", SENDER, str(path), there.url], cwd=ROOT)
        try:
            assert _until(lambda: len(there.bodies) == 2)
        finally:
            os.kill(sender.pid, signal.SIGKILL)
            sender.wait()
        with Store.open(path) as again:
            (found,) = deliveries(again)
            assert (found.n_users, found.n_confirmed, found.ended_us) == (25, 10, None)
            done = resume(again, found.delivery_id, QUICK)
            assert done.n_unconfirmed == 0 and trail(again) == [("send users", 25), ("stop sending users", 25)]
    assert there.once == 25 and there.n_twice == 0
    # The batch that was on its way is sent again word for word.
    assert there.bodies[1] == there.bodies[2]


def _until(is_so: Callable[[], bool], seconds: float = 60) -> bool:
    waiting = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if is_so():
            return True
        waiting.wait(0.05)
    return False


def test_who_is_erased_on_the_way_is_not_sent():
    store = world()
    with receiver(store, 200, 400) as there:
        done = send(store, spec_of(there.url), QUICK)
        erase_user(store, "user24")
        done = resume(store, done.delivery_id, QUICK)
    assert (done.n_users, done.n_left, done.n_confirmed) == (25, 24, 24)
    assert there.once == 24


def test_a_list_of_nobody_is_not_sent():
    store = world()
    nobody = CellSpec(cohorts=CohortSpec(horizon=2), cohort=date(2026, 1, 12), age=1)
    with pytest.raises(SpecError, match="nobody is on this list"):
        begin(store, DeliverySpec(users=nobody, url="https://tool.example/hook"))
    assert deliveries(store) == () and trail(store) == []


def test_two_deliveries_of_a_list_have_keys_of_their_own_and_neither_tells_the_secret():
    store = world()
    with receiver(store) as there:
        send(store, spec_of(there.url), QUICK)
        send(store, spec_of(there.url), QUICK)
    assert {len(keys) for keys in there.by_user.values()} == {2}
    # Derived, so that whoever signs cannot make pseudonyms.
    key = pseudonym_key(store.path)
    assert webhook_secret(store) == hmac.new(key, b"webhook", hashlib.sha256).hexdigest() != key.hex()
    assert all(there.secret not in str(headers) for headers in there.headers)


@pytest.mark.parametrize(("url", "said"), [
    ("http://tool.example/hook", "by https, or to this machine"),
    ("ftp://tool.example/hook", "must look like https://"), ("tool.example", "must look like https://"), ("", "must look like"),
    ("https://", "must look like"), ("https://tool.example:99999/", "must look like"), ("https://a b/", "must look like"),
    ("https://ann:secret@tool.example/", "must not hold a name and a password"),
    ("http://localhost.tool.example/", "by https"), ("http://127.0.0.1.example/", "by https"),
])  # fmt: skip
def test_an_address_that_would_tell_others_who_is_on_a_list_is_refused(url, said):
    with pytest.raises(SpecError, match=said):
        check_url(url)


def test_addresses_of_campaign_tools_and_of_this_machine_are_taken():
    for url in ("https://tool.example/hook?token=a", "http://localhost:8080", "http://127.0.0.1/", "http://[::1]:90/x"):
        check_url(url)
    assert shown_url("https://tool.example/hook?token=a#b") == "https://tool.example/hook"


@pytest.mark.parametrize("wrong", [{"timeout_s": 0}, {"n_tries": 0}, {"n_tries": 21}, {"wait_s": 9, "most_wait_s": 8}])
def test_patience_has_bounds(wrong):
    with pytest.raises(SpecError, match="must be from"):
        Patience(**wrong)
    with pytest.raises(SpecError, match="`batch_size` must be from 1"):
        DeliverySpec(users=EVERYBODY, url="https://tool.example", batch_size=0)


def test_waits_double_up_to_a_bound_and_are_not_the_same_for_all():
    patience = Patience(wait_s=1, most_wait_s=10)
    for nth, whole in ((1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (15, 10)):
        waits = [wire.wait_before(nth, patience, random.Random(seed)) for seed in range(200)]
        assert whole / 2 <= min(waits) < 0.6 * whole and 0.9 * whole < max(waits) <= whole


def test_an_untrusted_certificate_and_an_unknown_name_are_told_apart():
    with socket.create_server(("127.0.0.1", 0)) as line:  # it takes connections and says nothing that TLS knows

        def hang_up() -> None:
            line.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        reply = wire.post(f"https://127.0.0.1:{line.getsockname()[1]}/", b"{}", {}, 5)
        thread.join()
    assert "the connection failed" in reply.fault and not reply.is_final
    assert "is not known" in wire.post("https://tool.invalid/", b"{}", {}, 5).fault


def test_a_receiver_with_a_certificate_that_nobody_vouches_for_gets_nothing(tmp_path):
    if not (openssl := shutil.which("openssl")):
        pytest.skip("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as line:

        def serve() -> None:
            caller, _ = line.accept()
            with contextlib.suppress(OSError), context.wrap_socket(caller, server_side=True) as safe:
                got.append(safe.recv(100))
            caller.close()

        thread = threading.Thread(target=serve)
        thread.start()
        reply = wire.post(f"https://localhost:{line.getsockname()[1]}/", b"{}", {}, 10)
        thread.join()
    assert "its certificate is not trusted" in reply.fault and reply.is_final
    assert not any(got)
