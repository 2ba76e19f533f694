"""Plotly figures on a page: cheap to send, with words for those who do not see them, and never calling out."""

from __future__ import annotations

from typing import Any

import streamlit as st
from plotly.basedatatypes import BaseFigure

REMOVED = ["lasso2d", "select2d", "zoom2d", "pan2d", "autoScale2d", "resetScale2d", "zoomIn2d", "zoomOut2d"]


class ReadyFigure(BaseFigure):
    """A figure that is a plain dictionary already.

    Notes
    -----
    Streamlit takes figures or dictionaries; it validates a dictionary by making a figure of it (25 ms of a grid)
    and copies a figure in depth. What `retention.*.chart` writes is checked by the tests instead.
    """

    def __init__(self, content: dict[str, Any]) -> None:
        object.__setattr__(self, "_content", content)

    def to_dict(self) -> dict[str, Any]:
        """Return the dictionary itself."""
        content: dict[str, Any] = object.__getattribute__(self, "_content")
        return content


def is_dark() -> bool:
    """Whether the reader's theme is the dark one."""
    return st.context.theme.type == "dark"


def chart(figure: dict[str, Any], *, alt: str, key: str, file_name: str, is_clickable: bool = False) -> Any:
    """Draw a figure and return what is selected in it.

    Parameters
    ----------
    figure : dict
    alt : str
        What it shows, in words.
    file_name : str
        Of the picture that the camera button saves.
    is_clickable : bool
        Whether points can be selected.
    """
    fmt = "svg" if st.session_state.get("picture_format") == "SVG" else "png"
    config = {
        "displaylogo": False,
        "showSendToCloud": False,
        "displayModeBar": True,
        "modeBarButtonsToRemove": REMOVED,
        "toImageButtonOptions": {"format": fmt, "scale": 2 if fmt == "png" else 1, "filename": file_name},
        "scrollZoom": False,
        "doubleClick": False,
    }
    if is_clickable:
        return st.plotly_chart(
            ReadyFigure(figure), key=key, config=config, alt=alt, on_select="rerun", selection_mode="points"
        )
    return st.plotly_chart(ReadyFigure(figure), key=key, config=config, alt=alt)
