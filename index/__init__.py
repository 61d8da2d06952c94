"""The parts that ingest and service share: settings, the database, the vector index, the counting.

Seven rooms, top to bottom: upkeep, library and evaluation side by side; then counting, vectors,
database and base. A room imports only rooms below it; pyproject.toml holds the order. Nothing here
imports ingest, service, torch, tornado or watchdog.
"""
