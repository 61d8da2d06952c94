"""The hostile decoder with nothing that confines it: each deed has to work here."""

from ingest.decoding import decoder_process
from tests.ingest import hostile_decoder


def main() -> None:
    decoder_process.confine = lambda *_: True
    hostile_decoder.main()
