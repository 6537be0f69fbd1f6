"""Control networks over a canvas: their pictures are embedded once, in pieces, and then cropped.

What a ControlNet makes of its picture before it meets the latent is a chain of convolutions without
any normalisation, so a piece with a margin of its reach is exactly the piece of the whole; and it
is the same at every step. On disk it takes as much room as the latent times its channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...models.control import LoadedControl, load_control
from ..control.controls import own_control, summed
from ..control.request import ControlModel
from ..control.side import residuals
from .sources import Source

if TYPE_CHECKING:
    import torch

    from ...models.loaded import LoadedModel, TextCondition

FloatArray = NDArray[np.float32]
MARGIN = 4
"""Cells around a piece: more than the reach of the embedding's convolutions."""
PIECE = 16
"""Side of a piece in cells."""
Added = dict[str, "torch.Tensor"]


@dataclass(frozen=True)
class GuideSpec:
    """One picture that leads a canvas."""

    kind: str
    source: Source
    weight: float = 1.0
    start: float = 0.0
    stop: float = 1.0
    """Part of the denoising steps in which it works."""


@dataclass
class _Pass:
    """One network's pass at every window."""

    spec: GuideSpec
    network: Any
    embedded: FloatArray
    """[channels, cell rows, cell columns] on disk."""

    def works_at(self, progress: float) -> bool:
        return self.spec.start <= progress < self.spec.stop or self.spec.stop == 1.0 <= progress


class Guides:
    """All that leads one canvas."""

    def __init__(
        self,
        model: LoadedModel,
        specs: Sequence[GuideSpec],
        models: Sequence[ControlModel],
        numbers: Mapping[str, float | str],
        side: str = "guided",
    ) -> None:
        """Find the network of every picture and load it.

        Raises
        ------
        InputError
            If no network reads a kind or a number.
        ModelError
            If a network does not fit the model.
        """
        self.model, self.specs, self.numbers = model, tuple(specs), dict(numbers)
        self.side = side
        self._loaded: dict[Path, LoadedControl] = {}
        candidates = [*reversed(models), *own_control(model.source)]
        self.networks = [self._find(spec.kind, candidates) for spec in self.specs]
        for name in sorted(set(numbers) - set(model.number_names)):
            raise InputError(
                f"the model {model.source} cannot be told {name}: leave the number out, or train "
                f'its U-Net with numbers = ["{name}"]'
            )
        self._passes: list[_Pass] = []
        self._heads: dict[Path, Any] = {}

    def _find(self, kind: str, candidates: Sequence[ControlModel]) -> LoadedControl:
        for one in candidates:
            if one.kind not in ("", kind):
                continue
            if one.folder not in self._loaded:
                self._loaded[one.folder] = load_control(one.folder, self.model, one.kind)
            layout = self._loaded[one.folder].layout
            if kind in layout.kinds:
                return self._loaded[one.folder]
        raise InputError(
            f"the model {self.model.source} has no control for {kind}: train one with "
            f'condition = ["{kind}"] and name its run with --control-model'
        )

    def doubts(self) -> list[str]:
        """Why a control may lead less well than it was trained to."""
        others = [
            f"the control in {one.folder} was trained over another version of {self.model.source}"
            for one in self._loaded.values()
            if one.layout.base not in ("", self.model.fingerprint, self.model.base_fingerprint)
        ]
        return others + self.model.number_doubts(self.numbers)

    def record(self) -> list[dict[str, Any]]:
        """Networks and weights, for the record of a scene."""
        return [
            {"kind": spec.kind, "weight": spec.weight, "start": spec.start, "stop": spec.stop,
             "side": self.side, "network": one.fingerprint}
            for spec, one in zip(self.specs, self.networks, strict=True)
        ]  # fmt: skip

    def embed(self, rows: int, columns: int, folder: Path) -> None:
        """Embed all pictures over a canvas of so many cells, into files of ``folder``."""
        import torch

        for number, (spec, one) in enumerate(zip(self.specs, self.networks, strict=True)):
            head = self._heads.setdefault(one.folder, one.network.controlnet_cond_embedding)
            # from here on the network takes what its head made
            one.network.controlnet_cond_embedding = torch.nn.Identity()
            path = folder / f"guide-{number}.npy"
            values: Any = None
            for r in range(0, rows, PIECE):
                for c in range(0, columns, PIECE):
                    r1, c1 = min(rows, r + PIECE), min(columns, c + PIECE)
                    piece = self._piece(spec, one, head, (r, r1, c, c1), (rows, columns))
                    if values is None:
                        values = np.lib.format.open_memmap(
                            path, "w+", np.float32, (len(piece), rows, columns)
                        )
                    values[:, r:r1, c:c1] = piece
            self._passes.append(_Pass(spec, one.network, values))

    def _piece(
        self,
        spec: GuideSpec,
        one: LoadedControl,
        head: Any,
        cells: tuple[int, int, int, int],
        shape: tuple[int, int],
    ) -> FloatArray:
        """Embedded cells of one piece; beyond the canvas are zeros, as the network pads."""
        import torch

        r0, r1, c0, c1 = cells
        top, bottom = max(0, r0 - MARGIN), min(shape[0], r1 + MARGIN)
        left, right = max(0, c0 - MARGIN), min(shape[1], c1 + MARGIN)
        cell = self.model.cell
        height, width = (bottom - top) * cell, (right - left) * cell
        places = slice(top * cell, bottom * cell), slice(left * cell, right * cell)
        stack = one.layout.stack({spec.kind: spec.source.read(*places)}, height, width)
        given = torch.from_numpy(stack)[None].to(self.model.device, self.model.dtype)
        made = head(given)[0].float().cpu().numpy()
        return np.asarray(made[:, r0 - top : r1 - top, c0 - left : c1 - left])

    def at(
        self,
        latents: torch.Tensor,
        t: torch.Tensor,
        text: TextCondition,
        added: Added | None,
        progress: float,
        rows: slice,
        columns: slice,
    ) -> dict[str, Any]:
        """What to hand to the U-Net for one window of cells; nothing outside all ranges."""
        import torch

        def add(one: _Pass) -> Any:
            crop = np.ascontiguousarray(one.embedded[:, rows, columns])
            given = torch.from_numpy(crop)[None].to(self.model.device, self.model.dtype)
            return residuals(
                one.network, latents, t, text, given, one.spec.weight, added, self.side
            )

        return summed(add(one) for one in self._passes if one.works_at(progress))
