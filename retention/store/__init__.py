"""The only code that opens a database file."""

from retention.store.catalogue import Catalogue, Clock
from retention.store.sql import Sql
from retention.store.store import Snapshot, Store, Transaction, store_path

__all__ = ["Catalogue", "Clock", "Snapshot", "Sql", "Store", "Transaction", "store_path"]
