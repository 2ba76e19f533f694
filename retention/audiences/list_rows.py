"""The rows of a list of users as files and campaign tools get them: who, which group of which campaign, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue

MOST_GROUPS = 1_000
"""More than any campaign has, so that a campaign and a group make one number."""
ACTING = ("campaign", "arm", "holdout", "reason")


def list_rows(rows: pa.Table, catalogue: Catalogue, why: str | None) -> pa.Table:
    """Write what the store knows of users in the words of a file.

    Parameters
    ----------
    rows : pyarrow.Table
        See `retention.audiences.query_file.member_rows`.
    catalogue : Catalogue
    why : str, optional
        Why they are on the list; by default each row says so itself.

    Returns
    -------
    pyarrow.Table
        (user_id), pseudonym, first_at, last_at (UTC), n_events, campaign, arm, holdout ("yes", "no"), reason. Who is in no
        running campaign has neither campaign nor arm nor holdout.
    """
    given = set(rows.column_names)
    group = _code(rows)
    found = {name: rows[name] for name in ("user_id", "pseudonym") if name in given}
    found |= {f"{name}_at": iso_texts(rows[f"{name}_us"]) for name in ("first", "last")}
    found["n_events"] = rows["n_events"]
    codes, names, arms, holdouts = _groups(catalogue)
    nth = pc.index_in(group, value_set=codes)
    found |= {"campaign": names.take(nth), "arm": arms.take(nth), "holdout": holdouts.take(nth)}
    reason = rows["reason"] if why is None else pa.repeat(pa.scalar(_ended(why)), len(rows))
    if "probability" in given:
        whole = pc.cast(pc.floor(pc.add(pc.multiply(rows["probability"], 100.0), 0.5)), pa.int32())
        reason = pc.binary_join_element_wise(
            reason, _risks().take(whole), "", null_handling="replace", null_replacement=""
        )
    return pa.table({**found, "reason": reason})


def beside(own: pd.DataFrame, rows: pa.Table) -> pa.Table:
    """Put the columns of a campaign beside those that a definition itself names, in its own order.

    Parameters
    ----------
    own : DataFrame
        A row a user: pseudonym and further columns.
    rows : pyarrow.Table
        See `list_rows`.
    """
    names = [name for name in ("user_id", "pseudonym") if name in rows.column_names]
    more = [name for name in ACTING if name not in own]
    table = own.merge(rows.select([*names, *more]).to_pandas(), on="pseudonym", how="left")
    return pa.Table.from_pandas(table[[*names, *own.columns.drop("pseudonym"), *more]], preserve_index=False)


def iso_texts(instants: pa.ChunkedArray) -> pa.ChunkedArray:
    """Write instants as `retention.periods.iso` does; what is not known stays empty.

    Examples
    --------
    >>> iso_texts(pa.chunked_array([[1, 1_000_000, None]])).to_pylist()
    ['1970-01-01T00:00:00.000001Z', '1970-01-01T00:00:01Z', None]
    """
    texts = pc.cast(pc.cast(instants, pa.timestamp("us")), pa.string())
    whole = pc.replace_substring_regex(pc.replace_substring(texts, " ", "T"), r"\.000000$", "")
    return pc.binary_join_element_wise(whole, "Z", "")


def _code(rows: pa.Table) -> pa.ChunkedArray:
    campaign = pc.cast(rows["campaign_id"], pa.int64())
    return pc.add(pc.multiply(campaign, MOST_GROUPS), pc.cast(rows["arm_key"], pa.int64()))


def _groups(catalogue: Catalogue) -> tuple[pa.Array, pa.Array, pa.Array, pa.Array]:
    found = [
        (key * MOST_GROUPS + arm, campaign.name, name, "no" if arm else "yes")
        for key, campaign in catalogue.campaigns.items()
        for arm, name in enumerate(campaign.groups)
    ]
    code, names, arms, holdouts = zip(*found, strict=True) if found else ((), (), (), ())
    return (
        pa.array(code, pa.int64()),
        pa.array(names, pa.string()),
        pa.array(arms, pa.string()),
        pa.array(holdouts, pa.string()),
    )


def _risks() -> pa.Array:
    whole = ["below 1 %", *(f"{percent} %" for percent in range(1, 100)), "above 99 %"]
    return pa.array([f" Risk of lapsing: {percent}." for percent in whole])


def _ended(why: str) -> str:
    return why if why.endswith((".", "!", "?")) else f"{why}."
