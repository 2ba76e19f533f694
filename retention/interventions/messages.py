"""Messages: the templates that the program brings, and a template filled in for each user."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from retention.interventions.spec_message import FIELDS, LANGUAGES, Language, MessageSpec, filled

TEMPLATES: dict[str, dict[Language, tuple[str, str]]] = {
    "recommendation": {
        "English": (
            "You liked {favourite_item}. Others who shop like you also chose {segment_item}. Have a look?",
            "We have put together what our customers like best at the moment. Have a look?",
        ),
        "Chinese": ("您喜欢{favourite_item}。和您品味相近的顾客还选择了{segment_item}，来看看吧？", "我们为您整理了近期最受欢迎的商品，来看看吧？"),
    },
    "coupon": {
        "English": (
            "It has been {days_since_last} days. Here is something for you: {offer}. Perhaps for more {favourite_category}?",
            "It has been a while. Here is something for you: {offer}.",
        ),
        "Chinese": ("已经{days_since_last}天没见到您了。送您一份心意：{offer}。再挑些{favourite_category}吧？", "好久不见，送您一份心意：{offer}。"),
    },
    "care": {
        "English": (
            "We have not seen you for {days_since_last} days. Is everything all right with your order? Reply to this message and a"
            " person will answer.",
            "Is everything all right with your order? Reply to this message and a person will answer.",
        ),
        "Chinese": (
            "我们已有{days_since_last}天没见到您了。您的订单一切都好吗？直接回复本消息，客服会亲自答复您。",
            "您的订单一切都好吗？直接回复本消息，客服会亲自答复您。",
        ),
    },
    "winback": {
        "English": (
            "A lot is new since your last visit, in {favourite_category} too: {segment_item} is what others choose now.",
            "A lot is new since your last visit. Come and see.",
        ),
        "Chinese": (
            "自您上次光临以来，我们上了不少新品，{favourite_category}也在其中：大家最近都在选{segment_item}。",
            "自您上次光临以来，我们上了不少新品，欢迎回来看看。",
        ),
    },
    "survey": {
        "English": (
            "What could we do better? Three questions, one minute, and a thank-you: {offer}.",
            "What could we do better? Three questions, one minute.",
        ),
        "Chinese": ("我们哪里可以做得更好？三个问题，一分钟，谢礼：{offer}。", "我们哪里可以做得更好？三个问题，一分钟。"),
    },
    "onboarding": {
        "English": (
            "Since you looked at {favourite_item}: here is how to get the most out of it, in three steps.",
            "Here is how to get the most out of your account, in three steps.",
        ),
        "Chinese": ("看到您对{favourite_item}感兴趣：三步教您用好它。", "三步教您用好您的账户。"),
    },
    "points": {
        "English": (
            "{offer} are waiting for you. They are worth money on {favourite_category}, for example on {segment_item}.",
            "{offer} are waiting for you.",
        ),
        "Chinese": ("{offer}正等着您，可用于{favourite_category}，例如{segment_item}。", "{offer}正等着您。"),
    },
    "ads": {
        "English": ("Still thinking of {favourite_item}? It is here.", "What you liked is still here."),
        "Chinese": ("还在想着{favourite_item}吗？它还在这里。", "您喜欢的商品还在这里。"),
    },
}  # fmt: skip
"""By kind of intervention and language: the template, and what is written where one of its fields is not known."""
MESSAGE, FALLBACK, NONE = "message", "fallback", "no message"
REASONS = {name: f"{name.replace('_', ' ')} not known" for name in FIELDS}


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages as some users would read them.

    Attributes
    ----------
    spec : MessageSpec
    n_users : int
        On the list.
    shown : DataFrame
        Of at most twenty of them: user_key, pseudonym, kind ("message", "fallback" or "no message"), text (None where there
        is none), missing (the fields that are not known, separated by commas).
    n_missing : mapping of field to int
        Of all users on the list, of how many each field of the template is not known.
    n_unwritten : int
        Users on the list who would get no message.
    n_fallback : int
        Users on the list who would get the fallback.
    """

    spec: MessageSpec
    n_users: int
    shown: pd.DataFrame
    n_missing: Mapping[str, int]
    n_unwritten: int
    n_fallback: int


