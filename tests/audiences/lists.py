"""Stores with saved lists of named users, and the names of who is on a list: for tests."""

from __future__ import annotations

from retention.audiences.answer import users_of
from retention.audiences.order import save_audience
from retention.audiences.spec import AudienceSpec
from retention.segments.spec_tags import TagUsersSpec
from retention.store import Store, Transaction
from retention.store.labels import add_label, put_labelling


def label_users(store: Store, label: str, names: list[str], cutoff_us: int = 1) -> int:
    """Give users the value "yes" of a label, as of a moment; a new moment takes the place of the one before."""
    import pandas as pd

    def put(tx: Transaction) -> int:
        known = tx.rows("select l.property_key from labels as l where l.name = $name", {"name": label})
        key = int(known[0][0]) if known else add_label(tx, label, ["yes"])
        keys = [keys_of(store)[name] for name in names]
        put_labelling(tx, key, cutoff_us, pd.DataFrame({"user_key": keys, "value_key": [1] * len(keys)}, dtype="int64"), n_users=len(keys))
        return key

    return store.write(put)


def keys_of(store: Store) -> dict[str, int]:
    """The keys of users by what the file calls them."""
    with store.snapshot() as snapshot:
        return {str(name): int(key) for name, key in snapshot.rows("select i.user_id, i.user_key from identities as i")}


def save_list(store: Store, name: str, names: list[str], *, is_refreshed: bool = False) -> int:
    """Save a list of these users, and return its number."""
    label_users(store, f"tag:{name}", names)
    users = TagUsersSpec(f"tag:{name}", "yes")
    return save_audience(store, AudienceSpec(name=name, users=users, is_refreshed=is_refreshed)).audience_id


def names_of(store: Store, spec: object) -> list[str]:
    """Who is on a list, in order; the count is that of the rows."""
    by_key = {key: name for name, key in keys_of(store).items()}
    found = users_of(store, spec)
    assert found.count == len(found.users)
    return sorted(by_key[int(key)] for key in found.users["user_key"])
