"""Sequences made by hand or by a law, without a store."""

from __future__ import annotations

import numpy as np

from retention.sequences.table import SequenceTable

DAY_S = 86_400


def sequences(stories, vocabulary, *, gap_s=DAY_S, silence_s=DAY_S, cutoff_days=None, amounts=None) -> SequenceTable:
    """Lay stories out: each a list of kinds, `gap_s` apart, the last `silence_s` before the cut-off."""
    lengths = np.array([len(story) for story in stories])
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    kinds = np.array([vocabulary.index(kind) for story in stories for kind in story], dtype=np.int16)
    left = np.concatenate([np.arange(n)[::-1] for n in lengths])
    silence = np.repeat(np.broadcast_to(silence_s, lengths.shape), lengths)
    ages = (silence + left * gap_s).astype(np.int32)
    n = len(stories)
    return SequenceTable(
        np.arange(n), np.zeros(n, dtype=np.int64) if cutoff_days is None else np.asarray(cutoff_days, dtype=np.int64),
        offsets, kinds, ages,
        np.full(len(kinds), np.nan, dtype=np.float16) if amounts is None else np.asarray(amounts, dtype=np.float16),
        np.zeros(len(kinds), dtype=np.float16), lengths.astype(float), ages[offsets[:-1]] / DAY_S, tuple(vocabulary),
    )  # fmt: skip


def frustrated(n: int, seed: int, *, is_order_told: bool = True, cutoff_days=None):
    """Draw users who all search twice and fill a basket twice, in some order; two searches first make them leave.

    Returns
    -------
    (SequenceTable, ndarray)
        How often each did what tells nothing: the order alone does.
    """
    random = np.random.default_rng(seed)
    stories, lapsed = [], []
    for _ in range(n):
        story = list(random.permutation(["search", "search", "basket", "basket"]))
        is_frustrated = story[:2] == ["search", "search"] or (story[0] == "search" and story[2] == "search")
        noise = list(random.choice(["view", "visit"], 3))
        places = sorted(random.choice(8, 3))
        for place, kind in zip(places, noise, strict=True):
            story.insert(min(place, len(story)), kind)
        chance = (0.9 if is_frustrated else 0.1) if is_order_told else 0.4
        stories.append(story)
        lapsed.append(int(random.random() < chance))
    table = sequences(
        stories, ["basket", "search", "view", "visit"], silence_s=random.integers(1, 30, n) * DAY_S, cutoff_days=cutoff_days,
        amounts=random.normal(2, 1, sum(map(len, stories))),
    )  # fmt: skip
    return table, np.array(lapsed)
