"""One module per product family; registry.py lists them."""
