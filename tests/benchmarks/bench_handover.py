"""How a trial gets its prepared data: time, and private memory of the worker before and after it has read every voxel.

    python -m tests.benchmarks.bench_handover [--slices 3000] [--json FILE]

A case of 128 x 128 slices is the return value of a Ray task, as in a sweep. A fresh worker fetches it and sums it up.
Private memory comes from `/proc/self/smaps_rollup` (pages that no other process maps); RSS is shown beside it, because it
counts the shared pages too and so would make a zero-copy read look like a copy.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from cluster.config import LocalConfig
from cluster.local import local_ray

SIZE_PX = 128
ROUNDS = 5


def make_case(slices: int) -> Any:
    """A prepared case of noise, as large as many are together."""
    from liverseg.preprocess import NativeReference, PlaneMap, PreparedCase

    rng = np.random.default_rng(0)
    shape = (slices, SIZE_PX, SIZE_PX)
    image = rng.integers(-1000, 1000, shape, np.int16)
    reference = NativeReference(shape, (1.0, 1.0, 1.0), (0, 0, 0), np.zeros((0, 0, 0), np.uint8))
    plane = PlaneMap((SIZE_PX, SIZE_PX), (SIZE_PX, SIZE_PX), 0, 0, SIZE_PX)
    mask, keep = rng.integers(0, 3, shape, np.uint8), np.ones(slices, np.bool_)
    return PreparedCase("case-0", "case-0", image, mask, keep, plane, reference, np.zeros(4096, np.int64))


def private_bytes() -> dict[str, int]:
    """Private and proportional memory of this process, bytes."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    kib = {name: int(value.split()[0]) for name, value in fields.items()}
    private = kib["Private_Clean"] + kib["Private_Dirty"]
    return {"private": private * 1024, "pss": kib["Pss"] * 1024, "rss": kib["Rss"] * 1024}


class Worker:
    """A process that has done what a trial does before it asks for its data."""

    def fetch(self, refs: list[Any]) -> dict[str, float]:
        """Get the case, see it as a pack, touch all of it, and say what that cost."""
        import ray

        before = private_bytes()
        from liverseg.preprocess import pack as see

        began = time.perf_counter()
        case = ray.get(refs[0])
        pack = see([case], training=True)
        seconds = time.perf_counter() - began
        # Slice by slice, as a training does; a sum over the whole would make temporaries of its own.
        total = sum(int(part.sum()) for part in pack.image) + sum(int(part.sum()) for part in pack.mask)
        after = private_bytes()
        return {
            "seconds": seconds,
            "sum": total,
            "owns_data": float(case.image.flags.owndata),
            **{f"{name}_bytes": after[name] - before[name] for name in before},
        }


def measure(slices: int) -> dict[str, Any]:
    """Medians over fresh workers."""
    import ray

    with local_ray(LocalConfig(cpus=2, object_store_bytes=max(256 << 20, 4 * slices * 3 * SIZE_PX**2))):
        reference = ray.remote(make_case).remote(slices)
        ray.wait([reference])
        rows = []
        for _ in range(ROUNDS):
            worker = ray.remote(num_cpus=1)(Worker).remote()
            # A first, tiny fetch loads the code that unpacking needs, as the start of a trial does.
            tiny = ray.put(make_case(1))
            ray.get(worker.fetch.remote([tiny]))
            rows.append(ray.get(worker.fetch.remote([reference])))
            ray.kill(worker)
    medians = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    return {"slices": slices, "pack_bytes": slices * 3 * SIZE_PX**2, "workers": ROUNDS, **medians}


def main() -> None:
    """Measure and print; with `--json FILE` also write."""
    parser = argparse.ArgumentParser(description="prepared data to a trial")
    parser.add_argument("--slices", type=int, default=3000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = measure(options.slices)
    print(
        f"{found['pack_bytes'] / 1e6:.0f} MB: {found['seconds'] * 1000:.2f} ms to get (goal: below 5), "
        f"{found['private_bytes'] / 1e6:.2f} MB private after reading all (goal: below 5), "
        f"{found['rss_bytes'] / 1e6:.0f} MB more RSS, copied: {bool(found['owns_data'])}"
    )
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
