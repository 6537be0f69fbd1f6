"""``python -m sarloom`` does what ``sarloom`` does."""

from .cli.main import main

main()
