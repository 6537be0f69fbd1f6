"""What a fine-tuning recipe may ask for beside the method: each does what its name says."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from chip_sets import chip_set
from sarloom.errors import InputError, MissingExtraError, TrainingError
from sarloom.models.load import load_model
from sarloom.models.loaded import LoadedModel
from sarloom.options.finetune import FinetuneRecipe
from sarloom.options.toml import load_table
from sarloom.train.finetune import cost
from sarloom.train.finetune.curve import draw_curve, read_log
from sarloom.train.finetune.examples import Examples, load_examples
from sarloom.train.finetune.memorised import Judge, nearest
from sarloom.train.finetune.plan import in_format, own_device, settings_of
from sarloom.train.finetune.run import finetune
from sarloom.train.finetune.task import FinetuneTask
from sarloom.train.finetune.texts import SHARD, TextCache
from sarloom.train.loop import Draw, Group, LoopSettings, draw_of, run
from tiny_models import save_model

SIZE = 32


def quiet(_: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chip_set(tmp_path_factory.mktemp("set") / "tiles", train=10)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("bases") / "sd15", "sd15")


def recipe_of(base: Path, **changes: Any) -> FinetuneRecipe:
    values: dict[str, Any] = {
        "base": str(base), "unet": "full", "steps": 2, "batch": 4, "size": SIZE, "rank": 4,
        "alpha": 4.0, "learning_rate": 1e-3, "warmup_steps": 0, "checkpoint_every": 100,
        "caption_dropout": 0.0, "token_from": "sar", "min_snr": 0.0,
    }  # fmt: skip
    return FinetuneRecipe(**{**values, **changes})


def made_up(count: int, cells: int = 16, seed: int = 0) -> Examples:
    """Random latents with captions."""
    generator = torch.Generator().manual_seed(seed)
    latents = torch.randn((count, 4, cells, cells), generator=generator)
    return Examples(
        latents, [[f"a city {n}"] for n in range(count)], [f"t{n}" for n in range(count)]
    )


def task_of(base: Path, examples: Any = None, **changes: Any) -> FinetuneTask:
    recipe = recipe_of(base, **changes)
    torch.manual_seed(1)
    model = in_format(load_model(base, "cpu", "float32", library_networks=True), recipe)
    return FinetuneTask(model, recipe, examples or made_up(8))


def gradients(task: FinetuneTask, step: int = 0) -> torch.Tensor:
    """All gradients of a step, one after the other."""
    task.module.train()
    loss, _ = task.loss(draw_of(0, step))
    loss.backward()
    found = [p.grad.flatten() for p in task.module.parameters() if p.grad is not None]
    return torch.cat(found)


# -- the arithmetic of a step ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["full", "lora", "dylora"])
def test_checkpointed_gradients_are_the_same(kind: str, base: Path) -> None:
    # an adapter's first factors are zeros: moved off, so that all gradients are something
    def moved(checkpointing: bool) -> torch.Tensor:
        task = task_of(base, unet=kind, gradient_checkpointing=checkpointing)
        generator = torch.Generator().manual_seed(2)
        with torch.no_grad():
            for group in task.groups():
                for p in group.parameters:
                    p.add_(0.02 * torch.randn(p.shape, generator=generator))
        return gradients(task)

    plain, again = moved(False), moved(True)
    assert float(plain.norm()) > 0
    torch.testing.assert_close(again, plain, atol=1e-6, rtol=1e-4)


def test_checkpointing_keeps_less_for_the_way_back(base: Path) -> None:
    def kept(checkpointing: bool) -> int:
        task = task_of(base, gradient_checkpointing=checkpointing)
        task.module.train()
        sizes: dict[int, int] = {}
        held = []

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            held.append(tensor)
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            task.loss(draw_of(0, 0))
        return sum(sizes.values())

    assert kept(True) < 0.6 * kept(False)


def test_ways_of_sharding_that_are_not_there_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    with pytest.raises(TrainingError, match="DeepSpeed is not supported"):
        run(Line(2), LoopSettings(steps=1), tmp_path, quiet)


def test_each_process_takes_a_card_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert own_device("auto") == "auto"
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [own_device(name) for name in ("auto", "cuda", "cpu")] == ["cuda:1", "cuda:1", "cpu"]


class Line:
    """The least squares of one number, for what only the loop does."""

    def __init__(self, batch: int) -> None:
        self.module = nn.Linear(3, 1)
        with torch.no_grad():
            self.module.weight.fill_(0.5)
            self.module.bias.fill_(0.0)
        self.batch = batch

    def groups(self) -> list[Group]:
        return [Group(list(self.module.parameters()))]

    def loss(self, draw: Draw) -> tuple[torch.Tensor, dict[str, float]]:
        rows = torch.arange(draw.step * self.batch, (draw.step + 1) * self.batch) % 8
        x = torch.stack([torch.sin(rows + n) for n in range(3)], dim=1)
        return (self.module(x)[:, 0] - x.sum(dim=1)).square().mean(), {}


def test_accumulated_batches_are_one_large_batch(tmp_path: Path) -> None:
    settings = LoopSettings(steps=6, warmup_steps=0, learning_rate=1e-2)
    whole = run(Line(8), settings, tmp_path / "a", quiet)
    parts = run(Line(2), dataclasses.replace(settings, accumulate=4), tmp_path / "b", quiet)
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


def test_the_average_is_that_of_its_definition_and_fused_steps_are_adamw(tmp_path: Path) -> None:
    settings = LoopSettings(
        steps=5, warmup_steps=0, learning_rate=1e-2, ema=0.6, watch_every=2, cooldown=0.0,
        clip_norm=0.0,
    )  # fmt: skip
    task = Line(8)
    seen: list[float] = []
    result = run(
        task, settings, tmp_path, quiet, lambda step: seen.append(float(task.module.bias.detach()))
    )
    other = Line(8)
    optimiser = torch.optim.AdamW(
        other.module.parameters(), lr=1e-2, betas=(0.9, 0.99), weight_decay=0.01, foreach=False
    )
    average = [p.detach().clone() for p in other.module.parameters()]
    biases = []
    for step in range(5):
        other.loss(draw_of(0, step))[0].backward()
        optimiser.step()
        optimiser.zero_grad()
        decay = min(0.6, (2 + step) / (11 + step))
        for kept, p in zip(average, other.module.parameters(), strict=True):
            kept.mul_(decay).add_(p.detach(), alpha=1 - decay)
        biases.append(float(average[1]))
    for mine, theirs in zip(result.parameters(), average, strict=True):
        torch.testing.assert_close(mine.detach(), theirs, atol=1e-6, rtol=1e-5)
    # a watch sees the averaged weights, and changes nothing by looking
    assert seen == pytest.approx([biases[1], biases[3], biases[4]], abs=1e-6)


def test_bfloat16_trains_beside_frozen_weights_of_that_format(base: Path, tmp_path: Path) -> None:
    task = task_of(base, unet="lora", precision="bf16", learning_rate=1e-2)
    assert task.model.parts.unet.dtype == torch.bfloat16
    assert task.model.parts.vae.dtype == torch.float32
    learned = [p for group in task.groups() for p in group.parameters]
    assert {p.dtype for p in learned} == {torch.float32}
    before = [p.detach().clone() for p in learned]
    run(task, settings_of(task.recipe, 8), tmp_path / "low", quiet)
    rows = read_log(tmp_path / "low" / "log.jsonl")
    exact = task_of(base, unet="lora", learning_rate=1e-2)
    run(exact, settings_of(exact.recipe, 8), tmp_path / "exact", quiet)
    assert float(str(rows[-1]["mse"])) == pytest.approx(
        float(str(read_log(tmp_path / "exact" / "log.jsonl")[-1]["mse"])), rel=0.03
    )
    assert any(not torch.equal(a, b.detach()) for a, b in zip(before, learned, strict=True))


def test_a_model_that_is_saved_whole_keeps_all_digits_of_what_is_folded_in(base: Path) -> None:
    task = task_of(base, unet="full", text_encoder="lora", precision="bf16")
    assert task.model.parts.unet.dtype == torch.float32
    assert next(task.model.parts.text_encoders[0].parameters()).dtype == torch.float32


def test_offset_noise_is_common_to_a_channel(base: Path) -> None:
    noises: list[torch.Tensor] = []

    def errors(task: FinetuneTask) -> Any:
        def keep(x: Any, captions: Any, noise: torch.Tensor, t: Any, numbers: Any) -> torch.Tensor:
            noises.append(noise)
            return noise.mean(dim=(1, 2, 3))

        return keep

    for share in (0.0, 0.5):
        task = task_of(base, offset_noise=share)
        task.errors = errors(task)  # type: ignore[method-assign]
        task.loss(draw_of(0, 0))
    shift = noises[1] - noises[0]
    assert float(shift.abs().max()) > 0.1
    torch.testing.assert_close(shift, shift.mean(dim=(2, 3), keepdim=True).expand_as(shift))


def test_captions_are_dropped_at_their_rate(base: Path) -> None:
    task = task_of(base, caption_dropout=0.25)
    captions = [text for step in range(300) for text in task.batch(draw_of(0, step))[1]]
    share = captions.count("") / len(captions)
    assert abs(share - 0.25) < 4 * (0.25 * 0.75 / len(captions)) ** 0.5
    assert all(text.startswith("A SAR image of a city") for text in captions if text)


# -- data ------------------------------------------------------------------------------------------


def test_flips_run_along_azimuth_only(base: Path, tiles: Path, tmp_path: Path) -> None:
    model = load_model(base, "cpu", "float32", library_networks=True)
    seen: list[np.ndarray] = []
    encode = LoadedModel.encode

    def keep(self: LoadedModel, pixels: torch.Tensor) -> torch.Tensor:
        seen.append(pixels[:, 0].numpy().copy())
        return encode(self, pixels)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LoadedModel, "encode", keep)
        load_examples(model, tiles, "train", tmp_path, quiet, SIZE, mirror=True)
    half = len(seen) // 2
    plain, mirrored = np.concatenate(seen[:half]), np.concatenate(seen[half:])
    assert np.array_equal(mirrored, plain[:, ::-1])
    assert not np.array_equal(mirrored, plain[:, :, ::-1])


def test_latents_are_encoded_again_when_data_or_encoder_change(
    base: Path, tiles: Path, tmp_path: Path
) -> None:
    model = load_model(base, "cpu", "float32", library_networks=True)
    said: list[str] = []

    def load(used: LoadedModel, size: int = SIZE) -> str:
        load_examples(used, tiles, "train", tmp_path, said.append, size)
        (path,) = tmp_path.glob("latents-0-train-*")
        return path.name

    first = load(model)
    assert len(said) == 1 and load(model) == first and len(said) == 1
    assert load(dataclasses.replace(model, fingerprint="another")) != first and len(said) == 2
    assert load(model, 64) != first and len(said) == 3


def test_sentences_are_encoded_once_and_again_for_another_encoder(
    base: Path, tmp_path: Path
) -> None:
    model = load_model(base, "cpu", "float32", library_networks=True)
    sentences = [f"a city {n}" for n in range(SHARD + 5)]
    cache = TextCache(model, tmp_path, sentences)
    found = cache.of([sentences[3], sentences[-1], "never announced"])
    expected = model.encode_text([sentences[3], sentences[-1], "never announced"]).context
    torch.testing.assert_close(found.context, expected, atol=1e-5, rtol=1e-4)
    files = sorted(cache.folder.glob("*.safetensors"))
    assert len(files) == 2
    stamps = [path.stat().st_mtime_ns for path in files]
    again = TextCache(model, tmp_path, reversed(sentences))
    assert torch.equal(again.of(sentences[3:4]).context, found.context[:1])
    assert [path.stat().st_mtime_ns for path in files] == stamps
    other = TextCache(dataclasses.replace(model, fingerprint="another"), tmp_path, sentences)
    assert other.folder != cache.folder and not cache.folder.is_dir()


def test_batches_are_of_one_size_and_every_tile_comes_up_once_a_pass(base: Path) -> None:
    buckets = [made_up(12, 16), made_up(4, 8, 1), made_up(8, 24, 2)]
    task = task_of(base, buckets)
    counts = {16: 0, 8: 0, 24: 0}
    orders = []
    for turn in range(3):
        seen: list[tuple[int, int]] = []
        order = []
        for step in range(turn * 6, turn * 6 + 6):
            latents, captions, indices = task.batch(draw_of(0, step))
            side = latents.shape[-1]
            order.append(side)
            counts[side] += 1
            seen += [(side, index) for index in indices]
            assert captions == [f"A SAR image of a city {index}" for index in indices]
        orders.append(order)
        assert len(set(seen)) == 24
    assert counts == {16: 9, 8: 3, 24: 6}
    assert orders[0] != orders[1] or orders[1] != orders[2]
    again = task_of(base, buckets).batch(draw_of(0, 13))
    assert torch.equal(again[0], task.batch(draw_of(0, 13))[0])
    assert torch.isfinite(task.loss(draw_of(0, 1))[0])


def test_several_tile_sets_of_several_sizes_train_together(
    base: Path, tiles: Path, tmp_path: Path
) -> None:
    other = chip_set(tmp_path / "large", side=96)
    out = tmp_path / "run"
    recipe = recipe_of(base, size=0, batch=2, steps=4, unet="lora")
    finetune(recipe, [tiles, other], out, quiet)
    shapes = {tuple(load_file(path)["latents"].shape[2:]) for path in out.glob("latents-*-train-*")}
    assert shapes == {(32, 32), (48, 48)}
    with pytest.raises(InputError, match="tiles"):
        finetune(recipe, [tiles], out, quiet)


# -- what a run tells ------------------------------------------------------------------------------


def test_sheets_curve_and_nearest_tiles_lie_in_the_run_folder(
    base: Path, tiles: Path, tmp_path: Path
) -> None:
    from PIL import Image

    from sarloom.workflows.train import Painter

    recipe = recipe_of(
        base, unet="lora", steps=4, batch=2, validate_every=2, samples=("a city", "a forest"),
        samples_every=2, sample_count=2, sample_steps=2, memorised=2, ema=0.5,
    )  # fmt: skip
    plain = finetune(recipe, tiles, tmp_path / "plain", quiet)
    run_folder = tmp_path / "run"
    path = finetune(recipe, tiles, run_folder, quiet, paint=Painter(recipe))
    sheets = sorted(one.name for one in (run_folder / "samples").iterdir())
    assert sheets == ["step-00000002.png"]
    with Image.open(run_folder / "loss.png") as opened:
        assert opened.size[0] > opened.size[1] and len(opened.convert("L").getcolors()) > 5
    assert [row["step"] for row in read_log(run_folder / "held-out.jsonl")] == [2, 4]
    # looking on the way changes no weight
    one, other = load_file(plain), load_file(path)
    assert all(torch.equal(one[name], other[name]) for name in one)
    judged = json.loads((run_folder / "memorised.json").read_text())
    assert judged["of"] == 2 and judged["tile_sets"][0]["threshold_ratio"] > 0
    assert (run_folder / "memorised.png").is_file()
    estimated = json.loads((run_folder / "cost.json").read_text())
    assert estimated["steps"] == 4 and estimated["memory_bytes"] > 0


def test_copies_are_found_and_new_images_are_not() -> None:
    generator = torch.Generator().manual_seed(0)
    tiles = torch.randn((120, 4, 8, 8), generator=generator)
    judge = Judge.of(tiles)
    assert judge is not None and 0.5 < judge.threshold < judge.typical < 1.0
    copies = tiles[10:14] + 0.1 * torch.randn((4, 4, 8, 8), generator=generator)
    fresh = torch.randn((100, 4, 8, 8), generator=generator)
    rows = judge.report(torch.cat([copies, fresh]), [f"t{n}" for n in range(120)])
    assert [row["nearest"] for row in rows[:4]] == ["t10", "t11", "t12", "t13"]
    assert all(row["memorised"] for row in rows[:4])
    assert sum(row["memorised"] for row in rows[4:]) <= 6
    # closed form: distance is the root mean square of the difference
    near = nearest(tiles[:1] + 0.25, tiles)
    assert near.index[0] == 0 and near.distance[0] == pytest.approx(0.25, rel=1e-4)
    assert Judge.of(tiles[:5]) is None


def test_the_curve_survives_a_line_cut_in_half(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    rows = [{"step": 20, "mse": 1.0}, {"step": 40, "mse": 0.5}, {"step": 40, "mse": 0.25}]
    text = "\n".join(json.dumps(row) for row in rows) + '\n{"step": 60, "ms'
    (tmp_path / "state" / "log.jsonl").write_text(text)
    assert [row["mse"] for row in read_log(tmp_path / "state" / "log.jsonl")] == [1.0, 0.25]
    assert draw_curve(tmp_path) == tmp_path / "loss.png"
    assert draw_curve(tmp_path / "nothing") is None


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_tracking_writes_its_files_or_names_the_extra(
    name: str, base: Path, tiles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_of(base, unet="lora", batch=2, tracking=name)
    if importlib.util.find_spec(name) is None:
        with pytest.raises(MissingExtraError, match=rf"sarloom\[{name}\]"):
            finetune(recipe, tiles, tmp_path / "run", quiet)
        assert not (tmp_path / "run").exists()
        return
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    finetune(recipe, tiles, tmp_path / "run", quiet)
    pattern = "events.out.tfevents.*" if name == "tensorboard" else "*.wandb"
    written = list(tmp_path.rglob(pattern))
    assert written and any(path.stat().st_size for path in written)


# -- recipes ---------------------------------------------------------------------------------------

METHODS: dict[str, dict[str, object]] = {
    "full": {"unet": "full", "text_encoder": "off", "token": ""},
    "dreambooth": {"unet": "full", "token": "<SAR>"},
    "token": {"unet": "off", "text_encoder": "off", "token": "<SAR>"},
    "hybrid": {"unet": "full", "text_encoder": "lora", "token": "<SAR>"},
    **{
        kind: {"unet": kind, "text_encoder": "off"}
        for kind in ("lora", "locon", "loha", "lokr", "dylora")
    },
}
BASES = {
    "embedded": "embedded",
    "sd15": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "sdxl": "stabilityai/stable-diffusion-xl-base-1.0",
}


@pytest.mark.parametrize("name", BASES)
def test_there_is_a_recipe_of_every_method_and_it_says_so(name: str, repository: Path) -> None:
    for method, expected in METHODS.items():
        path = repository / "recipes" / f"{name}-{method}.toml"
        recipe = load_table(FinetuneRecipe, path)
        found = {key: getattr(recipe, key) for key in ("base", *expected)}
        assert found == {"base": BASES[name], **expected}, path
        assert bool(recipe.prior_prompt) == (method == "dreambooth")
        rates = [recipe.learning_rate, recipe.text_learning_rate, recipe.token_learning_rate]
        assert all(0 < rate <= 1e-2 for rate in rates)
        # more than what is said of the method would belong into the recipe it extends
        assert len([one for one in path.read_text().splitlines() if "=" in one]) <= 10


def test_the_papers_recipes_are_those_of_the_papers(repository: Path) -> None:
    first = load_table(FinetuneRecipe, repository / "recipes" / "onera-sd15-full.toml")
    assert (first.unet, first.text_encoder, first.vae) == ("full", "full", "off")
    assert (first.learning_rate, first.text_learning_rate) == (5e-5, 5e-6)
    assert (first.batch * first.accumulate, first.epochs, first.prior_prompt) == (16, 12.0, "")
    second = load_table(FinetuneRecipe, repository / "recipes" / "onera-sdxl-hybrid.toml")
    assert (second.unet, second.text_encoder, second.token) == ("full", "lora", "<SAR>")


# -- cost ------------------------------------------------------------------------------------------


def test_kept_activations_are_counted_as_autograd_keeps_them(base: Path) -> None:
    shape = cost.shape_of(_files(base))
    traced = cost.trace_unet(shape, recipe_of(base), 16)
    task = task_of(base, made_up(8), batch=1)
    task.module.train()
    own = {p.untyped_storage().data_ptr() for p in task.module.parameters()}
    sizes: dict[int, int] = {}
    held = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            held.append(tensor)
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        task.loss(draw_of(0, 0))
    assert traced.kept == pytest.approx(sum(sizes.values()), rel=0.1)
    assert traced.inputs + traced.largest < traced.kept
    # the plain form of attention, whose products the counter knows
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter, torch.no_grad():
        task.loss(draw_of(0, 0))
    assert traced.flops == pytest.approx(counter.get_total_flops(), rel=0.05)


def test_state_is_counted_to_the_byte(base: Path) -> None:
    shape = cost.shape_of(_files(base))
    model = load_model(base)
    for name in ("unet", "vae"):
        own = sum(p.numel() for p in getattr(model.parts, name).parameters())
        assert shape.counts[name] == own
    count = shape.counts["unet"]
    parts = cost.estimate(shape, recipe_of(base, ema=0.9), SIZE).parts
    assert parts["weights"] == 4 * sum(shape.counts.values())
    assert (parts["gradients"], parts["optimiser"], parts["average"]) == (
        4 * count, 8 * count, 4 * count,
    )  # fmt: skip


def test_a_run_that_cannot_fit_is_refused_and_told_what_would(
    base: Path, tiles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_of(base, batch=64, accumulate=2)
    shape = cost.shape_of(_files(base))
    small = dataclasses.replace(recipe, batch=1, gradient_checkpointing=True)
    room = cost.estimate(shape, small, SIZE).memory + 2**20
    assert cost.estimate(shape, recipe, SIZE).memory > room
    monkeypatch.setattr(cost, "free_memory", lambda device: room)
    with pytest.raises(InputError, match=r"batch = 1 and accumulate = 128 .*force=true"):
        finetune(recipe, tiles, tmp_path / "run", quiet)
    assert not (tmp_path / "run").exists()
    forced = dataclasses.replace(recipe, force=True, batch=2, steps=1)
    monkeypatch.setattr(cost, "free_memory", lambda device: 1.0)
    assert finetune(forced, tiles, tmp_path / "forced", quiet).is_dir()


def _files(base: Path) -> Any:
    from sarloom.models.locate import locate_model

    return locate_model(str(base))
