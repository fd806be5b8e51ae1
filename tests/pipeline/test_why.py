"""`run.py why`: what is told of an identity, the pictures of its tracks, the page, the picture, the errors."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import RunError
from pipeline.why import crops, story
from pipeline.why.crops import Crops
from pipeline.why.page import html_of
from pipeline.why.picture import MOST, WIDTH, decoded, figure_of, png_of, shown
from pipeline.why.rows import report_of
from pipeline.why.story import Role, ranges
from reid.tracklets import CameraId, LinkKind, TrackletKey

EMPTY: dict[str, object] = dict.fromkeys(
    ("distance", "runner_up", "transit", "likelihood_ratio", "probability", "looks", "way", "rival")
)
EMPTY["reason"] = "new: nobody known can be here now"


def decision(event, time, camera, track, identity, previous=None, **evidence):
    entry = {"event": event, "time": time, "camera": camera, "track": track, "identity": identity}
    before = {} if previous is None else {"previous": previous}
    return entry | before | {"evidence": EMPTY | evidence}


def life(camera, track, start, end):
    first = {"event": "start", "time": start, "camera": camera, "track": track, "identity": None}
    return [first, first | {"event": "end", "time": end, "start": start, "end": end, "frames": 9}]


def key(camera, track):
    return TrackletKey(CameraId(camera), track)


LIVES = [("gate", 1, 0.0, 4.0), ("yard", 1, 1.0, 5.0), ("yard", 2, 9.0, 12.0), ("gate", 2, 14.0, 20.0)]
LIVES += [("yard", 3, 15.0, 21.0), ("gate", 3, 30.0, 31.0)]
DECISIONS = [
    decision("link", 1.0, "gate", 1, 1),
    decision("link", 2.0, "yard", 1, 2, distance=1.2, looks=-3.0, way=1.0, rival=1, probability=0.9),
    decision(
        "link",
        10.0,
        "yard",
        2,
        1,
        distance=0.2,
        runner_up=0.9,
        looks=7.0,
        way=-0.5,
        rival=2,
        probability=0.97,
        reason="looks like <b>identity 1</b> & so on",
    ),
    decision("link", 15.0, "gate", 2, 3, distance=0.7, looks=0.4, way=0.2, rival=2, probability=0.8),
    decision("link", 16.0, "yard", 3, 1, distance=0.3, looks=2.0, way=0.1, probability=0.6),
    decision("merge", 20.0, "gate", 2, 1, 3, distance=0.3, looks=4.0, way=1.0, probability=0.7, reason="alike"),
    decision("split", 21.0, "yard", 3, 4, 1, distance=0.8, looks=-2.0, way=0.0, rival=1, probability=0.9),
    decision("link", 31.0, "gate", 3, 1, distance=0.25, looks=3.0, way=0.0, probability=0.55),
]


def write_log(folder, decisions=DECISIONS, lives=LIVES, cut=""):
    folder.mkdir(exist_ok=True)
    entries = [entry for given in lives for entry in life(*given)] + decisions
    entries.sort(key=lambda entry: entry["time"])
    text = "".join(json.dumps(entry) + "\n" for entry in entries)
    (folder / "identities.jsonl").write_text(text + cut)
    return folder


def told(tmp_path, identity, track=None):
    return story.read(write_log(tmp_path / "run"), identity, track)


def without_pictures(given, why="a camera <far> away"):
    keys = {step.sighting.key for step in given.steps}
    keys |= {other.sighting.key for step in given.steps for other in step.compared if other.sighting}
    return report_of(given, {one: Crops((), why) for one in keys})


def test_every_track_merge_and_split_is_told_in_order_of_time(tmp_path):
    steps = told(tmp_path, 1).steps
    assert [(step.kind.value, step.sighting.key, step.identity) for step in steps] == [
        ("link", key("gate", 1), 1),
        ("link", key("yard", 2), 1),
        ("link", key("gate", 2), 3),
        ("merge", key("gate", 2), 1),
        ("split", key("yard", 3), 4),
        ("link", key("gate", 3), 1),
    ]
    assert [sighting.key for sighting in told(tmp_path, 1).sightings] == [
        key("gate", 1),
        key("yard", 2),
        key("gate", 2),
        key("gate", 3),
    ]


def test_whom_each_track_was_compared_with(tmp_path):
    new, linked, rejected, merged, left, _ = told(tmp_path, 1).steps
    roles = [
        [(c.identity, c.role, c.distance, c.sighting.key) for c in step.compared] for step in (linked, merged)
    ]
    assert roles == [
        [(1, Role.CHOSEN, 0.2, key("gate", 1)), (2, Role.REFUSED, 0.9, key("yard", 1))],
        [(1, Role.MERGED, 0.3, key("yard", 2))],
    ]
    assert new.compared == ()
    assert new.about is None
    assert [(c.identity, c.role, c.distance) for c in rejected.compared] == [(2, Role.REFUSED, 0.7)]
    assert [(c.identity, c.role, c.distance) for c in left.compared] == [(1, Role.LEFT, 0.8)]
    assert [step.about for step in (linked, rejected, merged, left)] == [1, 2, 1, 1]


def test_words_say_how_long_after_the_last_sighting(tmp_path):
    rows = without_pictures(told(tmp_path, 1)).rows
    assert [row.since for row in rows] == [
        "first seen",
        "5.0 s after gate t1",
        "2.0 s after yard t2",
        "decided 0:20.0",
        "first seen",
        "10.0 s after gate t2",
    ]
    assert [row.verdict for row in rows][3:5] == ["merged 3 into 1", "moved from 1 to new 4"]
    assert [row.weakest for row in rows] == [False] * 5 + [True]


def test_one_track_only(tmp_path):
    steps = told(tmp_path, 1, key("gate", 2)).steps
    assert [step.kind for step in steps] == [LinkKind.LINK, LinkKind.MERGE]
    with pytest.raises(
        RunError, match=r"yard/1 is no track of identity 1; it has: gate/1, gate/2, gate/3, yard/2"
    ):
        told(tmp_path, 1, key("yard", 1))


@pytest.mark.parametrize(
    ("identity", "message"),
    [(9, "no identity 9; it has 1-2, 4$"), (3, r"identity 3 was merged into 1 \(alike\); ask for 1$")],
)
def test_an_identity_that_is_not_there(tmp_path, identity, message):
    with pytest.raises(RunError, match=message):
        told(tmp_path, identity)


def test_a_log_that_was_cut_off_is_told_up_to_there(tmp_path):
    log = write_log(tmp_path / "run", DECISIONS[:3], LIVES[:2], cut='{"event": "li')
    lines = (log / "identities.jsonl").read_text().splitlines()
    start = json.dumps(life("yard", 2, 9.0, 12.0)[0])
    (log / "identities.jsonl").write_text("\n".join([lines[0], start, *lines[1:]]))
    last = story.read(log, 1).sightings[-1]
    assert (last.key, last.over) == (key("yard", 2), False)


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"event": "link"}',
        json.dumps(DECISIONS[0] | {"evidence": None}),
        json.dumps(DECISIONS[0] | {"event": "?"}),
    ],
)
def test_a_damaged_log_names_the_line(tmp_path, line):
    log = write_log(tmp_path / "run") / "identities.jsonl"
    log.write_text(line + "\n" + log.read_text())
    with pytest.raises(RunError, match=r"identities\.jsonl:1: not "):
        story.read(log.parent, 1)


@given(st.sets(st.integers(1, 40), min_size=1))
def test_ranges_name_every_number(numbers):
    text = ranges(sorted(numbers))
    if "others" not in text:
        parts = [[int(end) for end in part.split("-")] for part in text.split(", ")]
        assert {n for part in parts for n in range(part[0], part[-1] + 1)} == numbers
    assert text.endswith(str(max(numbers)))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.integers(1, 6))
def test_pictures_are_spread_and_the_best_of_their_part(qualities, most):
    places = crops.spread(np.array(qualities), most)
    assert places == sorted(set(places))
    assert len(places) == min(most, len(qualities))
    assert max(qualities[place] for place in places) == max(qualities)


class Page(HTMLParser):
    """Checks that every element that is opened is closed; gathers texts and addresses."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.addresses: list[str] = []
        self.sections = 0
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.sections += tag == "section"
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        assert tag != "script"
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_the_page_has_a_row_for_each_step_and_escapes_what_the_run_says(tmp_path):
    text = html_of(without_pictures(told(tmp_path, 1)))
    page = Page(text)
    assert page.sections == 6
    assert "looks like <b>identity 1</b> & so on" in page.texts
    assert "no pictures: a camera <far> away" in page.texts
    assert "identity 2, not chosen" in page.texts
    assert "http" not in text


