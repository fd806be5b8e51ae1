"""OSNet on CUDA as recorded graphs: one launch for a batch instead of one for each of its few hundred kernels.

Small batches are what tracking asks for (a few new or ambiguous people a tick), and there a GPU waits for the CPU
to launch kernels. A graph has a fixed batch, so that one is recorded for each of a ladder of sizes and a batch is
filled up to the next. Whether this is faster than torch's own launches, `reid.choice` measures on the device.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from reid.crops import HEIGHT, WIDTH, Image
from reid.runtimes import Precision, torch_module
from reid.tracklets import FloatArray

if TYPE_CHECKING:
    import torch

    from reid.osnet import OSNet

LARGEST = 256  # a larger batch is split: by then the device is busy computing, and graphs hold memory
_WARM_UPS = 3  # before recording, for what cuDNN and the allocator set up at first use


class _Recorded(NamedTuple):
    """A graph with the tensors that it reads and writes."""

    graph: torch.cuda.CUDAGraph
    crops: torch.Tensor  # (B, 256, 128, 3) uint8
    rows: torch.Tensor  # (B, 512) float32


class CudaGraphRuntime:
    """OSNet on CUDA, replayed from graphs. See `reid.runtimes.Runtime`.

    Args:
        network: in eval mode.
        precision: f16, bf16 or f32.
        max_batch: the largest batch that will be given; beyond `LARGEST` batches are split.

    Raises:
        HandoffError: if there is no CUDA device.
    """

    def __init__(self, network: OSNet, precision: Precision, max_batch: int) -> None:
        import torch

        from reid.osnet import FEATURE_DIMENSION

        self._module = torch_module(network, "cuda", precision)
        self._sizes = graph_sizes(min(max_batch, LARGEST))
        self._staging = torch.zeros((self._sizes[-1], HEIGHT, WIDTH, 3), dtype=torch.uint8, pin_memory=True)
        self.name = f"CUDA graphs {precision}"
        self.description = f"torch {torch.__version__} CUDA graphs {precision}"
        self.dimension = FEATURE_DIMENSION
        # Replays follow each other on one stream and their rows are copied out in between, so all graphs may
        # work in the same memory; the largest comes first, and the others fit into what it took.
        pool = torch.cuda.graph_pool_handle()
        self._recorded = {size: self._record(size, pool) for size in reversed(self._sizes)}

    def embed(self, batch: Image) -> FloatArray:
        """See `reid.runtimes.Runtime.embed`."""
        import torch

        rows = np.empty((len(batch), self.dimension), np.float32)
        largest = self._sizes[-1]
        with torch.inference_mode():
            for start in range(0, len(batch), largest):
                part = batch[start : start + largest]
                rows[start : start + len(part)] = self._replay(part)
        return rows

    def _replay(self, batch: Image) -> FloatArray:
        """At most the largest size. Rows that fill up the graph's batch are computed and left out."""
        import torch

        count = len(batch)
        recorded = self._recorded[self._sizes[bisect_left(self._sizes, count)]]
        # The copy to the host at the end has waited for the last replay, so the staging memory is free again.
        staged = self._staging[:count]
        staged.copy_(torch.from_numpy(batch))
        recorded.crops[:count].copy_(staged, non_blocking=True)
        recorded.graph.replay()
        rows: FloatArray = recorded.rows[:count].cpu().numpy()
        return rows

    def _record(self, size: int, pool: Any) -> _Recorded:
        import torch

        with torch.inference_mode():
            crops = torch.zeros((size, HEIGHT, WIDTH, 3), dtype=torch.uint8, device="cuda")
            aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                for _ in range(_WARM_UPS):
                    self._module(crops)
            torch.cuda.current_stream().wait_stream(aside)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=pool):
                rows = self._module(crops)
        return _Recorded(graph, crops, rows)


def graph_sizes(largest: int) -> list[int]:
    """Batch sizes to record: 1, 2, 3, 4, 6, 8, 12, ... and ``largest``; filling up costs at most half again."""
    sizes, power = {1, largest}, 2
    while power < largest:
        sizes |= {power, min(power + power // 2, largest)}
        power *= 2
    return sorted(sizes)
