"""What callers are told: addresses, the OpenAPI description, /docs in two languages, refusals.

It is the ground floor of the service: it imports index, and every room above may import it.
"""