def texts_of(figure):
    renderer = figure.canvas.get_renderer()
    return [(text, text.get_window_extent(renderer)) for text in figure.axes[0].texts if text.get_text()]


def test_no_text_of_the_picture_overlaps_or_is_cut_off(tmp_path):
    long = "a sentence that is rather long for the place that it has " * 5
    decisions = [entry | {"camera": entry["camera"] * 20} for entry in DECISIONS]
    decisions[2] = decisions[2] | {"evidence": decisions[2]["evidence"] | {"reason": long}}
    run = write_log(tmp_path / "run", decisions, [(camera * 20, *rest) for camera, *rest in LIVES])
    figure = figure_of(without_pictures(story.read(run, 1), "because " + long))
    found = texts_of(figure)
    assert len(found) > 60
    for _, box in found:
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= WIDTH
        assert box.y1 <= figure.bbox.y1
    for (one, first), (other, second) in combinations(found, 2):
        wide = min(first.x1, second.x1) - max(first.x0, second.x0)
        high = min(first.y1, second.y1) - max(first.y0, second.y0)
        assert wide <= 0 or high <= 4, f"{one.get_text()!r} overlaps {other.get_text()!r}"  # 4 px of line spacing


def test_the_picture_of_a_long_story_keeps_the_least_sure(tmp_path):
    row = without_pictures(told(tmp_path, 1)).rows[-1]
    from dataclasses import replace

    many = [replace(row, probability=place / 100, where=str(place)) for place in range(100, 0, -1)]
    assert [kept.where for kept in shown(many)] == [str(place) for place in range(MOST, 0, -1)]


def test_a_damaged_picture_is_no_fault():
    assert decoded(b"not a picture").shape == (1, 1, 3)


def test_the_png_is_a_picture(tmp_path):
    assert decoded(png_of(without_pictures(told(tmp_path, 1)))).shape[1] == WIDTH
