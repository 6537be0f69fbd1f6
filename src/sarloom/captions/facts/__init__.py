"""Captions from maps: what lies in a tile by land cover rasters and vector data, in words."""
