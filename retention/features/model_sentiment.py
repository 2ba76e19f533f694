"""The tone of a text by word lists that work offline: English by VADER, Chinese by SnowNLP."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

CHINESE = re.compile(r"[\u4e00-\u9fff]")
Judge = Callable[[str], float]


def _english() -> Judge:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyser = SentimentIntensityAnalyzer()
    return lambda text: float(analyser.polarity_scores(text)["compound"])


def _chinese() -> Judge:
    from snownlp import SnowNLP

    return lambda text: 2 * float(SnowNLP(text).sentiments) - 1


LIBRARIES = {"English": ("vaderSentiment", _english), "Chinese": ("snownlp", _chinese)}


@lru_cache(maxsize=len(LIBRARIES))
def judge_of(language: str) -> Judge | None:
    """Return what judges a language, or None where its library is not installed."""
    try:
        judge = LIBRARIES[language][1]()
    except ModuleNotFoundError:
        return None
    return lru_cache(maxsize=200_000)(judge)


def tones(texts: Iterable[tuple[int, str]]) -> tuple[Mapping[int, float], tuple[str, ...]]:
    """Judge each text once.

    Parameters
    ----------
    texts : iterable of (key, text)

    Returns
    -------
    (mapping of key to tone from −1 to 1, tuple of str)
        The second says which languages could not be judged, and how to change that.

    Notes
    -----
    VADER's compound score; SnowNLP's probability p of a good review as 2p − 1. Both are hints: they were made from
    other texts than a shop's. A text with a Chinese character is Chinese, any other one English; a text of no letters is
    not judged.

    References
    ----------
    Hutto, C. J. & Gilbert, E. (2014). VADER: A parsimonious rule-based model for sentiment analysis of social media text.
    """
    found: dict[int, float] = {}
    missing: set[str] = set()
    for key, text in texts:
        language = "Chinese" if CHINESE.search(text) else "English"
        if not any(letter.isalpha() for letter in text):
            continue
        judge = judge_of(language)
        if judge is None:
            missing.add(language)
            continue
        found[key] = judge(text)
    notes = tuple(
        f"The tone of {language} reviews is left out, because the library {LIBRARIES[language][0]} is not installed: "
        f"pip install {LIBRARIES[language][0]}."
        for language in sorted(missing)
    )
    return found, notes
