"""The embedded model from nothing: scenes, autoencoder, latents, denoiser, weights on disk.

Each part leaves its result in the run folder and is skipped when it is already there, so the one
command may be killed and repeated at any time.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from ..errors import InputError
from ..files import write_aside
from ..models.architecture import (
    Architecture,
    make_autoencoder,
    make_scheduler,
    make_text_encoder,
    make_unet,
)
from ..models.export import save_model
from ..models.numbers import NumberEmbedding, ranges_of
from ..models.radiometry import Radiometry
from ..models.tokenizer import keep_tokenizer
from ..options.recipe import EmbeddedRecipe
from ..simulate.build import MIXTURES
from ..simulate.kinds import KINDS
from ..simulate.radar import AIRBORNE
from .autoencoder import AutoencoderTask, encode, equal_channels, normalise_latents
from .checkpoint import checkpoints, load_tensors, part_of
from .decoder import DecoderTask
from .diffusion import PREFIXES, Denoiser, DiffusionTask, LatentSet, keep_channels_last
from .loop import LoopSettings, Report, run
from .measured import load_measured
from .scenes import TILTED_SEED, SceneSet, load_scenes, make_scenes
from .start import start_of

VOCABULARY = 2048
"""Tokens at the most."""


def train_embedded(recipe: EmbeddedRecipe, out: Path, report: Report, workers: int = 2) -> Path:
    """Train everything a recipe asks for; returns the folder of the finished model.

    Raises
    ------
    TrainingError
        If a loss is not finite or ``out`` holds a run of another architecture.
    """
    stages(recipe)
    begun = start_of(recipe.start, architecture_of(recipe), radiometry_of(recipe))
    out.mkdir(parents=True, exist_ok=True)
    scenes_folder = out / "scenes"
    make_scenes(
        scenes_folder,
        recipe.scenes,
        recipe.seed,
        recipe.size,
        radiometry_of(recipe),
        recipe.mixture_share,
        workers,
        report,
    )
    scenes = load_scenes(scenes_folder, recipe.scenes)
    autoencoder = begun.parts.vae if begun else train_autoencoder(recipe, scenes, out, report)
    if begun and not recipe.stage_steps:
        tokenizer, numbers = begun.tokenizer, begun.parts.numbers
        unet, text_encoder = begun.parts.unet, begun.parts.text_encoders[0]
    else:
        data = make_latents(recipe, scenes, autoencoder, out, report)
        tokenizer = keep_tokenizer(
            lambda: tokenizer_texts(data), VOCABULARY, out / "tokenizer", begun and begun.tokenizer
        )
        tilted = make_tilted(recipe, autoencoder, out, report, workers)
        denoiser = _new_denoiser(architecture_of(recipe), tokenizer, recipe.seed + 1)
        if begun:
            begun.give(denoiser)
        train_denoiser(recipe, denoiser, data, tilted, tokenizer, out, report)
        told = [*data.numbers, *(tilted.numbers if tilted is not None else ())]
        denoiser.numbers.learned = ranges_of(told)
        unet, text_encoder = denoiser.unet, denoiser.text_encoder
        numbers = denoiser.numbers
    sharpen_decoder(recipe, scenes, autoencoder, out, report)
    model = out / "model"
    save_model(
        model,
        autoencoder,
        unet,
        text_encoder,
        tokenizer,
        make_scheduler(),
        radiometry_of(recipe),
        numbers,
    )
    return model


def architecture_of(recipe: EmbeddedRecipe) -> Architecture:
    """Sizes of the model that a recipe asks for."""
    return Architecture(
        recipe.autoencoder_channels,
        recipe.latent_channels,
        recipe.unet_channels,
        recipe.unet_layers,
        recipe.text_width,
        recipe.text_layers,
        recipe.size,
    )


def radiometry_of(recipe: EmbeddedRecipe) -> Radiometry:
    """What a pixel of the model means."""
    return Radiometry(
        "db",
        recipe.low_db,
        recipe.high_db,
        speckle="none",
        calibration="sigma_nought",
        spacing_m=0.35,
    )


def stages(recipe: EmbeddedRecipe) -> list[tuple[int, int, LoopSettings]]:
    """Window side, batch and loop of each stage of the denoiser.

    Raises
    ------
    InputError
        If the stage keys have different lengths, or a value out of its range.
    """
    whole = (recipe.stage_cells, recipe.stage_batch, recipe.stage_steps)
    shares = (recipe.stage_learning_rate, recipe.stage_cooldown)
    keys = (*whole, *shares)
    if len({len(key) for key in keys}) != 1:
        raise InputError(
            "stage_cells, stage_batch, stage_steps, stage_learning_rate and stage_cooldown must "
            "list equally many stages"
        )
    for name in ("stage_focus", "stage_shift", "stage_tilted"):
        if len(getattr(recipe, name)) not in (0, len(recipe.stage_cells)):
            raise InputError(f"{name} must list as many stages as stage_cells, or none")
    for focus in recipe.stage_focus:
        factors_of(focus)
    if any(shift < 1.0 for shift in recipe.stage_shift):
        raise InputError("stage_shift must be at least 1 for every stage")
    if any(not 0.0 <= share < 1.0 for share in recipe.stage_tilted):
        raise InputError("stage_tilted must be from 0 to below 1 for every stage")
    if any(recipe.stage_tilted) and not recipe.tilted_scenes:
        raise InputError("stage_tilted needs tilted_scenes")
    return [
        (
            cells,
            batch,
            LoopSettings(
                steps,
                rate,
                cooldown=cooldown,
                ema=recipe.ema,
                seed=recipe.seed + 1 + number,
                checkpoint_every=recipe.checkpoint_every,
                precision=recipe.precision,
            ),
        )
        for number, ((cells, batch, steps), (rate, cooldown)) in enumerate(
            zip(zip(*whole, strict=True), zip(*shares, strict=True), strict=True)
        )
    ]


def train_autoencoder(recipe: EmbeddedRecipe, scenes: SceneSet, out: Path, report: Report) -> Any:
    """Train, or load, the autoencoder with normalised latents."""
    torch.manual_seed(recipe.seed)
    model = make_autoencoder(architecture_of(recipe))
    done = out / "autoencoder" / "final.safetensors"
    if done.is_file():
        model.load_state_dict(load_file(done))
        model.register_to_config(scaling_factor=1.0)
        return model.eval()
    task = AutoencoderTask(
        model,
        scenes.pixels,
        radiometry_of(recipe),
        recipe.autoencoder_batch,
        recipe.autoencoder_crop,
        recipe.kl_weight,
        recipe.edge_weight,
        recipe.coarse_weight,
    )
    settings = LoopSettings(
        recipe.autoencoder_steps,
        recipe.autoencoder_learning_rate,
        ema=0.995,
        seed=recipe.seed,
        checkpoint_every=recipe.checkpoint_every,
        precision=recipe.precision,
    )
    run(task, settings, out / "autoencoder", report)
    # evenly through the set, so that every kind is in it
    sample = scenes.pixels[:: max(1, len(scenes.pixels) // 96)]
    normalise_latents(model, encode(model, sample))
    equal_channels(model)
    with write_aside(done) as aside:
        save_file(_plain(model.state_dict()), aside)
    return model


def sharpen_decoder(
    recipe: EmbeddedRecipe, scenes: SceneSet, model: Any, out: Path, report: Report
) -> None:
    """Train the decoder of a finished autoencoder further, in place; or load what it became."""
    if not recipe.decoder_steps:
        return
    done = out / "decoder" / "final.safetensors"
    if not done.is_file():
        task = DecoderTask(
            model,
            scenes.pixels,
            radiometry_of(recipe),
            adversarial_weight=recipe.adversarial_weight,
            likeness_weight=recipe.likeness_weight,
            latent_noise=recipe.latent_noise,
            critic_learning_rate=recipe.critic_learning_rate,
            batch=recipe.decoder_batch,
            crop=recipe.decoder_crop,
            edge_weight=recipe.edge_weight,
        )
        settings = LoopSettings(
            recipe.decoder_steps,
            recipe.decoder_learning_rate,
            ema=0.995,
            seed=recipe.seed + 500,
            checkpoint_every=recipe.checkpoint_every,
            precision=recipe.precision,
        )
        run(task, settings, out / "decoder", report)
        equal_channels(model)
        with write_aside(done) as aside:
            save_file(_plain(model.state_dict()), aside)
    model.load_state_dict(load_file(done))
    model.eval()


def make_latents(
    recipe: EmbeddedRecipe, scenes: SceneSet, model: Any, out: Path, report: Report
) -> LatentSet:
    """Encode all pictures, both ways along azimuth, or read what was encoded before."""
    mirrored = scenes.mirrored(round(recipe.mirrored_share * len(scenes.pixels)))
    texts = [*scenes.captions, *mirrored.captions]
    parts, weights = [], []
    for name, pixels in (("scenes", scenes.pixels), ("mirrored", mirrored.pixels)):
        if not len(pixels):
            continue
        parts.append(_encoded(out / f"latents-{name}.safetensors", model, pixels, report))
        weights.append(torch.ones(len(pixels), *parts[-1].shape[2:]))
    domains = ["simulated"] * len(texts)
    kinds = [*scenes.kinds, *mirrored.kinds]
    shares = np.full(len(texts), 1 / len(texts))
    real = recipe.measured and load_measured(
        recipe.measured, recipe.size, radiometry_of(recipe), recipe.seed
    )
    if real:
        parts.append(_encoded(out / "latents-measured.safetensors", model, real.pixels, report))
        factor = architecture_of(recipe).factor
        n, rows, columns = real.keep.shape
        blocks = real.keep.reshape(n, rows // factor, factor, columns // factor, factor)
        weights.append(torch.from_numpy(blocks.all(axis=(2, 4)).astype(np.float32)))
        texts += real.captions
        domains += ["measured"] * n
        kinds += ["measured"] * n
        share = recipe.measured_share
        shares = np.concatenate([shares * (1 - share), np.full(n, share / n)])
    usual = {"incidence_angle_deg": AIRBORNE.incidence_angle_deg}
    numbers = [usual if domain == "simulated" else {} for domain in domains]
    return LatentSet(torch.cat(parts), texts, domains, torch.cat(weights), shares, kinds, numbers)


def make_tilted(
    recipe: EmbeddedRecipe, model: Any, out: Path, report: Report, workers: int
) -> LatentSet | None:
    """Further scenes, each under its own incidence angle; None if the recipe asks for none."""
    if not recipe.tilted_scenes:
        return None
    folder = out / "tilted"
    make_scenes(
        folder, recipe.tilted_scenes, recipe.seed + TILTED_SEED, recipe.size,
        radiometry_of(recipe), recipe.mixture_share, workers, report, tilted=True,
    )  # fmt: skip
    scenes = load_scenes(folder, recipe.tilted_scenes)
    latents = _encoded(out / "latents-tilted.safetensors", model, scenes.pixels, report)
    n = len(latents)
    return LatentSet(
        latents,
        scenes.captions,
        ["simulated"] * n,
        torch.ones(n, *latents.shape[2:]),
        np.full(n, 1 / n),
        scenes.kinds,
        [{"incidence_angle_deg": angle} for angle in scenes.incidence_angle_deg],
    )


def _encoded(path: Path, model: Any, pixels: np.ndarray[Any, Any], report: Report) -> torch.Tensor:
    if not path.is_file():
        report(f"encoding {len(pixels)} pictures for {path.name}")
        with write_aside(path) as aside:
            save_file({"latents": encode(model, pixels).half()}, aside)
    latents: torch.Tensor = load_file(path)["latents"]
    return latents


def tokenizer_texts(data: LatentSet) -> list[str]:
    """Every sentence of the set, with each opening once in a while."""
    texts = [text for group in data.captions for text in group]
    openings = [prefix.format("") for group in PREFIXES.values() for prefix in group]
    return texts + openings * 50


def train_denoiser(
    recipe: EmbeddedRecipe,
    denoiser: Denoiser,
    data: LatentSet,
    tilted: LatentSet | None,
    tokenizer: Any,
    out: Path,
    report: Report,
) -> None:
    """Train U-Net, text encoder and number embedding in place, through all stages."""
    if recipe.precision == "bfloat16":
        from diffusers.models.attention_processor import AttnProcessor

        # the CPU's fused attention is slower in bfloat16 than plain products
        denoiser.unet.set_attn_processor(AttnProcessor())
        keep_channels_last(denoiser.unet)
    scheduler = make_scheduler()
    for number, (cells, batch, settings) in enumerate(stages(recipe)):
        folder = out / f"denoiser-{number}"
        done = folder / "final.safetensors"
        if done.is_file():
            denoiser.load_state_dict(load_file(done))
            continue
        task = DiffusionTask(
            denoiser,
            tokenizer,
            scheduler,
            _stage_data(recipe, number, data, tilted),
            batch,
            cells,
            recipe.caption_dropout,
            recipe.min_snr,
            recipe.stage_shift[number] if recipe.stage_shift else 1.0,
        )
        run(task, settings, folder, report)
        with write_aside(done) as aside:
            save_file(_plain(denoiser.state_dict()), aside)


def _new_denoiser(arch: Architecture, tokenizer: Any, seed: int = 0) -> Denoiser:
    torch.manual_seed(seed)
    unet = make_unet(arch)
    numbers = NumberEmbedding(("incidence_angle_deg",), 4 * arch.unet_channels[0])
    return Denoiser(unet, make_text_encoder(arch, tokenizer), numbers)


def _stage_data(
    recipe: EmbeddedRecipe, number: int, data: LatentSet, tilted: LatentSet | None
) -> LatentSet:
    """The pictures of a stage with their chances."""
    share = recipe.stage_tilted[number] if recipe.stage_tilted else 0.0
    if tilted is not None and share:
        data = LatentSet(
            torch.cat([data.latents, tilted.latents]),
            [*data.captions, *tilted.captions],
            [*data.domains, *tilted.domains],
            torch.cat([data.weights, tilted.weights]),
            np.concatenate([data.shares * (1 - share), tilted.shares * share]),
            [*data.kinds, *tilted.kinds],
            [*data.numbers, *tilted.numbers],
        )
    return focused(data, recipe.stage_focus[number] if recipe.stage_focus else "")


def factors_of(focus: str) -> list[tuple[str, float]]:
    """Kinds and how many times as often they are drawn, of ``KIND:TIMES mixtures:TIMES``.

    Raises
    ------
    InputError
        If an entry is no such pair or names no kind.
    """
    found = []
    for entry in focus.split():
        name, _, times = entry.partition(":")
        try:
            factor = float(times)
        except ValueError:
            factor = 0.0
        if factor <= 0 or name not in (*KINDS, *MIXTURES, "mixtures"):
            raise InputError(
                f"stage_focus: {entry!r} is not KIND:TIMES, KIND+KIND:TIMES or mixtures:TIMES"
            )
        found.append((name, factor))
    return found


def focused(data: LatentSet, focus: str) -> LatentSet:
    """The same set with some kinds drawn more often, as of :func:`factors_of`."""
    factors = np.ones(len(data.captions))
    kinds = np.array(data.kinds)
    for name, factor in factors_of(focus):
        chosen = np.char.find(kinds, "+") >= 0 if name == "mixtures" else kinds == name
        factors[chosen] *= factor
    shares = data.shares * factors
    return replace(data, shares=shares / shares.sum())


def _plain(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Contiguous copies: safetensors stores no channels-last layout."""
    return {name: value.detach().clone().contiguous() for name, value in state.items()}


def snapshot(
    recipe: EmbeddedRecipe, out: Path, stage: int, autoencoder: Any, tokenizer: Any
) -> Denoiser:
    """The averaged weights of a stage's last checkpoint, to look at while it still trains."""
    denoiser = _new_denoiser(architecture_of(recipe), tokenizer)
    tensors = load_tensors(checkpoints(out / f"denoiser-{stage}")[-1])
    state = copy.copy(denoiser.state_dict())
    state |= part_of(tensors, "model.") | part_of(tensors, "average.")
    denoiser.load_state_dict(state)
    return denoiser.eval()
