"""The least that a question could cost: a server that computes nothing, and a bare search.

usage: python benchmarks/floors.py DATA

Serves a constant over TLS with the certificate in DATA until it is ended; query.py starts it.
"""

import asyncio
import sys
from pathlib import Path
from types import SimpleNamespace

import faiss
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from tornado.httputil import ParseBodyConfig, ParseUrlEncodedConfig, set_parse_body_config
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from index.base.arrays import FloatMatrix
from index.vectors.space import Space, unmeasured
from service.edge.server import Server
from service.edge.tls import self_signed, server_context
from service.guards.limits import Proxies

CUT = Space.calibrated(unmeasured(512)).cut(0.2)


def search(vectors: FloatMatrix) -> int:
    """The least work of any answer: find the links and count their components."""
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    limits, _, found = index.range_search(vectors, CUT)
    row = np.repeat(np.arange(len(vectors)), np.diff(limits).astype(np.int64))
    graph = coo_array((np.ones(len(row), np.int8), (row, found)), (len(vectors), len(vectors)))
    return int(connected_components(graph, directed=False)[0])


class Constant(RequestHandler):
    """Gives every question the same answer."""

    def get(self) -> None:
        """Answer."""
        self.finish('{"person_num": 1}')

    post = get


async def serve(data: Path) -> None:
    """The service's own server class with a handler that returns a constant."""
    most = ParseUrlEncodedConfig(max_arguments=20_000)
    set_parse_body_config(ParseBodyConfig(urlencoded=most))
    routes = [("/person_count", Constant)]
    application = Application(routes, log_function=lambda _: None)
    application.metrics = SimpleNamespace(refused=lambda _status: None)  # the server counts there
    application.proxies = Proxies(())
    server = Server(
        application,
        server_context(*self_signed(data, "127.0.0.1")),
    )
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    port = sockets[0].getsockname()[1]
    print(f"answering at https://127.0.0.1:{port}/person_count", file=sys.stderr, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
