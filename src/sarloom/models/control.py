"""Control networks on disk: diffusers' ControlNetModel folder, and what its channels mean.

``control.json`` beside the weights names the kinds of pictures that the network reads. A
folder without it is a foreign ControlNet: three channels of whatever it was made for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, ModelError
from ..files import write_aside
from .control_kinds import KINDS, check_kinds
from .fingerprint import fingerprint
from .locate import weight_files

if TYPE_CHECKING:
    from .loaded import LoadedModel

FOLDER = "control"
"""Where a model folder, or a run, keeps its control network."""
FILE_NAME = "control.json"
CLASS = "ControlNetModel"
FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class ControlLayout:
    """What the channels of a control network mean."""

    kinds: tuple[str, ...]
    shared: bool = False
    """Several kinds in one stack: pictures lie in [-1, 1] and 0 is 'not given'. A
    network of one kind takes three channels in [0, 1], as every program gives them."""
    picture_step: int = 1
    """Pictures are averaged over blocks of so many pixels and repeated: no detail below is read."""
    legend: dict[str, list[int]] = field(default_factory=dict)
    """Label -> sRGB of segmentation maps."""
    base: str = ""
    """Fingerprint of the model it was trained over."""
    base_source: str = ""

    @property
    def channels(self) -> int:
        """Channels of the stack."""
        if not self.shared:
            return 3
        return sum(KINDS[name].channels for name in self.kinds)

    def stack(
        self,
        pictures: Mapping[str, FloatArray],
        height: int,
        width: int,
    ) -> FloatArray:
        """What the network reads, [channels, height, width].

        Parameters
        ----------
        pictures
            Kind -> pixels u in [0, 1], [its channels, height, width]; those missing are not given.
        """
        if not self.shared:
            (one,) = pictures.values() if pictures else (np.zeros((3, height, width), np.float32),)
            return np.ascontiguousarray(np.broadcast_to(self.coarse(one), (3, height, width)))
        result = np.zeros((self.channels, height, width), np.float32)
        first = 0
        for name in self.kinds:
            last = first + KINDS[name].channels
            if name in pictures:
                result[first:last] = 2 * self.coarse(pictures[name]) - 1
            first = last
        return result

    def coarse(self, picture: FloatArray) -> FloatArray:
        """A picture without the detail that the network was not trained to read."""
        step = self.picture_step
        if step == 1:
            return picture
        c, h, w = picture.shape
        blocks = picture.reshape(c, h // step, step, w // step, step).mean((2, 4))
        return np.asarray(blocks.repeat(step, 1).repeat(step, 2), np.float32)

    def save(self, folder: Path) -> None:
        """Write ``control.json``."""
        with write_aside(folder / FILE_NAME) as aside:
            aside.write_text(json.dumps(asdict(self), indent=2) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path, kind: str = "") -> ControlLayout:
        """Read ``control.json``; without it a network of one ``kind``.

        Raises
        ------
        ModelError
            If the file cannot be understood, or is missing and no kind is given.
        """
        path = folder / FILE_NAME
        if not path.is_file():
            if kind:
                return cls((kind,))
            raise ModelError(
                f"{folder} does not say what controls it (no {FILE_NAME}): name the kind, as "
                f"--control-model sketch={folder}"
            )
        try:
            values = dict(json.loads(path.read_text("utf-8")))
            if values.pop("numbers", None):  # as planes of its stack; empty in most old files
                raise InputError("it reads numbers, which the U-Net is told now; train it again")
            layout = cls(**{**values, "kinds": tuple(values["kinds"])})
            check_kinds(layout.kinds, ())
        except (TypeError, ValueError, KeyError, InputError) as error:
            raise ModelError(f"{path} is no description of a control: {error}") from error
        return layout


@dataclass(frozen=True)
class LoadedControl:
    """A control network on the device of its model."""

    folder: Path
    layout: ControlLayout
    network: Any
    fingerprint: str


def control_folder(place: Path) -> Path:
    """The network's folder in a run folder or a model folder, or the folder itself.

    Raises
    ------
    ModelError
        If there is no ControlNet.
    """
    for folder in (place / FOLDER, place):
        path = folder / "config.json"
        if path.is_file():
            try:
                name = json.loads(path.read_text("utf-8")).get("_class_name")
            except (ValueError, AttributeError):
                name = None
            if name == CLASS:
                return folder
    raise ModelError(
        f"{place} holds no control network: give the run folder of a training with `control`, or "
        "a ControlNet in diffusers' layout"
    )


def load_control(folder: Path, model: LoadedModel, kind: str = "") -> LoadedControl:
    """Load a control network beside a model.

    Raises
    ------
    ModelError
        If it is damaged, or was made for a base of another shape.
    """
    from .load import quiet_libraries
    from .nets import controlnet
    from .nets.load import fill

    layout = ControlLayout.load(folder, kind)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    _check_fits(folder, config, layout, model)
    if controlnet.why_not(config) is None:
        network: Any = fill(controlnet.ControlNet, {"config": config}, folder, model.dtype)
    else:
        from diffusers import ControlNetModel

        with quiet_libraries():
            network = ControlNetModel.from_pretrained(
                folder, torch_dtype=model.dtype, use_safetensors=True, local_files_only=True
            )
    import torch

    network.requires_grad_(False).eval().to(model.device)
    network.to(memory_format=torch.channels_last)
    return LoadedControl(folder, layout, network, fingerprint(weight_files(folder), folder))


def _check_fits(
    folder: Path, config: Mapping[str, Any], layout: ControlLayout, model: LoadedModel
) -> None:
    """A control adds to the U-Net's skips, so channels and sizes must be the same."""
    unet = model.parts.unet.config
    same = ("in_channels", "block_out_channels", "layers_per_block")
    for name in same:
        ours = unet.get(name)
        theirs = config.get(name, ours)
        if _plain(theirs) != _plain(ours):
            raise ModelError(
                f"{folder} was made for a base with {name} = {theirs}, {model.source} has {ours}"
            )
    steps = len(config.get("conditioning_embedding_out_channels", (0,) * 4)) - 1
    if 2**steps != model.cell:
        raise ModelError(
            f"{folder} reads pictures {2**steps} times the latent's size, {model.source} needs "
            f"{model.cell}"
        )
    if config.get("conditioning_channels", 3) != layout.channels:
        raise ModelError(
            f"{folder}: its weights read {config.get('conditioning_channels', 3)} channels, its "
            f"{FILE_NAME} lists {layout.channels}"
        )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else value
