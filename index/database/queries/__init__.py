"""All SQL of the project, one module a topic; every function takes an open connection."""
