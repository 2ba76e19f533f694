"""Are the groups real? The paper's examples, plain loops, scikit-learn's figures, and noise."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris, make_blobs
from sklearn.metrics import davies_bouldin_score, pairwise_distances, silhouette_score

from retention.segments.model import SegmentModel
from retention.segments.model_sweep import (
    bootstrap_jaccard,
    dispersion,
    divide,
    gap_statistic,
    jaccard,
    k_sweep,
    number_by_gap,
    redrawn,
    silhouette,
    trust,
)
from retention.segments.sweep import KSweep, SweepRow, Trust

# The gap statistic: the simulations of section 5 of Tibshirani, Walther & Hastie (2001) -------------------------


def nothing(random):
    """(a) no clusters: 200 points, uniform in ten dimensions."""
    return random.uniform(size=(200, 10))


def three(random):
    """(b) three clusters in two dimensions: standard normal, 25, 25 and 50 points around (0, 0), (0, 5), (5, −3)."""
    return np.vstack([random.normal(c, 1, (n, 2)) for c, n in (((0, 0), 25), ((0, 5), 25), ((5, -3), 50))])


def elongated(random):
    """(e) two long clusters in three dimensions, along the diagonal, ten apart in each dimension."""
    line = np.repeat(np.linspace(-0.5, 0.5, 100)[:, None], 3, axis=1)
    return np.vstack([line + random.normal(0, 0.1, (100, 3)), line + random.normal(0, 0.1, (100, 3)) + 10])


@pytest.mark.parametrize(("scene", "truth"), [(nothing, 1), (three, 3), (elongated, 2)])
def test_the_gap_statistic_finds_the_papers_clusters(scene, truth):
    found = []
    for run in range(10):
        rows = scene(np.random.default_rng(run))
        found.append(number_by_gap(gap_statistic(rows, range(1, 6), seed=run)))
    assert found.count(truth) >= 9, found


def test_a_box_along_the_components_is_needed_for_long_clusters():
    # The paper's point of scene (e): a box along the columns is mostly empty, so every division looks good.
    wrong = 0
    for run in range(5):
        rows = elongated(np.random.default_rng(run))
        wrong += number_by_gap(gap_statistic(rows, range(1, 6), seed=run, reference="features")) != 2
    assert wrong >= 4


def test_dispersion_is_half_the_mean_distance_of_all_pairs():
    # W of the paper: Σ over groups of (1 / 2n) Σ over ordered pairs of squared distances.
    random = np.random.default_rng(3)
    rows, labels = random.normal(size=(30, 3)), random.integers(0, 4, 30)
    truth = 0.0
    for group in range(4):
        inside = rows[labels == group]
        truth += sum(2 * ((a - b) ** 2).sum() for a, b in combinations(inside, 2)) / (2 * len(inside))
    assert dispersion(rows, labels) == pytest.approx(truth)


# Stability ------------------------------------------------------------------------------------------------


def plain_jaccard(ours: list[int], theirs: list[int]) -> list[float]:
    found = []
    for group in sorted(set(ours)):
        own = {i for i, g in enumerate(ours) if g == group}
        best = 0.0
        for other in set(theirs) - {-1}:
            them = {i for i, g in enumerate(theirs) if g == other}
            best = max(best, len(own & them) / len(own | them))
        found.append(best)
    return found


def test_jaccard_by_hand():
    # {0, 1, 2} against {0, 1}: 2 of 3. {3, 4} against {2, 3, 4}: 2 of 3, which is more than against {0, 1}.
    assert jaccard(np.array([0, 0, 0, 1, 1]), np.array([1, 1, 0, 0, 0])).tolist() == pytest.approx([2 / 3, 2 / 3])


@pytest.mark.parametrize("seed", range(5))
def test_jaccard_agrees_with_sets(seed):
    random = np.random.default_rng(seed)
    ours, theirs = random.integers(0, 4, 60), random.integers(-1, 5, 60)
    assert jaccard(ours, theirs).tolist() == pytest.approx(plain_jaccard(ours.tolist(), theirs.tolist()))


def test_bootstrap_stability_agrees_with_a_plain_loop():
    rows, _ = make_blobs(120, centers=3, cluster_std=2.5, random_state=2)
    labels = divide(rows, 3, 0)
    again = {}

    def divide_again(part, weights, seed):
        again[seed] = KMeans(3, n_init=1, random_state=seed).fit_predict(part, sample_weight=weights)
        return again[seed]

    found = bootstrap_jaccard(rows, labels, divide_again, n_bootstraps=8, seed=5)
    totals = [0.0, 0.0, 0.0]
    for b, counts in enumerate(redrawn(120, 8, 5)):
        drawn = [i for i in range(120) if counts[i] > 0]
        assert counts.sum() == 120 and len(drawn) < 120
        for group, share in enumerate(plain_jaccard([int(labels[i]) for i in drawn], again[5 + b + 1].tolist())):
            totals[group] += share / 8
    assert found.tolist() == pytest.approx(totals)


def test_clusters_far_apart_are_found_again_each_time():
    rows, _ = make_blobs(600, centers=[[0, 0], [20, 0], [0, 20]], random_state=0)
    sure = trust(rows, divide(rows, 3, 0))
    assert min(sure.stability) > 0.99 and sure.is_structured
    assert sure.verdict == "All 3 segments are stable."
    assert sure.verdicts == ("stable 1.00",) * 3


def test_a_cluster_that_was_cut_in_two_is_not_stable():
    rows, _ = make_blobs(600, centers=[[0, 0], [20, 0]], random_state=0)
    four = trust(rows, divide(rows, 4, 0))
    assert four.is_structured  # there are clusters, but not four
    assert max(four.stability) < 0.75
    assert four.verdict == "No stable clusters: drawn anew, the users fall into other groups."


NOISES = {
    "normal": lambda random, n, d: random.normal(size=(n, d)),
    "uniform": lambda random, n, d: random.uniform(size=(n, d)),
    "long tails": lambda random, n, d: random.lognormal(size=(n, d)),
    "counts": lambda random, n, d: random.poisson(4, size=(n, d)).astype(float),
    "related": lambda random, n, d: random.normal(size=(n, 1)) + 0.7 * random.normal(size=(n, d)),
}


def noise_verdicts(n_runs: int) -> list[str]:
    found = []
    for run in range(n_runs):
        random = np.random.default_rng(run)
        kind = list(NOISES)[run % len(NOISES)]
        x = NOISES[kind](random, int(random.integers(300, 900)), int(random.integers(2, 7)))
        model = SegmentModel(n_clusters=int(random.integers(2, 7)), random_state=run).fit(x)
        found.append(trust(model.embed(x), model.labels_, n_bootstraps=10, seed=run).verdict)
    return found


def test_noise_is_called_noise():
    assert [v for v in noise_verdicts(10) if not v.startswith("No stable clusters")] == []


@pytest.mark.slow
def test_noise_is_called_noise_in_95_of_100_runs():
    found = noise_verdicts(100)
    assert sum(v.startswith("No stable clusters") for v in found) >= 95


# The sweep ------------------------------------------------------------------------------------------------


def test_silhouette_and_davies_bouldin_are_those_of_scikit_learn():
    x = load_iris().data
    sweep = k_sweep(x, range(2, 5), n_bootstraps=5)
    for row in sweep.rows:
        labels = divide(x, row.k, 0)
        assert row.silhouette == pytest.approx(silhouette_score(x, labels), abs=1e-5)
        assert row.davies_bouldin == pytest.approx(davies_bouldin_score(x, labels))
        assert row.inertia == pytest.approx(KMeans(row.k, n_init=10, random_state=0).fit(x).inertia_, rel=1e-3)


def test_a_row_alone_in_its_group_has_silhouette_0():
    x = np.array([[0.0], [0.1], [9.0]])
    labels = np.array([0, 0, 1])
    assert silhouette(pairwise_distances(x), labels) == pytest.approx(silhouette_score(x, labels))


def test_the_sweep_finds_planted_clusters_and_tells_how_far_it_is():
    rows, _ = make_blobs(800, centers=4, cluster_std=0.8, random_state=8)
    said = []
    sweep = k_sweep(rows, range(2, 7), n_bootstraps=8, progress=lambda share, text: said.append((share, text)))
    assert sweep.best == 4
    assert sweep.verdict == "4 segments hold best. All 4 segments are stable."
    shares = [share for share, _ in said]
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1.0) and len(said) > 20
    table = sweep.table().set_index("k")
    assert table.loc[4, "n_stable"] == 4 and table.loc[6, "n_stable"] < 6


def row(k: int, stability: tuple[float, ...], margin: float = 10.0) -> SweepRow:
    return SweepRow(k, 0.3, 1.0, 0.5, 0.01, margin, 1.0, stability)


def test_the_best_number_is_the_largest_that_all_hold():
    sweep = KSweep((row(2, (0.9, 0.9)), row(3, (0.8, 0.9, 0.76)), row(4, (0.99, 0.99, 0.99, 0.7))), 100, 100, 20, 3)
    assert sweep.best == 3
    assert KSweep((row(2, (0.9, 0.5)), row(3, (0.6, 0.9, 0.7))), 100, 100, 20, 3).best == 3  # mean .73 against .70
    assert KSweep((row(2, (0.9, 0.9), margin=2.0),), 100, 100, 20, 1).best is None  # no tighter than chance


def test_a_single_group_has_no_verdict_to_give():
    assert trust(np.zeros((20, 2)), np.zeros(20, dtype=np.int64)) == Trust((), 0.0, 20, 20)
