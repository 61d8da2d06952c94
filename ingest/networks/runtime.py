"""Run networks fast on the CPU, through OpenVINO.

A net takes float32 or uint8 pixels (n, h, w, 3) and returns float32 arrays. Several threads may
call a net at once; each computes its own call. Two other ways measured slower: spreading each layer
over the cores, and handing calls to OpenVINO's own streams. With two threads a net, those streams
competed for one core while the other was idle.
"""

import hashlib
import logging
import tempfile
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from threading import Lock, Semaphore
from typing import Any, Protocol

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from index.base.kernel import processors
from ingest.networks.summed_area import FloatArray

log = logging.getLogger(__name__)

MAX_CORES = 8  # each takes 100 to 200 MiB, and a batch is too small to occupy more

# one at a time: torch's tracing and Python's filters of warnings are those of the whole process
_CONVERTING = Lock()

Pixels = NDArray[np.float32] | NDArray[np.uint8]


class Net(Protocol):
    """A network behind numpy arrays, safe to call from several threads."""

    def __call__(self, pixels: Pixels) -> tuple[FloatArray, ...]:
        """Run one batch, (n, h, w, 3). The arrays returned belong to the caller."""
        ...


class OpenVinoNet:
    """The network compiled for this processor."""

    def __init__(self, model: ov.Model | Path, *, precision: str, streams: int) -> None:
        """Compile *model*, or the file that it was saved in.

        Args:
            precision: "f32" or "bf16".
            streams: how many threads may compute at once; others wait for their turn. A request is
                made when a thread calls while all others are in use. For FaceNet each takes
                100 MiB in bf16 and 200 MiB in f32.
        """
        self._config: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": 1,
            "NUM_STREAMS": 0,  # no threads of its own: the calling thread computes
            "ENABLE_CPU_PINNING": False,  # other programs share these cores
        }
        # read once, so that all compiled models share the weights as they are in the file
        self._model = core().read_model(model) if isinstance(model, Path) else model
        self._turns = Semaphore(streams)
        self._idle = deque([self._new_request()])  # requests that no thread is using

    def __call__(self, pixels: Pixels) -> tuple[FloatArray, ...]:
        """Run one batch; see `Net`."""
        with self._turns:
            try:
                request = self._idle.pop()
            except IndexError:
                request = self._new_request()
            try:
                return tuple(request.infer({0: pixels}, share_inputs=True).values())
            finally:
                self._idle.append(request)

    def _new_request(self) -> Any:  # noqa: ANN401 - OpenVINO's
        """A request of a model of its own: those of one without threads wait for each other."""
        return core().compile_model(self._model, "CPU", self._config).create_infer_request()


@lru_cache(maxsize=1)
def core() -> ov.Core:
    """The one of this process, which is never given back.

    Each core (OpenVINO 2026.4) gives signal handlers a stack of its own. When a core is freed, it
    puts back the stack before it, even if that one is gone. Then the next signal with a handler,
    such as Ctrl-C's, crashes the process.
    """
    return ov.Core()


def kept(name: str, convert: Callable[[], ov.Model], cache: Path) -> Path:
    """The file of a converted model in the folder *cache*; made by *convert* where it is missing.

    It is used only while it has the SHA-256 noted beside it when it was written.

    Args:
        name: file name in *cache*; must change when the weights do.
    """
    path = cache / f"{name}-openvino-{ov.__version__.split('-')[0]}.xml"
    if path.is_file() and _is_intact(path):
        return path
    with _CONVERTING:
        log.info("networks.convert name=%s", name)
        model = convert()
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            draft = Path(folder) / path.name
            ov.save_model(model, draft, compress_to_fp16=False)
            draft.with_suffix(".sha256").write_text(_digest(draft))
            for suffix in (".sha256", ".bin", ".xml"):  # the .xml last: the next start looks for it
                draft.with_suffix(suffix).replace(path.with_suffix(suffix))
    return path


def _digest(path: Path) -> str:
    digest = hashlib.sha256(path.read_bytes())
    digest.update(path.with_suffix(".bin").read_bytes())
    return digest.hexdigest()


def _is_intact(path: Path) -> bool:
    try:
        return path.with_suffix(".sha256").read_text() == _digest(path)
    except OSError:
        return False


def best_precision() -> str:
    """bf16 where the processor computes in it, else f32.

    bf16 embeddings have a cosine of at least 0.9996 with those in f32 (docs/performance.md).
    """
    capabilities = core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bf16" if "BF16" in capabilities else "f32"


def cores() -> int:
    """Return the number of processors that this process may use, MAX_CORES at most."""
    return min(processors(), MAX_CORES)
