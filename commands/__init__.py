"""The commands, each in a module of its name; person_count.py puts them together."""
