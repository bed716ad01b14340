"""How a run learns that it shall stop: by a signal, or by the machine's that is taken away."""

import os
import signal
import threading
from typing import Any

import jax
from jax.experimental import multihost_utils


class Stop:
    """Whether the run was asked to stop: SIGTERM or SIGINT; with several processes, by all at the same round."""

    def __init__(self):
        self.seen, self.signalled, self.looks, self.before = 0, False, 0, {}
        if threading.current_thread() is not threading.main_thread():
            return  # where nobody may listen
        if jax.process_count() == 1:
            for kind in (signal.SIGTERM, signal.SIGINT):
                self.before[kind] = signal.signal(kind, self._note)
        else:  # jax.distributed listens, to SIGTERM alone
            self.before[signal.SIGINT] = signal.signal(signal.SIGINT, lambda *_: os.kill(os.getpid(), signal.SIGTERM))

    def asked(self) -> bool:
        """Asked after each dispatch, by all processes alike."""
        if jax.process_count() > 1:
            self.looks += 1  # jax agrees on the next number, which rounds, several of them at once, would skip
            return multihost_utils.reached_preemption_sync_point(self.looks)
        return self.signalled

    def close(self) -> None:
        """Gives the signals back."""
        for kind, handler in self.before.items():
            signal.signal(kind, handler)

    def _note(self, kind: int, _: Any) -> None:
        self.signalled = True
        signal.signal(kind, signal.SIG_DFL)  # a second one ends the process at once
