"""From scenes to a tile set: cut, pair, split, store, check, look at, hand on."""
