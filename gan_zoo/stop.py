"""How a run learns that it shall stop: by a signal, or by the machine's that is taken away."""

import signal
import threading
from typing import Any

import jax
from jax.experimental import multihost_utils


class Stop:
    """Whether the run was asked to stop: SIGTERM or SIGINT; with several processes, by all at the same round."""

    def __init__(self):
        self.seen, self.signalled, self.before = 0, False, {}
        # With several processes jax.distributed listens; outside the main thread nobody may.
        if jax.process_count() == 1 and threading.current_thread() is threading.main_thread():
            for kind in (signal.SIGTERM, signal.SIGINT):
                self.before[kind] = signal.signal(kind, self._note)

    def asked(self, now: int) -> bool:
        """Asked once a round."""
        if jax.process_count() > 1:
            return multihost_utils.reached_preemption_sync_point(now)
        return self.signalled

    def close(self) -> None:
        """Gives the signals back."""
        for kind, handler in self.before.items():
            signal.signal(kind, handler)

    def _note(self, kind: int, _: Any) -> None:
        self.signalled = True
        signal.signal(kind, signal.SIG_DFL)  # a second one ends the process at once
