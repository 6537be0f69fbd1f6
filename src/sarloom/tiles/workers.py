"""Processes side by side, for all steps of one command."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..memory import keep_freed_memory

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

STARTS_THREADS = ("pyarrow", "torch")
"""Libraries whose import leaves threads running, which a forked process would lack."""


class Workers:
    """Processes that are started when first needed and end with the block.

    Starting one anew takes as long as cutting some hundred tiles, so this process is one of them,
    one set of others serves every step, and ``start`` lets these come up while this process does
    what one process has to do alone. Called early enough it forks them, which takes no time.

    Parameters
    ----------
    count
        How many, this one included; with one, everything happens in this process.
    """

    def __init__(self, count: int) -> None:
        self.count = max(1, count)
        self._pool: ProcessPoolExecutor | None = None
        self._size = 0

    def __enter__(self) -> Workers:
        keep_freed_memory()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def start(self, jobs: int, first: Callable[[], Any] | None = None) -> None:
        """Begin to start as many as so many jobs will keep busy; returns at once.

        Parameters
        ----------
        first
            What each does first, so that what it needs is loaded; its result and errors are lost.
        """
        wanted = min(self.count, jobs) - 1
        if wanted > self._size:
            pool = self._grown(wanted)
            for _ in range(wanted):
                pool.submit(_come_up, first)

    def each(
        self,
        function: Callable[[Any], Any],
        jobs: Sequence[Any],
    ) -> Iterator[Any]:
        """Results as they come, in no particular order.

        Parameters
        ----------
        function
            Of a module, so that it can travel to another process.
        """
        left, waiting, done = len(jobs), deque(jobs), SimpleQueue[Future[Any]]()
        try:
            self._feed(function, waiting, done)
            while left:
                try:
                    job = waiting.popleft()
                except IndexError:  # all are done or in other hands
                    found = done.get().result()
                else:
                    found = function(job)
                yield found
                left -= 1
                while not done.empty():
                    yield done.get().result()
                    left -= 1
        except BaseException:
            self._end()  # what is not begun is not begun any more
            raise

    def _feed(
        self, function: Callable[[Any], Any], waiting: deque[Any], done: SimpleQueue[Future[Any]]
    ) -> None:
        """Let the other processes take jobs, each its next one when the last is done."""
        others = min(self.count, len(waiting)) - 1
        if others < 1:
            return
        pool = self._grown(others)

        def next_job() -> None:
            try:
                job = waiting.popleft()
            except IndexError:
                return
            try:
                pool.submit(function, job).add_done_callback(finished)
            except RuntimeError:  # the processes ended meanwhile
                waiting.appendleft(job)

        def finished(future: Future[Any]) -> None:
            next_job()
            done.put(future)

        def is_up(future: Future[Any]) -> None:
            if future.cancelled():
                return
            if future.exception() is None:
                next_job()
            else:
                done.put(future)  # whose result raises where it is asked for

        for _ in range(others):
            pool.submit(_come_up).add_done_callback(is_up)

    def _grown(self, wanted: int) -> ProcessPoolExecutor:
        """The processes, at least so many."""
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        if self._pool is None or self._size < wanted:
            self._end()
            way = "fork" if may_fork() else "spawn"
            context = multiprocessing.get_context(way)
            self._pool = ProcessPoolExecutor(wanted, mp_context=context, initializer=_begin)
            if way == "fork":
                with warnings.catch_warnings():
                    # of other threads, from Python 3.12 on; see may_fork
                    warnings.simplefilter("ignore", DeprecationWarning)
                    self._pool.submit(int)  # which forks them all, now
            self._size = wanted
        return self._pool

    def _end(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool, self._size = None, 0


def may_fork() -> bool:
    """Whether a forked copy of this process would work.

    A fork takes along memory and locks, but no thread: one that held a lock leaves it locked for
    ever. Threads of Arrow and torch run from their import on; GDAL has none as tiles are read here,
    OpenBLAS and PROJ put theirs in order (``pthread_atfork``), and a drawing progress bar holds
    locks of Python's alone, which workers never ask for. Other systems than Linux do not allow it.
    """
    return sys.platform == "linux" and not any(name in sys.modules for name in STARTS_THREADS)


def _come_up(first: Callable[[], Any] | None = None) -> None:
    """In a worker: load what cutting needs."""
    from . import build  # noqa: F401  # with rasterio and numpy below it
    from .schema import arrow

    arrow()
    if first is not None:
        with contextlib.suppress(Exception):
            first()


def _begin() -> None:
    """In a worker: first of all."""
    from multiprocessing.util import Finalize

    keep_freed_memory()
    _end_with_parent()
    # at the end leave at once, as forked processes do: tidying up takes a tenth of a second
    Finalize(None, os._exit, args=(0,), exitpriority=-100)


def _end_with_parent() -> None:
    """In a worker: end when the run is killed, instead of waiting for work for ever."""
    import threading
    from multiprocessing import connection, parent_process

    parent = parent_process()

    def wait() -> None:
        if parent is not None:
            connection.wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
