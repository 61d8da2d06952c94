"""Turns a question and its faces into a number of persons, and explains that number.

The modules compute on their arguments alone: none opens a file or a connection. They import
vectors, database (the rows' types) and base.
"""
