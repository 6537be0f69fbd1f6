"""A world and its pictures: the archive that needs no download."""
