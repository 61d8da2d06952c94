"""The threads for blocking work; each kind of work has its own, so that none holds up another."""

import logging
import threading

from service.answering.pool import Pool

log = logging.getLogger(__name__)

SHORT_THREADS = 4


class Threads:
    """Pools that share no thread.

    Attributes:
        short: questions, lists and orders for pictures, some milliseconds each.
        long: one long question after the other.
        large: one very large question after the other; each may take a minute.
        probes: probes by machines, which must not find the service dead while it works.
        writes: changes of the database, which wait while another process has it locked.
        slow_work: how many pieces of long and large work are under way or wait.
    """

    def __init__(self) -> None:
        self.slow_work = 0
        self.short = Pool(SHORT_THREADS, "answerer")
        self.long = Pool(1, "answerer-long")
        self.large = Pool(1, "answerer-large")
        self.probes = Pool(1, "answerer-probes")
        self.writes = Pool(1, "answerer-writes")

    def close(self, seconds: float) -> bool:
        """Begin no more work, and wait for the work under way, *seconds* at most.

        Returns: whether all threads have ended. Python would wait for the others at its exit.
        """
        closer = threading.Thread(target=self._shut_down, name="answerer-closer", daemon=True)
        closer.start()
        closer.join(seconds)
        if closer.is_alive():
            log.warning("service.work_cut_off; nobody waits for it any more")
        return not closer.is_alive()

    def _shut_down(self) -> None:
        pools = (self.short, self.long, self.large, self.probes, self.writes)
        for pool in pools:
            pool.close()
        for pool in pools:
            pool.join()
