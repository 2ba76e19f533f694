"""Start the app: `streamlit run app.py`."""

from __future__ import annotations

import os

# Before anything imports numpy: threads that spin while they wait slow a small server down several times.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from pathlib import Path

import streamlit as st

from retention.ui.launch import lifespan, show_failure

ROOT = Path(__file__).resolve().parent
app = st.App(ROOT / "retention" / "ui" / "main.py", lifespan=lifespan, on_script_error=show_failure)
