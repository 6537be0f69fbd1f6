"""One function per command: the only place where stages meet.

Each takes an option table, shows its progress, and returns what it wrote. Stages are imported
inside the functions, so that a command pays only for what it uses.
"""

from .archive import index, search
from .captions import captions_score, captions_train
from .captions_run import captions_rewrite, captions_run, captions_view
from .demo import demo
from .evaluate import evaluate
from .images import generate, info
from .scenes import simulate
from .tiles import tiles_build, tiles_check, tiles_export, tiles_stats, tiles_view
from .train import train
from .translate import refine, translate

__all__ = [
    "captions_rewrite",
    "captions_run",
    "captions_score",
    "captions_train",
    "captions_view",
    "demo",
    "evaluate",
    "generate",
    "index",
    "info",
    "refine",
    "search",
    "simulate",
    "tiles_build",
    "tiles_check",
    "tiles_export",
    "tiles_stats",
    "tiles_view",
    "train",
    "translate",
]