def texts_of(values: pd.DataFrame, spec: MessageSpec) -> pd.DataFrame:
    """Write to each user what the template says.

    Parameters
    ----------
    values : DataFrame
        user_key, pseudonym, and each field of `FIELDS` but the offer; empty where it is not known.

    Returns
    -------
    DataFrame
        user_key, pseudonym, kind, text, missing: see `Messages`.
    """
    told = []
    for row in values.to_dict("records"):
        known = {name: _said(row.get(name)) for name in FIELDS if name != "offer"} | {"offer": _said(spec.offer)}
        missing = [name for name in spec.fields if not known[name]]
        kind, text = MESSAGE, None
        if missing:
            is_possible = bool(spec.fallback.strip()) and all(known[name] for name in spec.fallback_fields)
            kind = FALLBACK if is_possible else NONE
        if kind != NONE:
            text = filled(spec.template if kind == MESSAGE else spec.fallback, known)
        told.append((row["user_key"], row["pseudonym"], kind, text, ", ".join(missing)))
    return pd.DataFrame(told, columns=["user_key", "pseudonym", "kind", "text", "missing"])


def _said(value: Any) -> str:
    """Write what is filled in on one line, without signs that are not seen; "" where it is not known."""
    if pd.isna(value):
        return ""
    text = str(int(value)) if isinstance(value, float) and value == int(value) else str(value)
    # Signs that are not seen could turn what follows around, or hide in it.
    text = "".join(sign for sign in text if unicodedata.category(sign) not in ("Cc", "Cf") or sign in "\n\t")
    return re.sub(r"\s+", " ", text).strip()


def joined(recommended: pd.DataFrame, last_days: pd.DataFrame, as_of_day: int) -> pd.DataFrame:
    """Put beside what is recommended to users how long ago each was last active.

    Parameters
    ----------
    recommended : DataFrame
        user_key, favourite_item, favourite_category, segment_item.
    last_days : DataFrame
        user_key, last_day: users without a row have not been active.
    as_of_day : int
        The first day that is not whole any more; who was active on the day before it was so 0 days ago.
    """
    last = recommended["user_key"].map(last_days.set_index("user_key")["last_day"])
    return recommended.assign(days_since_last=(as_of_day - 1 - last).astype("Int64"))


def patterns_of(table: pd.DataFrame) -> pd.DataFrame:
    """Count of how many users what is known: n, and has_<field> for each field but the offer."""
    names = [name for name in FIELDS if name != "offer"]
    flags = pd.DataFrame({f"has_{name}": table[name].notna() & (table[name].astype(str) != "") for name in names})
    return flags.groupby(list(flags), as_index=False).size().rename(columns={"size": "n"})


def messages_of(values: pd.DataFrame, spec: MessageSpec, n_users: int, patterns: pd.DataFrame) -> Messages:
    """Put messages together with how many users would get none.

    Parameters
    ----------
    values : DataFrame
        See `texts_of`.
    patterns : DataFrame
        n, and has_<field> (0 or 1) for each field of `FIELDS` but the offer: how many users of the list have what.
    """
    has_offer = bool(_said(spec.offer))
    n_missing = dict.fromkeys(spec.fields, 0)
    n_unwritten = n_fallback = 0
    for row in patterns.to_dict("records"):
        n = int(row["n"])
        known = {name: has_offer if name == "offer" else bool(row[f"has_{name}"]) for name in FIELDS}
        for name in spec.fields:
            n_missing[name] += 0 if known[name] else n
        if all(known[name] for name in spec.fields):
            continue
        if spec.fallback.strip() and all(known[name] for name in spec.fallback_fields):
            n_fallback += n
        else:
            n_unwritten += n
    return Messages(spec, n_users, texts_of(values, spec), n_missing, n_unwritten, n_fallback)


def usual_template(kind: str, language: Language) -> tuple[str, str]:
    """Return the template and the fallback for a kind of intervention; a kind of the owner's takes those of the care message.

    Examples
    --------
    >>> usual_template("survey", "Chinese")[1]
    '我们哪里可以做得更好？三个问题，一分钟。'
    """
    assert language in LANGUAGES
    return TEMPLATES.get(kind, TEMPLATES["care"])[language]
