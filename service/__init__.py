"""The HTTPS side: questions in, counts out. Starts without the models."""
