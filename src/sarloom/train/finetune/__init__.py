"""Fine-tuning a base model on a tile set."""
