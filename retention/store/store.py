"""Open a store; read from it with a cursor per call; write to it one order at a time."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import duckdb

from retention.errors import StoreError
from retention.store import catalogue as catalogues
from retention.store.catalogue import Catalogue
from retention.store.sql import Sql

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

T = TypeVar("T")
DEFAULT_PATH = Path(__file__).resolve().parents[2] / "data" / "holdfast.duckdb"
MEMORY_LIMIT = "2GB"
THREADS = 2


def store_path(given: str | None = None) -> Path:
    """Return the store's path: as given, else RETENTION_STORE, else under the project's ``data/``."""
    return Path(given or os.environ.get("RETENTION_STORE") or DEFAULT_PATH)


class Snapshot:
    """One consistent view of the store: everything read through it has the same data version."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, cached: Mapping[int, Catalogue]) -> None:
        self._cursor = cursor
        ((version,),) = self.rows("select s.data_version from state as s")
        self.catalogue = cached.get(version) or catalogues.load(self.rows)

    def rows(self, text: str, params: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """Run a small query and return its rows."""
        return self._cursor.execute(text, dict(params or {})).fetchall()

    def read(self, sql: Sql) -> pd.DataFrame:
        """Run a question and return its small frame."""
        return self._cursor.execute(sql.text, dict(sql.params)).df()

    def table(self, sql: Sql) -> pa.Table:
        """Run a question and return its rows as an Arrow table: what files of many rows are made of."""
        return self._cursor.sql(sql.text, params=dict(sql.params)).to_arrow_table()


class Transaction(Snapshot):
    """What an order may do; committed as a whole or not at all."""

    @property
    def cursor(self) -> duckdb.DuckDBPyConnection:
        """The cursor of the transaction, for the orders of this package."""
        return self._cursor

    def run(self, text: str, params: Mapping[str, object] | None = None) -> None:
        """Run a statement."""
        self._cursor.execute(text, dict(params or {}))

    def count(self, text: str, params: Mapping[str, object] | None = None) -> int:
        """Run a statement that changes rows and return how many it changed."""
        result = self._cursor.execute(text, dict(params or {})).fetchone()
        return int(result[0]) if result else 0


class Store:
    """An open store. One process owns the file.

    Parameters
    ----------
    path : Path
        The DuckDB file. Use `open` or `create_or_open`.

    Notes
    -----
    A connection that threads share gives wrong results under load, so every call takes its own cursor.
    Concurrent updates of a row conflict, so orders run one after another. A file that crashes in the first writes
    after its creation cannot be opened again, so a new store is made under another name and renamed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._catalogues: dict[int, Catalogue] = {}
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        self._temporary = Path(tempfile.mkdtemp(prefix="retention-"))
        self._connection = self._connect()
        with self._translated():
            _migrate(self._connection)
            self._build_what_is_stale()

    def _build_what_is_stale(self) -> None:
        ((is_stale,),) = self._connection.execute("select s.is_stale from state as s").fetchall()
        if is_stale:
            from retention.store import orders  # which needs this module

            self.write(orders.build_if_stale)

    @property
    def scratch(self) -> Path:
        """A folder of this process alone that the engine may read; what is staged lies there."""
        return self._temporary

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open an existing store.

        Raises
        ------
        StoreError
            If there is none, if another process holds it, or if the file is damaged.
        """
        if not path.exists():
            raise StoreError(
                f"There is no store at {path}.", hint="Import a file, or build the sample shop, to create it."
            )
        return cls(path)

    @classmethod
    def create_or_open(cls, path: Path) -> Self:
        """Open a store, making an empty one first if there is none."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.new")
            connection = duckdb.connect(str(fresh))
            try:
                _migrate(connection)
                connection.execute("checkpoint")
            finally:
                connection.close()
            sync(fresh)
            # `link` refuses to replace a store that another process has made in the meantime.
            with contextlib.suppress(FileExistsError):
                os.link(fresh, path)
            fresh.unlink()
            sync(path.parent)
        return cls.open(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Wait for the write that runs, and let the file go."""
        with self._writing:
            self._connection.close()
        shutil.rmtree(self._temporary, ignore_errors=True)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Read several things from one version of the data."""
        with self._translated(), contextlib.closing(self._cursor()) as cursor:
            cursor.execute("begin transaction")
            seen = Snapshot(cursor, self._catalogues)
            self._remember(seen.catalogue)
            yield seen

    def read(self, sql: Sql) -> pd.DataFrame:
        """Run one question."""
        with self.snapshot() as snapshot:
            return snapshot.read(sql)

    def catalogue(self) -> Catalogue:
        """Return what the store holds now."""
        with self.snapshot() as snapshot:
            return snapshot.catalogue

    @property
    def data_version(self) -> int:
        """How many writes have been committed."""
        return self.catalogue().data_version

    def write(self, order: Callable[[Transaction], T]) -> T:
        """Run an order in a transaction of its own, after those that wait, and count the data version up.

        Raises
        ------
        StoreError
            If the disk is full; the store stays readable and holds everything acknowledged before.
        """
        with self._writing, self._translated(), contextlib.closing(self._cursor()) as cursor:
            cursor.execute("begin transaction")
            try:
                result = order(Transaction(cursor, self._catalogues))
                cursor.execute("update state set data_version = data_version + 1")
                cursor.execute("commit")
            except BaseException:
                with contextlib.suppress(duckdb.Error):
                    cursor.execute("rollback")
                raise
            return result

    def compact(self) -> None:
        """Rewrite the file without the bytes of what was deleted.

        Notes
        -----
        Copy and swap while no order runs, so that no write falls between the two; readers of the old
        file finish or fail cleanly.
        """
        with self._writing:
            fresh = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.compact")
            self.copy_to(fresh)
            with self._guard:
                self._connection.close()
                self.path.with_name(self.path.name + ".wal").unlink(missing_ok=True)
                os.replace(fresh, self.path)
                sync(self.path.parent)
                self._catalogues.clear()
                self._connection = self._connect()

    def copy_to(self, target: Path) -> None:
        """Write a consistent copy of the database, without what was deleted, to `target` (must not exist).

        Notes
        -----
        The database may touch files only in its own folder, so it writes there and the copy is moved.
        """
        beside = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.copy")
        cursor = self._cursor()
        try:
            with self._translated():
                # An identifier and a path cannot be bound; the path is ours and quoted.
                cursor.execute(f"attach '{str(beside).replace(chr(39), chr(39) * 2)}' as copy_of_store")
                try:
                    ((name,),) = cursor.execute("select current_database()").fetchall()
                    cursor.execute(f'copy from database "{name}" to copy_of_store')
                    cursor.execute("checkpoint copy_of_store")
                finally:
                    cursor.execute("detach copy_of_store")
            sync(beside)
            shutil.move(beside, target)
        finally:
            cursor.close()
            beside.unlink(missing_ok=True)
            beside.with_name(beside.name + ".wal").unlink(missing_ok=True)

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        with self._guard:
            return self._connection.cursor()

    def _remember(self, seen: Catalogue) -> None:
        # Only the newest is ever asked for again, save by a reader that has already begun.
        for old in [v for v in self._catalogues if v < seen.data_version - 1]:
            self._catalogues.pop(old, None)
        self._catalogues[seen.data_version] = seen

    def _connect(self) -> duckdb.DuckDBPyConnection:
        config = {
            "memory_limit": os.environ.get("RETENTION_MEMORY", MEMORY_LIMIT),
            "threads": os.environ.get("RETENTION_THREADS", str(min(os.cpu_count() or THREADS, THREADS))),
            "temp_directory": str(self._temporary),
            "max_temp_directory_size": "20GB",
            "allow_community_extensions": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
        }
        try:
            connection = duckdb.connect(str(self.path), config=config)  # type: ignore[arg-type]
            connection.execute("set enable_progress_bar_print = false")
            folder = str(self.path.resolve().parent).replace("'", "''")
            connection.execute(f"set allowed_directories = ['{folder}', '{self._temporary}']")
            connection.execute("set enable_external_access = false")
            connection.execute("set lock_configuration = true")
        except duckdb.IOException as error:
            raise _open_error(self.path, error) from error
        except duckdb.Error as error:
            raise StoreError(
                f"{self.path} cannot be opened as a store: {_first_line(error)}",
                hint="Restore a backup with `python -m retention restore FILE`, or move the file away.",
            ) from error
        return connection

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except duckdb.FatalException as error:
            # The instance is invalid for good; the file is whole up to the last commit.
            with self._guard:
                self._connection.close()
                self._connection = self._connect()
            raise _damage_error(self.path, error) or _disk_error(error) from error
        except duckdb.Error as error:
            damage = _damage_error(self.path, error)
            if damage:
                raise damage from error
            if re.search(r"no space left|max_temp_directory_size|could not write", str(error), re.IGNORECASE):
                raise _disk_error(error) from error
            raise
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise _disk_error(error) from error
            raise


def _open_error(path: Path, error: duckdb.Error) -> StoreError:
    holder = re.search(r"PID (\d+)", str(error))
    if holder:
        return StoreError(
            f"{path} is held by another process (PID {holder[1]}).",
            hint="Stop the app (or the other command) and try again, or name another store with --store.",
        )
    return StoreError(f"{path} cannot be opened: {_first_line(error)}", hint="Check the folder and its permissions.")


def _damage_error(path: Path, error: duckdb.Error) -> StoreError | None:
    if not re.search(r"corrupt|checksum", str(error), re.IGNORECASE):
        return None
    return StoreError(
        f"{path} is damaged: {_first_line(error)}",
        hint="Restore a backup with `python -m retention restore FILE`.",
    )


def _disk_error(error: BaseException) -> StoreError:
    return StoreError(
        f"The disk is full or cannot be written: {_first_line(error)}",
        hint="Free some space and try again; everything that was saved before is still there.",
    )


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _migrate(connection: duckdb.DuckDBPyConnection) -> None:
    """Run each migration that has not run, in a transaction with the record that it ran."""
    connection.execute("create table if not exists migrations (name varchar not null)")
    done = {name for (name,) in connection.execute("select m.name from migrations as m").fetchall()}
    steps = sorted(resources.files("retention.store.migrations").iterdir(), key=lambda step: step.name)
    known = [step for step in steps if step.name.endswith(".sql")]
    newer = done - {step.name for step in known}
    if newer:
        raise StoreError(
            f"The store was written by a newer version of Holdfast ({max(newer)}).",
            hint="Update the program, then open it again.",
        )
    for step in known:
        if step.name in done:
            continue
        connection.execute("begin transaction")
        for statement in duckdb.extract_statements(step.read_text(encoding="utf-8")):
            connection.execute(statement)
        connection.execute("insert into migrations values ($name)", {"name": step.name})
        connection.execute("commit")


def sync(path: Path) -> None:
    """Make what was written to a file or folder survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
