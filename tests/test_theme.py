"""The theme can be read: WCAG 2.2 AA, computed from the colours of .streamlit/config.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

THEME = tomllib.loads((Path(__file__).parents[1] / ".streamlit/config.toml").read_text("utf-8"))["theme"]
NAMED = ("red", "orange", "yellow", "blue", "green", "violet", "gray")


def channels(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def over(ink: str, ground: str, opacity: float) -> str:
    """Return the colour seen when `ink` lies half transparent over `ground`."""
    pairs = zip(channels(ink), channels(ground), strict=True)
    return "#" + "".join(f"{round(opacity * a + (1 - opacity) * b):02x}" for a, b in pairs)


def luminance(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
              for c in (value / 255 for value in channels(colour))]  # fmt: skip
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two opaque colours, from 1 to 21 (WCAG 2.2, relative luminance)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_agrees_with_figures_known_by_hand():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    # #777777 on white is the well-known grey that just fails AA, #767676 the first that passes.
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_text_can_be_read_on_its_ground(mode):
    theme = THEME[mode]
    grounds = [theme["backgroundColor"], theme["secondaryBackgroundColor"]]
    pairs = {f"{name} on {ground}": (theme[name], ground) for ground in grounds
             for name in ("textColor", "linkColor", *(f"{colour}Color" for colour in NAMED))}  # fmt: skip
    # Streamlit draws captions and placeholders in the text colour at 60 %.
    pairs |= {f"caption on {ground}": (over(theme["textColor"], ground, 0.6), ground) for ground in grounds}
    # Buttons of type primary and the chosen values of a multiselect are white on the primary colour.
    pairs["white on primary"] = ("#ffffff", theme["primaryColor"])
    pairs["code"] = (theme["codeTextColor"], theme["codeBackgroundColor"])
    pairs["table header"] = (theme["dataframeHeaderTextColor"], theme["dataframeHeaderBackgroundColor"])
    weak = {name: round(contrast(*pair), 2) for name, pair in pairs.items() if contrast(*pair) < 4.5}
    assert weak == {}


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_what_is_switched_on_stands_out_from_the_ground(mode):
    # Ticks, sliders and focus rings are no text: 3:1 (success criterion 1.4.11).
    assert contrast(THEME[mode]["primaryColor"], THEME[mode]["backgroundColor"]) >= 3


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_more_share_is_always_more_ink(mode):
    steps = [contrast(c, THEME[mode]["backgroundColor"]) for c in THEME[mode]["chartSequentialColors"]]
    assert len(steps) == 10 and steps == sorted(steps)
