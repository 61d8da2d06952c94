"""All SQL of the project, one module per topic; every function takes an open connection."""
