"""Processes side by side, for all steps of one command."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor


class Workers:
    """Processes that are started when first needed and end with the block.

    Starting one takes as long as cutting some hundred tiles, so one set of them serves every step,
    and ``start`` lets them come up while this process does what one process has to do alone.

    Parameters
    ----------
    count
        How many; with one, everything happens in this process.
    """

    def __init__(self, count: int) -> None:
        self.count = max(1, count)
        self._pool: ProcessPoolExecutor | None = None
        self._size = 0

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def start(self, jobs: int) -> None:
        """Begin to start as many as so many jobs will keep busy; returns at once."""
        wanted = min(self.count, jobs)
        if wanted > max(1, self._size):
            pool = self._grown(wanted)
            for _ in range(wanted):
                pool.submit(_come_up)

    def each(self, function: Callable[[Any], Any], jobs: Sequence[Any]) -> Iterable[Any]:
        """Results as they come, in no particular order.

        Parameters
        ----------
        function
            Of a module, so that it can travel to another process.
        """
        if self.count == 1 or len(jobs) <= 1:
            yield from map(function, jobs)
            return
        from concurrent.futures import as_completed

        pool = self._grown(min(self.count, len(jobs)))
        try:
            for future in as_completed([pool.submit(function, job) for job in jobs]):
                yield future.result()
        except BaseException:
            self._end()  # what is not begun is not begun any more
            raise

    def _grown(self, wanted: int) -> ProcessPoolExecutor:
        """The processes, at least so many."""
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        if self._pool is None or self._size < wanted:
            self._end()
            # spawn, because forking a process with running threads (GDAL, Arrow) may lock it up
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(
                wanted, mp_context=context, initializer=_end_with_parent
            )
            self._size = wanted
        return self._pool

    def _end(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool, self._size = None, 0


def _come_up() -> None:
    """In a worker: load what cutting needs."""
    from . import build  # noqa: F401  # with rasterio, pyproj and scipy below it
    from .schema import arrow

    arrow()


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
