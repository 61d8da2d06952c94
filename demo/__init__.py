"""A demonstration without photos: drawn portraits through the whole program."""
