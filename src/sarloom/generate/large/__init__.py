"""Scenes larger than a model's window: drawn together, written piece by piece.

``run.make_scene`` is the way in; ``from_options``, ``translate`` and ``refine`` say what to make.
"""
