"""The commands, by topic; person_count.py puts them together."""
