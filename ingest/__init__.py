"""From files to rows: watching, decoding, finding and embedding faces.

jobs/ is on top and uses watching/, networks/ and decoding/; networks/ uses decoding/. The types
that they hand each other are in interfaces.py. Nothing here imports the service.
"""
