"""What both sides share: settings, the database, the vector index and the counting itself."""
