"""The commands, each in the module of its name; person_count.py puts them together."""
