"""CPU time of all threads, and of a step in a process of its own with all that it starts."""

from __future__ import annotations

import multiprocessing
import os
import resource
import statistics
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import psutil  # type: ignore[import-untyped]

T = TypeVar("T")
SAMPLE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Timing:
    """CPU milliseconds of several warm runs, all threads together."""

    least: float
    median: float
    n_runs: int


def cpu_ms(run: Callable[[], object], *, n_runs: int = 15, seconds: float = 12.0) -> Timing:
    """Measure `run` after one run that warms it: three times at least, once if it is slow, and as time allows.

    Notes
    -----
    Other work on the machine adds to every run and takes nothing away, so ratios are made of the least.
    """
    end = time.monotonic() + seconds
    run()
    least = 3 if end - time.monotonic() > seconds * 0.75 else 1
    taken: list[float] = []
    while len(taken) < least or (len(taken) < n_runs and time.monotonic() < end):
        begun = time.process_time()
        run()
        taken.append((time.process_time() - begun) * 1000)
    return Timing(min(taken), statistics.median(taken), len(taken))


@dataclass(frozen=True, slots=True)
class Alone:
    """What a step in a process of its own gave and used, its own child processes included.

    Attributes
    ----------
    result : object
    cpu_s, wall_s : float
        From the call to its return; starting the process and importing modules is not in it.
    peak_bytes : int
        Most resident memory at any moment, summed over the processes.
    """

    result: Any
    cpu_s: float
    wall_s: float
    peak_bytes: int


def alone(step: Callable[..., Any], *args: Any) -> Alone:
    """Run `step` in a fresh process and measure it.

    Parameters
    ----------
    step : callable
        A function of a module; it and what it returns must survive pickling between our own processes.

    Raises
    ------
    RuntimeError
        If the step failed; its traceback is the message.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_child, args=(theirs, step, args))
    process.start()
    theirs.close()
    peak = _Peak(process.pid or 0)
    try:
        said = ours.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"the process of {step.__name__} ended with code {process.exitcode}") from None
    finally:
        most = peak.end()
    process.join()
    if isinstance(said, str):
        raise RuntimeError(said)
    result, cpu_s, wall_s = said
    return Alone(result, cpu_s, wall_s, most)


def _child(pipe: Any, step: Callable[..., Any], args: tuple[Any, ...]) -> None:
    begun, begun_cpu = time.monotonic(), _cpu_s()
    try:
        result = step(*args)
    except BaseException:
        pipe.send(traceback.format_exc())
        raise
    pipe.send((result, _cpu_s() - begun_cpu, time.monotonic() - begun))


def _cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


class _Peak:
    """Watches the memory of a process and of what it starts."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._most = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> int:
        self._end.set()
        self._thread.join()
        return self._most

    def _watch(self) -> None:
        while not self._end.wait(SAMPLE_SECONDS):
            held = 0
            for process in self._family():
                try:
                    held += process.memory_info().rss
                except psutil.Error:
                    continue  # it has just ended
            self._most = max(self._most, held)

    def _family(self) -> list[psutil.Process]:
        try:
            return [self._root, *self._root.children(recursive=True)]
        except psutil.Error:
            return []


def threads() -> int:
    """Return how many threads every engine gets."""
    return min(os.cpu_count() or 2, 2)
