"""Reference physics that needs no simulator."""
