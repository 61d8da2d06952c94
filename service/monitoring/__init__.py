"""Reports how the service is doing: /status and /metrics.

It imports answering and children, whose state it reads. Handlers and edge may import it.
"""
