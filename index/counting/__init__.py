"""From a question and its faces to a number of persons, and why it is that number.

Everything here computes on what it is given: no module opens a file or a connection. It imports
vectors, database (the rows' types) and base.
"""
