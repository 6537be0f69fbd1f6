"""From files of radar products to scenes, and from scenes to a catalogue."""
