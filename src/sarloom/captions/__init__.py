"""Captions: read annotation files, score captions against references."""
