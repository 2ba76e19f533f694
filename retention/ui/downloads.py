"""Files made on the click, so that nobody waits for bytes that nobody asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from retention.audiences.export import FORMATS, MIME

FORMAT_WORDS = {"csv": "CSV", "xlsx": "Excel", "parquet": "Parquet", "jsonl": "JSON lines"}


def download(
    what: str, file_name: str, make: Callable[[str], bytes], *, key: str, formats: Sequence[str] = FORMATS
) -> None:
    """Offer a table in every format.

    Parameters
    ----------
    what : str
        What the file holds, for readers of screens.
    file_name : str
        Without its ending.
    make : callable
        Makes the bytes of a format, on the click.
    key : str
    formats : sequence of str
        In which it can be had; lists of users in more than tables of figures.
    """
    with st.container(horizontal=True, gap="small", key=f"{key}_files"):
        for fmt in formats:
            st.download_button(
                f"{FORMAT_WORDS[fmt]}",
                data=partial(make, fmt),
                file_name=f"{file_name}.{fmt}",
                mime=MIME[fmt],
                on_click="ignore",
                key=f"{key}_{fmt}",
                help=f"Download {what} as {FORMAT_WORDS[fmt]}",
            )
