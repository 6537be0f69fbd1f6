"""The demo: what it asks for, and the page that shows the answers."""
