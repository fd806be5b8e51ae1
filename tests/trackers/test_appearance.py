import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import unit_rows
from trackers.appearance import AppearanceGallery


@given(st.integers(1, 4), st.lists(st.tuples(st.integers(0, 4), st.integers(0, 7)), max_size=40))
def test_distance_is_to_the_closest_of_the_last_embeddings(budget, writes):
    gallery = AppearanceGallery(budget)
    slots = [gallery.acquire() for _ in range(5)]
    kept: dict[int, list[np.ndarray]] = {slot: [] for slot in slots}
    for which, direction in writes:
        row = unit_rows(direction)
        gallery.add(np.array([slots[which]]), row)
        kept[slots[which]] = [*kept[slots[which]], row[0]][-budget:]
    queries = unit_rows(0, 3, 7)
    distances = gallery.distances(np.array(slots), queries)
    for i, slot in enumerate(slots):
        for j, query in enumerate(queries):
            expected = min((1 - float(row @ query) for row in kept[slot]), default=np.inf)
            assert distances[i, j] == np.float32(expected)


def test_a_released_slot_forgets_and_many_tracks_fit():
    gallery = AppearanceGallery(2)
    slot = gallery.acquire()
    gallery.add(np.array([slot]), unit_rows(1))
    gallery.release(np.array([slot]))
    assert gallery.acquire() == slot
    assert np.isinf(gallery.distances(np.array([slot]), unit_rows(1))).all()
    assert len({gallery.acquire() for _ in range(100)}) == 100
