"""A retention matrix of the product, put beside the oracle's."""

from __future__ import annotations

from datetime import date

import pandas as pd

from retention.audiences.answer import users_of
from retention.cohorts.matrix import RetentionMatrix
from retention.cohorts.spec import CellSpec
from retention.store import Sql, Store
from tests.oracles import AVERAGES, Answer


def _plain(value: object) -> object:
    return None if pd.isna(value) else value


def states(matrix: RetentionMatrix, cohort: str, group: str | None = None) -> list[str]:
    """Return the states of a row, in order of age."""
    cells = matrix.cells
    is_here = (cells["cohort"] == date.fromisoformat(cohort)) & (
        cells["group"].isna() if group is None else cells["group"] == group
    )
    return cells[is_here].sort_values("age")["state"].tolist()


def cell(matrix: RetentionMatrix, cohort: str, age: int, group: str | None = None) -> dict[str, object]:
    """Return one cell as a dictionary, with None for what is missing."""
    found = [
        row
        for row in matrix.cells.to_dict("records")
        if (row["cohort"], _plain(row["group"]), row["age"]) == (date.fromisoformat(cohort), group, age)
    ]
    assert len(found) == 1
    return {key: _plain(value) for key, value in found[0].items()}


def average(matrix: RetentionMatrix, kind: str, age: int) -> tuple[float | None, int]:
    """Return an average's rate (None if there is none) and its number of cohorts."""
    found = [r for r in matrix.average.to_dict("records") if (r["kind"], r["age"]) == (kind, age)]
    assert len(found) == 1, found
    return _plain(found[0]["rate"]), found[0]["n_cohorts"]


def as_plain(matrix: RetentionMatrix) -> dict[tuple[date, str | None, int], tuple[object, ...]]:
    """Return the cells of a matrix in the words of the oracle."""
    cells = {}
    for row in matrix.cells.to_dict("records"):
        key = (row["cohort"], _plain(row["group"]), int(row["age"]))
        assert key not in cells, f"listed twice: {key}"
        retained = _plain(row["retained"])
        cells[key] = (
            int(row["to_age"]),
            int(row["size"]),
            None if retained is None else int(retained),
            row["state"],
            row["complete_on"],
            bool(row["touches_gap"]),
        )
    return cells


def oracle_plain(answer: Answer) -> dict[tuple[date, str | None, int], tuple[object, ...]]:
    """Return the cells of the oracle without their members."""
    return {
        key: (c.to_age, c.size, c.retained, c.state, c.complete_on, c.touches_gap) for key, c in answer.cells.items()
    }


def averages_plain(matrix: RetentionMatrix) -> dict[tuple[str, int], tuple[float | None, int]]:
    """Return all averages of a matrix in the words of the oracle, rates rounded to 12 digits."""
    found = {}
    for row in matrix.average.to_dict("records"):
        rate = _plain(row["rate"])
        found[row["kind"], int(row["age"])] = (None if rate is None else round(rate, 12), int(row["n_cohorts"]))
    return found


def oracle_averages(answer: Answer) -> dict[tuple[str, int], tuple[float | None, int]]:
    """Return all averages of the oracle, rates rounded to 12 digits."""
    assert {kind for kind, _ in answer.averages} == set(AVERAGES)
    return {key: (None if rate is None else round(rate, 12), n) for key, (rate, n) in answer.averages.items()}


def members_of(store: Store, cell: CellSpec) -> list[str]:
    """Return the ids of the file behind a cell, having checked that the list is as long as it says."""
    members = users_of(store, cell)
    assert members.count == len(members.users)
    identities = store.read(Sql("select i.user_key, i.user_id from identities as i"))
    names = dict(zip(identities["user_key"], identities["user_id"], strict=True))
    return sorted(names[key] for key in members.users["user_key"])
