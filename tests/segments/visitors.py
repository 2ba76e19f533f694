"""A small world in which users come seldom or often, and move between the two."""

from __future__ import annotations

from datetime import date

from retention.audiences.answer import member_ids
from retention.features.spec import FeatureSpec
from retention.segments.order import save_segmentation
from retention.segments.saved import SavedSegmentation
from retention.segments.spec import SegmentSpec
from retention.store import Store
from tests.worlds import diary, instant, store_of

# Active days before the 11th: ann bob cyd 2, dee eve 8, hal ivy 1; fay and gus come on the 12th.
# Before the 21st: ann 8, bob 3, cyd 2, dee eve 8, fay 7, gus 2, hal 3, ivy 1.
WORLD = """
    ann: 1 2 12 13 14 15 16 17
    bob: 1 3 12
    cyd: 1 4
    dee: 1 2 3 4 5 6 7 8
    eve: 2 3 4 5 6 7 8 9
    fay: 12 13 14 15 16 17 18
    gus: 12 13
    hal: 5 14 15
    ivy: 6
"""
FIRST, SECOND = date(2026, 1, 11), date(2026, 1, 21)
FIRST_US, SECOND_US = instant("2026-01-11"), instant("2026-01-21")
NAMES = ("Seldom", "Often")
LABEL = "segment:Visitors v1"
# With two centres, at 2 and 8 days, the border lies at 5.
SPEC = SegmentSpec(
    features=FeatureSpec(names=("active_days",), cutoff=FIRST), k=2, min_active_days=2, log="none", winsorise=0.0,
    scale="none",
)  # fmt: skip


def visitors() -> Store:
    """Return a store of its own that holds the world."""
    return store_of(diary(WORLD), as_of="2026-01-25")


def kept(store: Store) -> SavedSegmentation:
    """Save the two segments of the world."""
    return save_segmentation(store, SPEC, "Visitors", NAMES, {"verdict": "Trusted by a test."})


def ids(store: Store, spec: object) -> str:
    """Name the users of a list."""
    with store.snapshot() as snapshot:
        return " ".join(member_ids(snapshot, spec))
