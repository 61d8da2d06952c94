"""The process that decodes, but without confinement: to measure what that costs."""

from ingest.decoding import decoder_process


def main() -> None:
    decoder_process.confine = lambda *_: True
    decoder_process.main()
