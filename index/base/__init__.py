"""The lowest room: settings, errors, paths, locks, logs and tokens. It knows no database.

It imports no other room. Every part of the program may import it.
"""
