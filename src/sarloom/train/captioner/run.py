"""Teach a captioner an annotated set of images, and report how well it did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from ... import __version__
from ...captions.captioners import find_captioner
from ...captions.captioners.base import BeamCaptioner, device_of, load_model
from ...captions.captioners.locate import CaptionerFiles, locate_captioner
from ...captions.metrics import Programs
from ...captions.metrics.meteor import find_jar
from ...errors import InputError
from ...files import sha256_of, write_aside
from ...libraries import quiet_transformers
from ...options.captions_train import TrainCaptionsOptions
from ...options.table import as_plain
from ..loop import LoopSettings, Report, run
from .report import Results, score_captioner
from .sets import AnnotatedExamples, read_sets
from .task import CaptionerTask
from .watch import Enough, Rule, Watcher

PRECISIONS = {"no": "float32", "bf16": "bfloat16", "fp16": "float16"}
FREE = {"device", "meteor_jar", "checkpoint_every", "patience", "out"}
"""Options that may differ when a run goes on: they decide nothing that was already computed."""
MODEL = "best"


def train_captioner(options: TrainCaptionsOptions, report: Report) -> Results:
    """Fine-tune a captioner on annotated images; go on where an earlier call was stopped.

    The weights with the best figure on the validation split are kept in ``out/best``, a folder that
    stock ``transformers`` and ``--captioner`` read; the test split is looked at once, with them.

    Raises
    ------
    InputError
        If folder and annotation file do not match, a split is missing, the base cannot be trained,
        or ``out`` holds another run.
    ModelError
        If the base cannot be loaded.
    TrainingError
        If the loss is not finite or the disk is full.
    """
    find_jar(options.meteor_jar)  # a wrong path is said now, not after the training
    sets = read_sets(options.annotations, options.images)
    files, kind = find_captioner(options.base)
    if kind.processor is None:
        raise InputError(
            f"--base {options.base} is {kind.name}: training is for BLIP and GIT models; "
            "`sarloom captions run` takes it as it is"
        )
    device = device_of(options.device)
    options.out.mkdir(parents=True, exist_ok=True)
    _same_run(options, files)
    torch.manual_seed(options.seed)
    model, processor = load_model(files, device), kind.processor(files)
    examples = AnnotatedExamples(sets, processor, options.batch)
    for line in _about(examples, sets):
        report(line)
    task = CaptionerTask(model, processor, examples)

    def save(folder: Path) -> None:
        with quiet_transformers():
            model.save_pretrained(folder, safe_serialization=True)
            processor.save_pretrained(folder)
        (folder / "sarloom.json").write_text((options.out / "settings.json").read_text())

    rule = Rule(options.stop_on, options.patience, options.validation_images)
    captioner = BeamCaptioner(files, model, processor, device)
    watcher = Watcher(task, captioner, sets, rule, options.out, save, report)
    if not watcher.finished():
        try:
            settings = settings_of(options, len(examples))
            run(task, settings, options.out / "state", report, watcher, device)
        except Enough:
            report(f"stopped: {options.patience} validations brought no better {options.stop_on}")
    best = locate_captioner(str(options.out / MODEL))
    learned = BeamCaptioner(best, load_model(best, device), kind.processor(best), device)
    return score_captioner(learned, sets, options.out, Programs(options.meteor_jar), report)


def settings_of(options: TrainCaptionsOptions, images: int) -> LoopSettings:
    """The loop of a run on a number of images."""
    per_step = options.batch * options.accumulate
    steps = options.steps or max(1, round(options.epochs * images / per_step))
    return LoopSettings(
        steps=steps,
        learning_rate=options.learning_rate,
        warmup_steps=min(options.warmup_steps, steps),
        cooldown=0.9,
        weight_decay=0.05,
        ema=0.0,
        checkpoint_every=options.checkpoint_every,
        seed=options.seed,
        precision=PRECISIONS[options.precision],
        accumulate=options.accumulate,
        watch_every=options.validate_every,
    )


def _about(examples: AnnotatedExamples, sets: Any) -> list[str]:
    """What is learned from, in numbers."""
    lines = [
        f"{one.name}: {len(one.annotations.images)} images, "
        + ", ".join(f"{split} {number}" for split, number in one.annotations.splits.items())
        for one in sets
    ]
    if examples.silent:
        lines.append(f"{examples.silent} training images have no caption with words: left out")
    return lines


def _same_run(options: TrainCaptionsOptions, files: CaptionerFiles) -> None:
    """A run folder belongs to one base, one list of sets and one set of options.

    Raises
    ------
    InputError
        If the folder was begun with other ones.
    """
    settings: dict[str, Any] = {
        "sarloom": __version__,
        "base_fingerprint": files.fingerprint,
        "annotations_sha256": [sha256_of(path) for path in options.annotations],
        "options": {k: v for k, v in as_plain(options).items() if k not in FREE},
    }
    path = options.out / "settings.json"
    if path.is_file():
        before = json.loads(path.read_text())
        changed = [key for key in ("base_fingerprint", "annotations_sha256")
                   if before.get(key) != settings[key]]  # fmt: skip
        changed += [
            f"--{key.replace('_', '-')}"
            for key, value in settings["options"].items()
            if before.get("options", {}).get(key) != value
        ]
        if changed:
            raise InputError(
                f"{options.out} was begun with other settings ({', '.join(changed)}): choose "
                "another --out"
            )
        return
    with write_aside(path) as aside:
        aside.write_text(json.dumps(settings, indent=2) + "\n")
