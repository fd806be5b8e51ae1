"""Feed a recorded stream to deep-sort-realtime at its own defaults.

Runs in an environment of its own, with numpy, deep-sort-realtime and setuptools installed:
    PYTHON deep_sort_realtime_peer.py STREAM.npz RESULT.npz MIN_SCORE
"""

import sys
import time

import numpy as np
from deep_sort_realtime.deepsort_tracker import DeepSort


def main() -> None:
    """Write rows (frame from 1, id, x1, y1, x2, y2) and the median milliseconds of a frame."""
    stream_file, result_file, min_score = sys.argv[1], sys.argv[2], float(sys.argv[3])
    stream = np.load(stream_file)
    first, boxes, scores, embeddings = (stream[name] for name in ("first", "boxes", "scores", "embeddings"))
    tracker = DeepSort(max_age=30, n_init=3, max_cosine_distance=0.2, embedder=None)
    rows, milliseconds = [], []
    for frame in range(len(first) - 1):
        index = np.arange(first[frame], first[frame + 1])
        index = index[scores[index] >= min_score]
        corners = boxes[index].tolist()
        found = [
            ([x1, y1, x2 - x1, y2 - y1], float(scores[i]), 0)
            for i, (x1, y1, x2, y2) in zip(index, corners, strict=True)
        ]
        started = time.perf_counter()
        tracks = tracker.update_tracks(found, embeds=list(embeddings[index]))
        milliseconds.append(1e3 * (time.perf_counter() - started))
        rows += [
            [frame + 1, int(track.track_id), *track.to_ltrb()]
            for track in tracks
            if track.is_confirmed() and track.time_since_update <= 1
        ]
    np.savez(result_file, rows=np.array(rows).reshape(-1, 6), milliseconds=np.median(milliseconds))


if __name__ == "__main__":
    main()
