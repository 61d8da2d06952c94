"""The ground floor: settings, errors, paths, locks, logs and tokens, which know no database.

It imports no other room. Every part of the program may import it.
"""
