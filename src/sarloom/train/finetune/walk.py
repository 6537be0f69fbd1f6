"""Which tiles a step takes: a walk through shuffled passes, made of seed and step alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class Walk:
    """The batches of a run over tiles of one size or several; a batch is of one size.

    In each pass a size has the batches that its share of the tiles asks for, and their order is
    shuffled.
    """

    def __init__(self, counts: Sequence[int], batch: int, seed: int) -> None:
        """Fit a walk to the numbers of tiles of each size."""
        self._counts, self._batch, self._seed = list(counts), batch, seed
        self._orders: dict[tuple[int, int, int], NDArray[np.int64]] = {}

    def at(self, step: int) -> tuple[int, list[int]]:
        """The size that a step takes, by its place among the counts, and its tiles of that size."""
        size, first = self._place(step)
        count = self._counts[size]
        chosen = []
        for position in range(first, first + self._batch):
            turn, place = divmod(position, count)
            chosen.append(int(self._order(7, turn, count)[place]))
        return size, chosen

    def _place(self, step: int) -> tuple[int, int]:
        """The size of a step, and its first place in the walk through that size."""
        if len(self._counts) == 1:
            return 0, step * self._batch
        batches = [-(-count // self._batch) for count in self._counts]
        turn, place = divmod(step, sum(batches))
        owners = np.repeat(np.arange(len(batches)), batches)[self._order(8, turn, sum(batches))]
        owner = int(owners[place])
        before = int((owners[:place] == owner).sum())
        return owner, (turn * batches[owner] + before) * self._batch

    def _order(self, purpose: int, turn: int, count: int) -> NDArray[np.int64]:
        """The shuffled order of one pass; the last ones are kept, a step asks for them often."""
        key = purpose, turn, count
        if key not in self._orders:
            kept = [one for one in self._orders if one[1] >= turn - 1]
            self._orders = {one: self._orders[one] for one in kept}
            rng = np.random.default_rng([self._seed, purpose, turn])
            self._orders[key] = rng.permutation(count)
        return self._orders[key]
