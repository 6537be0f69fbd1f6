"""From a sentence about an optical picture to one about the radar picture of the same ground."""
