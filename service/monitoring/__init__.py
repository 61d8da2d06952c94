"""How the service is doing: /status and /metrics.

It imports answering and children, which it looks at. Handlers and edge may import it.
"""
