"""A file of units, answered without a store."""

from __future__ import annotations

from retention.experiments.model_readout import read_units
from retention.experiments.readout import Readout
from retention.experiments.spec import ReadSpec, UnitFileSpec
from retention.experiments.unit_file import UnitTable, unit_columns, units_of_file

__all__ = ["UnitTable", "experiment_file", "unit_columns"]


def experiment_file(content: bytes, file: UnitFileSpec, spec: ReadSpec | None = None) -> Readout:
    """What did the arms of the experiment in this file change?

    Parameters
    ----------
    content : bytes
        CSV, CSV.gz or Parquet.
    file : UnitFileSpec
        What the columns mean.
    spec : ReadSpec, optional
    """
    return read_units(units_of_file(content, file), spec)
