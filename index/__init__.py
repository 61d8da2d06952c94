"""What both sides share: settings, the database, the vector index and the counting itself.

Seven rooms, top to bottom: upkeep, library and evaluation stand side by side on counting, which
stands on vectors, database and base. A room imports only rooms below it; pyproject.toml holds the
order. Nothing here imports ingest, service, torch, tornado or watchdog.
"""
