"""The embedded image-text model from nothing: scenes, small pictures, contrastive training.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (2021),
with two changes for small data whose sentences repeat: a picture's own sentence also counts as
right where another picture of the batch has the very same one, and the kind of scene is named
among short sentences for all kinds. Both use sentences only; there is no class output.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from ..errors import InputError
from ..files import write_aside
from ..models.sarclip import DEVIATION, MEAN, SarclipSizes, make_sarclip, save_sarclip
from ..models.tokenizer import keep_tokenizer
from ..options.sarclip import SarclipRecipe
from ..sar.picture import SIDE
from ..simulate.kinds import KINDS
from ..simulate.wording import HEADS
from .loop import Draw, Group, LoopSettings, Report, run
from .sarclip_data import (
    MEASURED,
    PREFIXES,
    RADIOMETRY,
    PictureSet,
    Variation,
    joined,
    keep_measured,
    keep_scenes,
    sentence,
    toned,
    vary,
)
from .scenes import make_scenes

NAMES = tuple(KINDS)


def train_sarclip(recipe: SarclipRecipe, out: Path, report: Report, workers: int = 2) -> Path:
    """Train the image-text model a recipe asks for; returns its folder.

    Raises
    ------
    InputError
        If the range of looks is empty or ``scenes_folder`` is not there.
    TrainingError
        If the loss is not finite or ``out`` holds a run of another architecture.
    """
    if not 0 < recipe.looks[0] <= recipe.looks[1]:
        raise InputError(
            f"looks = {list(recipe.looks)}: the first must be above 0, the second not below it"
        )
    out.mkdir(parents=True, exist_ok=True)
    scenes = make_pictures(recipe, out, report, workers)
    real = None
    if recipe.measured:
        real = keep_measured(recipe.measured, recipe.seed, out / "measured.npz")
    data = joined(scenes, real)
    tokenizer = keep_tokenizer(lambda: all_texts(data), recipe.vocabulary, out / "tokenizer")
    torch.manual_seed(recipe.seed)
    model = make_sarclip(sizes_of(recipe), tokenizer)
    if recipe.precision == "bfloat16":
        # the CPU's fused attention is slower in bfloat16 than plain products
        model.set_attn_implementation("eager")
    done = out / "final.safetensors"
    if done.is_file():
        model.load_state_dict(load_file(done))
    else:
        task = SarclipTask(model, tokenizer, data, recipe)
        run(task, settings_of(recipe), out / "training", report)
        with write_aside(done) as aside:
            save_file({k: v.detach().clone() for k, v in model.state_dict().items()}, aside)
    save_sarclip(out / "model", model, tokenizer)
    return out / "model"


def make_pictures(recipe: SarclipRecipe, out: Path, report: Report, workers: int) -> PictureSet:
    """Small pictures of the simulated scenes; the scenes are made where they are missing."""
    kept = out / "pictures.npz"
    folder = recipe.scenes_folder or out / "scenes"
    if recipe.scenes_folder and not recipe.scenes_folder.is_dir():
        raise InputError(f"scenes_folder: there is no folder {folder}")
    if not kept.is_file():
        make_scenes(
            folder, recipe.scenes, recipe.seed, 512, RADIOMETRY, recipe.mixture_share, workers,
            report,
        )  # fmt: skip
        report(f"shrinking {recipe.scenes} scenes into {kept}")
    return keep_scenes(folder, recipe.scenes, kept)


def sizes_of(recipe: SarclipRecipe) -> SarclipSizes:
    """Sizes that a recipe asks for."""
    return SarclipSizes(
        recipe.patch,
        recipe.vision_width,
        recipe.vision_layers,
        recipe.text_width,
        recipe.text_layers,
        recipe.expansion,
        recipe.features,
    )


def settings_of(recipe: SarclipRecipe) -> LoopSettings:
    """The loop of a recipe."""
    return LoopSettings(
        recipe.steps,
        recipe.learning_rate,
        # a run shorter than the usual warm-up would end within it
        warmup_steps=min(100, recipe.steps // 6),
        cooldown=0.6,
        weight_decay=recipe.weight_decay,
        ema=recipe.ema,
        seed=recipe.seed + 1,
        checkpoint_every=recipe.checkpoint_every,
        precision=recipe.precision,
    )


def all_texts(data: PictureSet) -> list[str]:
    """Every sentence, with each opening once in a while, for the tokenizer."""
    texts = [text for group in data.captions for text in group]
    return texts + [opening.format("") for opening in PREFIXES] * 50


def kind_sentences(data: PictureSet) -> list[list[str]]:
    """Short sentences that name each kind: its nouns, and the plain captions of its scenes."""
    found = [
        {text[0] for text, kind in zip(data.captions, data.kinds, strict=True) if kind == name}
        | set(HEADS[name])
        for name in NAMES
    ]
    return [sorted(texts) for texts in found]


class SarclipTask:
    """Pictures and their sentences find each other within a batch."""

    def __init__(self, model: Any, tokenizer: Any, data: PictureSet, recipe: SarclipRecipe) -> None:
        self.module: nn.Module = model
        self._tokenizer = tokenizer
        self._data = data
        self._recipe = recipe
        self._variation = Variation(recipe.looks, recipe.crop)
        self._kind_sentences = kind_sentences(data)
        self._real = np.array([k for k, kind in enumerate(data.kinds) if kind == MEASURED], int)
        self._simulated = np.setdiff1d(np.arange(len(data.kinds)), self._real)
        self._kinds = kind_table(data.kinds)

    def groups(self) -> Sequence[Group]:
        """Weight decay for matrices only, as usual for CLIP."""
        weights = [p for p in self.module.parameters() if p.ndim > 1]
        others = [p for p in self.module.parameters() if p.ndim <= 1]
        return [Group(weights), Group(others, weight_decay=0.0)]

    def _kept(self, step: int) -> float:
        """Share of the patches shown; all of them in the last tenth."""
        dropout = self._recipe.patch_dropout if step < self._recipe.steps * 0.9 else 0.0
        return 1.0 - dropout

    def batch(self, draw: Draw) -> tuple[torch.Tensor, list[str], torch.Tensor]:
        """Pictures [n, 3, 128, 128], their sentences, and their kinds [n, kinds]."""
        rng, count = draw.numpy, self._recipe.batch
        real = int(rng.binomial(count, self._recipe.measured_share)) if len(self._real) else 0
        real = min(real, len(self._real))
        chosen = np.concatenate([
            rng.choice(self._simulated, count - real, replace=count > len(self._simulated)),
            rng.choice(self._real, real, replace=False),
        ])  # fmt: skip
        cells = np.empty((count, SIDE, SIDE), np.float32)
        texts = []
        for row, index in enumerate(chosen.tolist()):
            mirror = bool(rng.random() < 0.5)
            variation = self._variation
            if self._data.kinds[index] == MEASURED:  # has speckle already
                variation = Variation((variation.looks[1],) * 2, variation.crop)
            cells[row] = vary(self._data.pixels[index], rng, mirror, variation)
            texts.append(sentence(self._data, index, rng, mirror))
        return (
            to_pixels(toned(cells, rng)),
            texts,
            torch.from_numpy(self._kinds[chosen]),
        )

    def loss(self, draw: Draw) -> tuple[torch.Tensor, dict[str, float]]:
        """Contrastive loss both ways, and the loss of naming the kind."""
        if draw.share != slice(None):
            raise InputError("the image-text model compares a whole batch: use one process")
        pixels, texts, kinds = self.batch(draw)
        rng = draw.numpy
        names = [
            str(rng.choice(PREFIXES)).format(rng.choice(choices))
            for choices in self._kind_sentences
        ]
        tokens = self._tokenizer(
            [*texts, *names], padding=True, truncation=True, return_tensors="pt"
        )
        model: Any = self.module
        written = model.get_text_features(
            input_ids=tokens.input_ids, attention_mask=tokens.attention_mask
        )
        written = written if isinstance(written, torch.Tensor) else written.pooler_output
        seen = picture_features(model, pixels, self._kept(draw.step), draw.torch)
        logits = unit(seen) @ unit(written).T * model.logit_scale.exp().clamp(max=100.0)
        own, named = logits[:, : len(texts)], logits[:, len(texts) :]
        same = torch.tensor([[a == b for b in texts] for a in texts], dtype=torch.float32)
        right = same / same.sum(1, keepdim=True)
        contrast = (
            functional.cross_entropy(own, right) + functional.cross_entropy(own.T, right)
        ) / 2
        has_kind = kinds.sum(1) > 0
        naming = functional.cross_entropy(named[has_kind], kinds[has_kind])
        single = has_kind & (kinds.amax(1) == 1)
        hit = (named.argmax(1) == kinds.argmax(1))[single].float().mean()
        first = (same.gather(1, own.argmax(1, keepdim=True))).mean()
        loss = contrast + self._recipe.kind_weight * naming
        return loss, {
            "contrast": float(contrast.detach()),
            "naming": float(naming.detach()),
            "kind_right": float(hit),
            "first_right": float(first),
        }


def unit(features: torch.Tensor) -> torch.Tensor:
    """Rows of length one, float32."""
    return functional.normalize(features.float(), dim=1)


def picture_features(
    model: Any, pixels: torch.Tensor, kept: float, generator: torch.Generator
) -> torch.Tensor:
    """The model's picture features [n, features] from a random part of each picture's patches.

    Li et al., "Scaling Language-Image Pre-training via Masking" (2023): leaving patches out costs
    little accuracy and saves their share of the arithmetic.
    """
    part = model.vision_model
    states = part.embeddings(pixels)
    n, tokens, width = states.shape
    count = max(1, round(kept * (tokens - 1)))
    if count < tokens - 1:
        order = torch.rand(n, tokens - 1, generator=generator).argsort(1)[:, :count] + 1
        chosen = torch.cat([torch.zeros(n, 1, dtype=torch.long), order], 1)
        states = states.gather(1, chosen[..., None].expand(-1, -1, width))
    states = part.encoder(inputs_embeds=part.pre_layrnorm(states)).last_hidden_state
    features: torch.Tensor = model.visual_projection(part.post_layernorm(states[:, 0]))
    return features


def kind_table(kinds: Sequence[str]) -> NDArray[np.float32]:
    """[n, kinds]: shares of the kinds that a scene shows; all zero for a real picture."""
    table = np.zeros((len(kinds), len(NAMES)), np.float32)
    for row, kind in enumerate(kinds):
        parts = [] if kind == MEASURED else kind.split("+")
        for part in parts:
            table[row, NAMES.index(part)] = 1 / len(parts)
    return table


def to_pixels(pictures: NDArray[np.float32]) -> torch.Tensor:
    """Pictures [n, 128, 128] in [0, 1] as the model reads them, [n, 3, 128, 128]."""
    values = torch.from_numpy(np.ascontiguousarray(pictures))
    return ((values - MEAN) / DEVIATION)[:, None].expand(-1, 3, -1, -1)
