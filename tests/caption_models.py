"""A real CLIP model of random weights, small enough for tests, saved as a folder."""

from __future__ import annotations

import json
from pathlib import Path


def save_clip(folder: Path, seed: int = 0) -> Path:
    """A CLIP model of random weights with a tokenizer of single letters."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    from tiny_models import save_tokenizer

    vocabulary = save_tokenizer(folder)
    torch.manual_seed(seed)
    config = CLIPConfig(
        text_config={
            "vocab_size": vocabulary, "hidden_size": 32, "intermediate_size": 64,
            "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 77,
            "bos_token_id": vocabulary - 2, "eos_token_id": vocabulary - 1,
            "pad_token_id": vocabulary - 1,
        },
        vision_config={
            "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
            "num_attention_heads": 4, "image_size": 32, "patch_size": 8,
        },
        projection_dim=16,
    )  # fmt: skip
    CLIPModel(config).eval().save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        json.dumps(
            {
                "image_processor_type": "CLIPImageProcessor", "do_resize": True,
                "size": {"shortest_edge": 32}, "do_center_crop": True,
                "crop_size": {"height": 32, "width": 32}, "do_rescale": True,
                "rescale_factor": 1 / 255, "do_normalize": True,
                "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
            }
        )
    )  # fmt: skip
    return folder
