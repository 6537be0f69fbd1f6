"""Radar physics and statistics on NumPy arrays."""
