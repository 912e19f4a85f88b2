"""What real time may be on a slow machine that also does other work."""

from __future__ import annotations

#: So many times what is promised may pass in a test; what hangs takes longer by far. `benchmarks` measures the promise.
BUSY = 5
