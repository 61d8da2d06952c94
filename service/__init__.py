"""The HTTPS side: questions in, counts out. Starts without the models.

Top to bottom: edge, handlers, monitoring, uploading, answering, children, guards, contract. A room
imports only rooms below it, and index without its upkeep and evaluation. page/ is the web page.
"""
