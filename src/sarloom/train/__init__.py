"""One training loop; what is trained is a small object handed to it."""
