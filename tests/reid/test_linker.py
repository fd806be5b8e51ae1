"""The linker on people with known appearance: who is joined, who is kept apart, and what the log says."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from reid.identity_map import IdentityMap
from reid.linker import EvidenceLinkerSettings
from reid.topology import CameraLink
from reid.tracklets import CameraId, IdentityId, LinkKind, Tracklet, TrackletKey
from trackers.tracks import Track, TrackId, TrackState

A, B, C = CameraId("a"), CameraId("b"), CameraId("c")
RATE = 5


class Site:
    """People walk through cameras; the linker sees what trackers would report, and a map replays its decisions."""

    def __init__(self, links=(), seed=0, noise=0.25, **settings):
        self.rng = np.random.default_rng(seed)
        self.looks = (
            self.rng.normal(size=(50, 64)) + 1.2
        )  # distances between people near .4, as real embedders have
        self.noise = noise
        self.linker = EvidenceLinkerSettings(**settings).build(list(links))
        self.visits = []
        self.log = []

    def visit(self, person, camera, start, end, track=None, looks_like=None, place=None):
        track = track or 1 + sum(visit[1] == camera for visit in self.visits)
        look = person if looks_like is None else looks_like
        place = 10 * track if place is None else place
        self.visits.append((person, camera, start, end, track, look, place))
        return TrackletKey(camera, track)

    def run(self):
        cameras = sorted({visit[1] for visit in self.visits})
        steps = int(max(visit[3] for visit in self.visits) * RATE) + 2
        for step in range(steps):
            time = step / RATE
            for camera in cameras:
                tracks = [
                    track for visit in self.visits if visit[1] == camera for track in self._track(visit, time)
                ]
                self.log += self.linker.update(camera, time, tracks)
        self.log += self.linker.finish()
        identities = IdentityMap()
        for link in self.log:
            identities.apply(link)
        return identities

    def _track(self, visit, time):
        _, _, start, end, track, look, place = visit
        box = np.array([place, 0, place + 9, 100], np.float32)
        rest = (TrackId(track), box, np.zeros(2, np.float32), 0.9)
        if start <= time <= end:
            embedding = self.looks[look] + self.noise * self.rng.normal(size=64)
            embedding = (embedding / np.linalg.norm(embedding)).astype(np.float32)
            return [Track(*rest, TrackState.CONFIRMED, embedding)]
        return [Track(*rest, TrackState.ENDED)] if end < time <= end + 1 / RATE + 1e-9 else []


def test_a_person_keeps_the_identity_on_the_next_camera_and_after_coming_back():
    site = Site()
    first = site.visit(1, A, 0, 5)
    second = site.visit(1, B, 10, 15)
    third = site.visit(1, A, 20, 25)
    others = [site.visit(2, A, 0, 6), site.visit(3, B, 9, 16), site.visit(4, B, 2, 6)]
    identities = site.run()
    assert identities.get(first) == identities.get(second) == identities.get(third)
    assert len({identities.get(key) for key in [first, *others]}) == 4


def test_thirty_people_over_three_cameras():
    site = Site(noise=0.4)
    keys = {}
    for person in range(30):
        for hop, camera in enumerate((A, B, C)):
            start = 2.0 * person + 12 * hop
            keys[person, camera] = site.visit(person, camera, start, start + 6)
    identities = site.run()
    by_person = [{identities.get(keys[person, camera]) for camera in (A, B, C)} for person in range(30)]
    assert sum(len(ids) == 1 for ids in by_person) >= 28
    assert len(set().union(*by_person)) <= 33


def test_nobody_is_in_two_views_at_once_however_alike():
    site = Site()
    one, twin = site.visit(1, A, 0, 8), site.visit(2, B, 2, 9, looks_like=1)
    identities = site.run()
    assert identities.get(one) != identities.get(twin)


def test_a_person_who_is_found_twice_for_a_moment_stays_one():
    for shift, people in ((0, 1), (60, 2)):
        site = Site()
        site.visit(0, A, 0, 6, place=0)
        site.visit(0, A, 5, 12, place=shift)
        identities = site.run()
        found = {identities.get(TrackletKey(A, track)) for track in (1, 2)}
        assert len(found) == people


@pytest.mark.parametrize("seed", range(3))
def test_the_two_tracks_of_one_person_do_not_compete_when_somebody_alike_comes(seed):
    site = Site(seed=seed, noise=0.4)
    for person in range(20):
        for hop, camera in enumerate((A, B, C)):
            start = 1.5 * person + 8 * hop
            site.visit(person, camera, start, start + 5, track=100 * hop + person + 1)
    first = site.visit(1, A, 60, 80, track=501, place=0)
    second = site.visit(1, A, 64, 80, track=502, place=0)  # found twice
    other = site.visit(2, A, 70, 80, track=503, place=200, looks_like=1)
    identities = site.run()
    assert {link.kind for link in site.log if link.time > 60} == {LinkKind.LINK}
    known = identities.get(TrackletKey(A, 2))
    assert identities.get(first) == identities.get(second) == known
    assert identities.get(other) != known


def test_who_is_found_twice_from_the_first_frame_is_recognised_at_once():
    site = Site(noise=0.4)
    for person in range(10):
        site.visit(person, A, 3 * person, 3 * person + 5)
    known = TrackletKey(A, 2)
    tracks = [site.visit(1, B, 40, 50, place=0), site.visit(1, B, 40, 50, place=1)]
    identities = site.run()
    assert [link.identity for link in site.log if link.key in tracks] == [identities.get(known)] * 2


def test_views_that_overlap_may_share_a_person():
    site = Site(links=[CameraLink(origin=A, to=B, overlap=True)])
    one, same = site.visit(1, A, 0, 8), site.visit(1, B, 2, 9)
    site.visit(2, A, 0, 8)
    identities = site.run()
    assert identities.get(one) == identities.get(same)


@pytest.mark.parametrize(("start", "joined"), [(7.0, False), (12.0, True), (40.0, False)])
def test_travel_times_are_a_gate(start, joined):
    site = Site(links=[CameraLink(origin=A, to=B, seconds=(4, 20))])
    one, later = site.visit(1, A, 0, 5), site.visit(1, B, start, start + 5)
    site.visit(2, A, 0, 5)
    identities = site.run()
    assert (identities.get(one) == identities.get(later)) is joined


def test_who_looks_like_nobody_known_is_new_and_the_evidence_says_so():
    site = Site()
    site.visit(1, A, 0, 5)
    site.visit(2, A, 0, 5)
    new = site.visit(3, B, 10, 15)
    site.run()
    link = next(link for link in site.log if link.key == new)
    assert link.kind is LinkKind.LINK
    assert link.reason.startswith("new")
    assert link.distance is not None
    assert link.likelihood_ratio is not None
    assert link.likelihood_ratio > 1


def test_a_link_carries_its_evidence():
    site = Site()
    site.visit(1, A, 0, 5)
    site.visit(2, A, 0, 5)
    again = site.visit(1, B, 10, 15)
    site.run()
    link = next(link for link in site.log if link.key == again)
    assert link.transit == pytest.approx(5.0)
    assert link.distance is not None
    assert link.runner_up is not None
    assert link.distance < link.runner_up
    assert link.likelihood_ratio is not None
    assert link.likelihood_ratio > 1


def test_a_track_that_turns_out_different_leaves_its_identity():
    site = Site(min_duration=1.0)
    site.looks[9] -= 2.4  # nobody looks less like the others
    one = site.visit(1, A, 0, 5)
    site.visit(2, A, 0, 5)
    wrong = site.visit(3, B, 10, 30)
    site.looks[3] = site.looks[1]  # looks like person 1 at first ...
    original = site._track

    def changing(visit, time):
        if visit[4] == wrong.track and visit[1] == B and time > 11.3:
            visit = (*visit[:5], 9, visit[6])  # ... and like somebody else for most of its life
        return original(visit, time)

    site._track = changing  # type: ignore[method-assign]
    identities = site.run()
    assert [link.kind for link in site.log if link.key == wrong] == [LinkKind.LINK, LinkKind.SPLIT]
    assert identities.get(wrong) != identities.get(one)


def test_a_lost_track_that_is_found_while_its_identity_is_elsewhere_is_split():
    site = Site()
    old = site.visit(1, A, 0, 5)
    site.visit(3, A, 0, 20)
    new = site.visit(1, B, 8, 20)
    original = site._track

    def found_again(visit, time):
        if visit[4] == old.track and visit[1] == A and time > 5:
            visit = (visit[0], A, 14, 20, *visit[4:])
            if time < 14:  # lost, not ended
                return []
        return original(visit, time)

    site._track = found_again  # type: ignore[method-assign]
    identities = site.run()
    assert any(link.kind is LinkKind.SPLIT for link in site.log)
    assert identities.get(old) != identities.get(new)


def test_identities_that_grow_alike_are_merged():
    site = Site(min_duration=0.4, min_views=1, noise=1.6)
    keys = [site.visit(1, A, 0, 12), site.visit(1, B, 20, 32)]
    site.visit(2, A, 0, 12)
    site.visit(3, B, 20, 32)
    identities = site.run()
    assert identities.get(keys[0]) == identities.get(keys[1])


def test_tracks_without_any_embedding_are_new_identities():
    site = Site()
    key = site.visit(1, A, 0, 5)
    original = site._track
    site._track = lambda visit, time: [  # type: ignore[method-assign]
        Track(t.id, t.box, t.velocity, t.score, t.state) for t in original(visit, time)
    ]
    identities = site.run()
    assert identities.get(key) == 1
    assert "no view" in site.log[0].reason


def test_every_track_gets_exactly_one_first_link():
    site = Site(noise=0.6)
    keys = [
        site.visit(person, camera, 3.0 * person, 3.0 * person + 5) for person in range(10) for camera in (A, B)
    ]
    identities = site.run()
    firsts = [link.key for link in site.log if link.kind is LinkKind.LINK]
    assert sorted(firsts) == sorted(keys)
    assert all(identities.get(key) is not None for key in keys)


def test_the_gallery_is_bounded_and_expires():
    site = Site(max_identities=5, expiry=1000)
    for person in range(40):
        site.visit(person, A, 4.0 * person, 4.0 * person + 3)
    site.run()
    assert len(site.linker) <= 6
    short = Site(expiry=3)
    gone = short.visit(1, A, 0, 3)
    short.visit(2, B, 0, 30)
    back = short.visit(1, A, 20, 23)
    identities = short.run()
    assert identities.get(gone) != identities.get(back)


def test_the_same_input_gives_the_same_decisions():
    def decisions():
        site = Site(noise=0.8, seed=3)
        for person in range(12):
            site.visit(person, A, 2.0 * person, 2.0 * person + 5)
            site.visit(person, B, 2.0 * person + 9, 2.0 * person + 14)
        site.run()
        return [(link.key, link.identity, link.kind, link.distance, link.reason) for link in site.log]

    assert decisions() == decisions()


def test_thresholds_follow_the_embedder():
    """The same people seen through an embedder that maps everybody close together are still told apart."""
    for offset in (0.0, 1.0, 3.0):
        site = Site(noise=0.2)
        site.looks = np.random.default_rng(5).normal(size=(50, 64)) + offset
        keys = {}
        for person in range(12):
            keys[person, A] = site.visit(person, A, 1.0 * person, 1.0 * person + 5)
            keys[person, B] = site.visit(person, B, 1.0 * person + 20, 1.0 * person + 25)
        identities = site.run()
        right = sum(identities.get(keys[person, A]) == identities.get(keys[person, B]) for person in range(12))
        assert right >= 11, offset
        assert len({identities.get(key) for key in keys.values()}) >= 10


def test_linkers_can_be_pickled_mid_run():
    site = Site()
    site.visit(1, A, 0, 5)
    site.run()
    assert len(pickle.loads(pickle.dumps(site.linker))) == 1  # noqa: S301 - our own bytes


def test_people_of_an_earlier_run_are_recognised_and_nobody_gets_their_numbers():
    before = Site()
    first = [before.visit(person, A, 3 * person, 3 * person + 4) for person in range(4)]
    known: dict[IdentityId, list[Tracklet]] = {}
    identities = before.run()
    for tracklet in before.linker.take_changed():
        identity = identities.get(tracklet.key)
        assert identity is not None
        known.setdefault(identity, []).append(replace(tracklet, key=tracklet.key._replace(run=1)))
    after = Site()
    after.linker.remember(known, IdentityId(40), before.linker.learned())
    assert after.linker.learned()["calibration"] == before.linker.learned()["calibration"]
    again = [after.visit(person, B, 60 + 3 * person, 64 + 3 * person) for person in range(4)]
    stranger = after.visit(9, B, 80, 85)
    now = after.run()
    seen_last = [
        key for key in first if TrackletKey(*key) in {t.key._replace(run=0) for ts in known.values() for t in ts}
    ]
    assert seen_last
    for key in seen_last:
        assert now.get(again[first.index(key)]) == identities.get(key)
    assert now.get(stranger) >= 40
