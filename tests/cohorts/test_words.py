"""What the page says in words: definition, verdict, headline figures, comparison."""

from __future__ import annotations

import numpy as np
import pytest

from retention.cohorts.answer import cohort_retention, explain_sql, grid_frame
from retention.cohorts.compare import benjamini_hochberg, comparable_groups, compare
from retention.cohorts.spec import CohortSpec, Condition
from retention.cohorts.words import definition, exclusions, kpis, question_hash, verdict
from retention.errors import SpecError
from tests.rows import import_rows
from tests.worlds import diary, store_of


def shop(groups):
    """A store where, of `n` users of each group who start on 5 January, `x` come back in week 1."""
    rows = []
    for group, (n, x) in groups.items():
        rows += [{"user": f"{group}{i}", "time": "2026-01-05T09:00", "event": "visit", "shop": group} for i in range(n)]
        rows += [{"user": f"{group}{i}", "time": "2026-01-13T09:00", "event": "visit", "shop": group} for i in range(x)]
    store = store_of([])
    import_rows(store, rows, complete_to_us=1_772_000_000_000_000)
    return store


def test_two_groups_that_clearly_differ_are_told_apart_and_others_are_not():
    # 56/70 and 48/80 is Newcombe's own example (1998): 0.0524 to 0.3339.
    store = shop({"north": (70, 56), "south": (80, 48), "west": (75, 50)})
    matrix = cohort_retention(store, CohortSpec(horizon=2, by="shop"))
    week_1 = compare(matrix, "north", "south").frame.set_index("age").loc[1]
    assert (round(week_1["low"], 4), round(week_1["high"], 4), week_1["says"]) == (0.0524, 0.3339, "higher")
    assert compare(matrix, "south", "north").frame.set_index("age").loc[1, "says"] == "lower"
    assert compare(matrix, "south", "west").frame["says"].unique().tolist() == ["cannot tell"]
    assert "Benjamini–Hochberg" in compare(matrix, "north", "south").sentence
    assert "higher at week 1" in compare(matrix, "north", "south").sentence


def test_a_group_without_a_complete_cell_cannot_be_compared():
    matrix = cohort_retention(shop({"north": (30, 10), "south": (30, 10)}), CohortSpec(horizon=1, by="shop"))
    assert comparable_groups(matrix) == ["north", "south"]
    with pytest.raises(SpecError, match=r'no group "noth".*Did you mean "north"'):
        compare(matrix, "noth", "south")


def test_the_correction_is_that_of_benjamini_and_hochberg():
    from statsmodels.stats.multitest import multipletests

    p = np.array([0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216])
    assert np.allclose(benjamini_hochberg(p), multipletests(p, method="fdr_bh")[1])


def test_the_verdict_speaks_of_mature_users_only_and_says_when_it_cannot_tell():
    store = shop({"north": (100, 25)})
    said = verdict(cohort_retention(store, CohortSpec(horizon=2)), 20)
    assert said.headline.startswith("25.0 % of 100 users came back in week 1")
    assert "too few to say whether it changes" in said.detail
    young = store_of(diary("ann: 5 12"), as_of="2026-01-14")
    said = verdict(cohort_retention(young, CohortSpec(horizon=2)), 20)
    assert "Too early to tell" in said.headline
    assert "19 January 2026" in said.detail
    few = verdict(cohort_retention(store_of(diary("ann: 5 12"), as_of="2026-03-02"), CohortSpec(horizon=1)), 20)
    assert "too few" in few.detail


def test_a_filter_that_nobody_meets_is_an_answer_not_an_error():
    matrix = cohort_retention(shop({"north": (5, 1)}), CohortSpec(where=(Condition.parse("shop=nowhere"),)))
    assert matrix.cells.empty
    assert matrix.average["rate"].isna().all()
    assert verdict(matrix, 20).headline == "Nobody matches these settings."
    assert [kpi.value for kpi in kpis(matrix)] == ["0"]


def test_recent_cohorts_that_do_better_are_said_to():
    rows = []
    for week in range(8):  # cohorts of 200; 20 of each of the older come back, 80 of each of the newer
        start = np.datetime64("2026-01-05") + 7 * week
        for i in range(200):
            rows.append({"user": f"{week}-{i}", "time": f"{start}T10:00", "event": "visit"})
            if i < (20 if week < 4 else 80):
                rows.append({"user": f"{week}-{i}", "time": f"{start + 7}T10:00", "event": "visit"})
    store = store_of([])
    import_rows(store, rows, complete_to_us=1_775_000_000_000_000)
    said = verdict(cohort_retention(store, CohortSpec(horizon=1)), 20)
    # (80 - 20) / 200 = +30 points; the newer half begins on 2 February.
    assert said.detail.startswith("Cohorts since 2 February 2026 do better than those before (+30.0 points")
    assert [kpi.value for kpi in kpis(cohort_retention(store, CohortSpec(horizon=1)))] == ["1,600", "25.0 %"]


def test_the_definition_names_every_setting_and_the_hash_changes_with_each():
    store = shop({"north": (5, 1)})
    catalogue = store.catalogue()
    spec = CohortSpec(
        entry="recurring", start=("visit",), mode="on-or-after", horizon=8, at_least=2,
        where=(Condition.parse("shop=north"),), by="shop",
    )  # fmt: skip
    said = definition(spec, catalogue)
    for words in ("once for every week", "“visit”", "at least 2 times", "week 8", "shop=north", "Split by"):
        assert words in said
    specs = [spec, CohortSpec(), CohortSpec(horizon=8), CohortSpec(ages="elapsed"), CohortSpec(period="day")]
    assert len({question_hash(s, catalogue) for s in specs}) == len(specs)
    assert any("refund" in line for line in exclusions(catalogue))


def test_the_sql_says_where_it_reads():
    store = shop({"north": (5, 1)})
    assert explain_sql(store, CohortSpec()).startswith("-- reads the rollups\n")
    assert explain_sql(store, CohortSpec(ages="elapsed")).startswith("-- reads the events\n")
    assert explain_sql(store, CohortSpec(entry="recurring")).startswith("-- reads the rollups and events\n")


def test_the_exported_grid_has_nothing_where_nothing_is_known():
    store = store_of(diary("ann: 5 12"), as_of="2026-01-21")
    frame = grid_frame(cohort_retention(store, CohortSpec(horizon=3)))
    assert frame["state"].tolist() == ["mature", "mature", "in_progress", "future"]
    assert frame["rate"].isna().tolist() == [False, False, True, True]
    assert frame["retained"].isna().tolist() == [False, False, False, True]
