"""The service's contract: addresses, the OpenAPI description, /docs in two languages, refusals.

It is the service's lowest room: it imports index, and every room above may import it.
"""
