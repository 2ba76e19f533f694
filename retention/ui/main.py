"""The frame around every page: navigation, until when the data reach, and the address. Streamlit runs this file."""

from __future__ import annotations

from retention.ui.frame import frame

frame()
