"""`run.py links`: camera links from finished runs, as a table, as YAML, and as a picture."""

from __future__ import annotations

import csv
import re
import shutil

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.learned_links import LINKS, linked, score, simulate, walks, write_run
from pipeline import config
from pipeline.errors import ConfigError, RunError
from pipeline.links import learn, narrowest, weighted_median
from pipeline.links_plot import camera_places, label_places
from pipeline.links_yaml import put_into, section, window
from pipeline.yamlfile import YamlFile

CAMS = """\
# The site.
cameras:  # all of them
  - {name: a, source: a.mp4}   # the door
  - {name: b, source: b.mp4}
  - name: c
    source: c.mp4
"""
BOX = "{frame},{track},{x},{y},40,100,0.9,-1,-1,-1\n"


def write_visits(folder, people, cameras="abc", links=()):
    """A run of people, each a list of (camera, start, end[, confidence])."""
    (folder / "tracks").mkdir(parents=True)
    record = {"cameras": [{"name": name, "source": f"{name}.mp4"} for name in cameras], "links": list(links)}
    (folder / "run.yaml").write_text(yaml.safe_dump(record))
    tracks = dict.fromkeys(cameras, "")
    with (folder / "identities.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["identity", "camera", "track", "start", "end", "frames", "confidence"])
        for identity, visits in enumerate(people, start=1):
            for camera, start, end, *sure in visits:
                track = tracks[camera].count("\n") // 2 + 1
                for time, x in ((start, 10), (end, 600)):  # enters at the left, leaves at the right
                    tracks[camera] += BOX.format(frame=int(time * 10) + 1, track=track, x=x, y=track)
                writer.writerow([identity, camera, track, start, end, 9, *(sure or [1.0])])
    for camera, rows in tracks.items():
        (folder / "tracks" / f"{camera}.txt").write_text(rows)
    return folder


def walkers(count, gap=8.0, first="a", then="b", every=50.0, **more):
    sure = [more["sure"]] if more else []
    return [
        [(first, n * every, n * every + 5), (then, n * every + 5 + gap, n * every + 30, *sure)]
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """A run of the simulated site, 60 transits a link, 5 % wrong links."""
    folder = tmp_path_factory.mktemp("links") / "run"
    rng = np.random.default_rng(5)
    people, times = walks(60, rng)
    write_run(folder, linked(people, 0.05, rng), rng)
    return folder, times


def pairs(ways):
    return {(way.origin, way.to) for way in ways}


def test_the_graph_of_a_site_is_found_among_wrong_links(simulated):
    folder, times = simulated
    learned = learn([folder])
    assert pairs(learned.links) == {link[:2] for link in LINKS}
    assert learned.doubtful  # wrong links make pairs, but no links
    result = score(learned.links, times, 5)
    assert max(result.errors) < 0.15
    assert min(result.held) > 0.95
    assert sum(way.transits for way in [*learned.links, *learned.doubtful]) == learned.transits


def test_medians_are_within_15_percent_after_200_transits(tmp_path):
    result = simulate(tmp_path / "run", 200, 0.05, 77)
    assert result.found == result.right == result.real == len(LINKS)
    assert max(result.errors) < 0.15


def test_times_shares_and_sides(tmp_path):
    people = [*walkers(10, 8.0), *walkers(10, 20.0, then="c", every=61.0)]
    learned = learn([write_visits(tmp_path / "run", people)])
    by_pair = {(str(way.origin), str(way.to)): way for way in learned.links}
    assert set(by_pair) == {("a", "b"), ("a", "c")}
    way = by_pair["a", "b"]
    assert (way.transits, way.share) == (10, 0.5)
    assert way.median == pytest.approx(8.0)
    assert way.window == pytest.approx((8.0, 8.0))
    assert (way.leave, way.enter) == ("right", "left")


def test_unsure_tracks_are_left_out_and_sure_ones_weigh_more(tmp_path):
    people = [*walkers(6, sure=1.0), *walkers(6, then="c", sure=0.8), *walkers(9, first="b", then="c", sure=0.79)]
    learned = learn([write_visits(tmp_path / "run", people)])
    assert pairs(learned.links) == {("a", "b"), ("a", "c")}
    assert learned.transits == 12
    assert learned.links[0].share == pytest.approx(1 / 1.8)


def test_overlapping_cameras_have_no_way_between_them(tmp_path):
    joined = [{"from": "a", "to": "b", "seconds": [0.0, 9.0], "overlap": True}]
    people = [*walkers(8), *walkers(8, first="b", then="a"), *walkers(8, first="b", then="c")]
    learned = learn([write_visits(tmp_path / "run", people, links=joined)])
    assert pairs(learned.links) == {("b", "c")}
    assert learned.transits == 8
    assert {"from": "a", "to": "b", "overlap": True} in yaml.safe_load(section(learned))["links"]


def test_of_overlapping_views_the_last_one_is_left(tmp_path):
    joined = [{"from": "a", "to": "b", "overlap": True}]
    people = [[("a", t, t + 20), ("b", t + 5, t + 9), ("c", t + 28, t + 40)] for t in np.arange(6) * 90.0]
    (way,) = learn([write_visits(tmp_path / "run", people, links=joined)]).links
    assert pairs([way]) == {("a", "c")}
    assert way.median == pytest.approx(8.0)


def test_several_runs_count_together_but_not_their_identities(tmp_path):
    runs = [write_visits(tmp_path / str(n), walkers(3)) for n in range(2)]
    assert [way.transits for way in learn(runs).links] == [6]
    with pytest.raises(RunError, match="from 3 transits between 1 pairs"):
        learn(runs[:1])


def test_a_few_who_take_another_way_make_no_link(tmp_path):
    people = [*walkers(190), *walkers(9, 7.0, then="c", every=900.0)]
    learned = learn([write_visits(tmp_path / "run", people)])
    assert pairs(learned.links) == {("a", "b")}
    assert [way.doubt for way in learned.doubtful] == ["less than 5% of those who leave"]


def test_entries_that_have_nothing_to_do_with_exits_make_no_link(tmp_path):
    """Links of a linker that throws dice: times as long as the run."""
    rng = np.random.default_rng(3)
    made = 0
    for number in range(20):
        exits, entries = np.sort(rng.uniform(5, 300, 40)), np.sort(rng.uniform(300, 900, 40))
        people = [[("a", a - 1, a), ("b", b, b + 3)] for a, b in zip(exits, rng.permutation(entries), strict=True)]
        try:
            made += len(learn([write_visits(tmp_path / str(number), people)]).links)
        except RunError as error:
            assert "chance" in str(error)  # noqa: PT017 - not all need raise
    assert made <= 2  # of 20, at 5 %


def test_a_wrong_transit_does_not_stretch_a_window(tmp_path):
    people = [*walkers(39), [("a", 5000, 5005), ("b", 6500, 6510)]]
    (way,) = learn([write_visits(tmp_path / "run", people)]).links
    assert way.window == pytest.approx((8.0, 8.0))


@given(
    st.lists(st.tuples(st.floats(0, 1e4), st.floats(0.1, 1)), min_size=1, max_size=40),
    st.floats(0.05, 1),
    st.data(),
)
def test_windows_hold_their_share_and_none_is_narrower(pairs_of, share, data):
    values, weights = np.array(pairs_of).T
    low, high = narrowest(values, weights, share)
    inside = weights[(values >= low) & (values <= high)].sum()
    assert inside >= share * weights.sum() * (1 - 1e-9)
    other = sorted(data.draw(st.tuples(st.sampled_from(list(values)), st.sampled_from(list(values)))))
    if weights[(values >= other[0]) & (values <= other[1])].sum() >= share * weights.sum():
        widths = np.diff(np.log(np.maximum([[low, high], other], 0.1)), axis=1)
        assert widths[0] <= widths[1] + 1e-9


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=40))
def test_the_median_of_equal_weights_is_the_median(values):
    assert weighted_median(np.array(values), np.full(len(values), 0.9)) == pytest.approx(np.median(values))


def test_yaml_loads_as_part_of_cams_yaml(simulated, tmp_path, cli):
    result = cli("links", simulated[0], "--yaml", tmp_path / "links.yaml")
    assert result.code == 0
    assert "13 links" in result.out
    text = (tmp_path / "links.yaml").read_text()
    assert text.splitlines()[4].startswith("  - {from: canteen, to: yard, seconds: [")
    cams = "cameras:\n" + "".join(f"  - {{name: {n}, source: {n}.mp4}}\n" for n in {x[0] for x in LINKS})
    (tmp_path / "cams.yaml").write_text(cams + text)
    links = config.load(tmp_path / "cams.yaml", "recorded").config.links
    learned = learn([simulated[0]])
    assert [(link.origin, link.to, link.seconds) for link in links] == [
        (way.origin, way.to, window(way, 0.5)) for way in learned.links
    ]
    uncommented = text.replace("  # - {", "  - {")
    (tmp_path / "cams.yaml").write_text(cams + uncommented)
    ways = len(learned.links) + len(learned.doubtful)
    assert len(config.load(tmp_path / "cams.yaml", "recorded").config.links) == ways
    assert cli("links", simulated[0], "--yaml", tmp_path / "links.yaml").code == 2
    assert cli("links", simulated[0], "--yaml", tmp_path / "links.yaml", "--overwrite", "--margin", 0).code == 0
    assert (tmp_path / "links.yaml").read_text() != text


@pytest.mark.parametrize("name", ["on", "1", "2026-01-01", "a - b", "1e3", "null", "hall 2"])
def test_names_that_yaml_takes_for_something_else_are_quoted(tmp_path, name):
    people = [[("x", t, t + 5), (name, t + 13, t + 30)] for t in np.arange(6) * 50.0]
    text = section(learn([write_visits(tmp_path / "run", people, cameras=["x", name])]))
    (tmp_path / "part.yaml").write_text(text)
    assert [link["to"] for link in YamlFile(tmp_path / "part.yaml").data["links"]] == [name]


@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
def test_links_go_into_a_cams_yaml_that_stays_as_it_is(tmp_path, ending, cli):
    run = write_visits(tmp_path / "run", walkers(6))
    cams = tmp_path / "cams.yaml"
    before = CAMS.replace("\n", ending) if ending else CAMS.rstrip("\n")
    cams.write_bytes(before.encode())
    cams.chmod(0o640)
    assert cli("links", run, "--into", cams).code == 0
    after = cams.read_bytes().decode()
    assert after.startswith(before)
    assert ("\r\n" in after) == ("\r\n" in before)
    assert "\n" not in after.replace("\r\n", "") or ending != "\r\n"
    assert cams.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "cams.yaml.bak").read_bytes() == before.encode()
    assert [link.seconds for link in config.load(cams, "recorded").config.links] == [(5.3, 12.0)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cams.yaml", "cams.yaml.bak", "run"]


OLD_LINKS = [
    "links:  # by hand\n  - {from: b, to: c, seconds: [1, 2]}  # hand\n",
    "links:\n- from: b\n  to: c\n  seconds:\n  - 1\n  - 2\n",
    "links: [{from: b, to: c,\n   seconds: [1, 2]}]\n",
]


@pytest.mark.parametrize("old", OLD_LINKS)
@pytest.mark.parametrize("first", [False, True])
def test_links_that_are_there_are_replaced_only_when_asked(tmp_path, cli, old, first):
    run = write_visits(tmp_path / "run", walkers(6))
    cams, rest = tmp_path / "cams.yaml", "# after the links\n" + CAMS
    before = old + rest if first else CAMS + old
    cams.write_text(before)
    result = cli("links", run, "--into", cams)
    assert result.code == 2
    assert "--overwrite" in result.err
    assert cams.read_text() == before
    for backup in ("cams.yaml.bak", "cams.yaml.bak2"):
        assert cli("links", run, "--into", cams, "--overwrite").code == 0
        assert (tmp_path / backup).exists()
    after = cams.read_text()
    assert after.endswith(rest) if first else after.startswith(CAMS)
    assert "hand" not in after
    assert [(link.origin, link.to) for link in config.load(cams, "recorded").config.links] == [("a", "b")]
    assert (tmp_path / "cams.yaml.bak").read_text() == before


def test_empty_links_are_no_links(tmp_path, cli):
    cams = tmp_path / "cams.yaml"
    cams.write_text("links: []\n" + CAMS)
    assert cli("links", write_visits(tmp_path / "run", walkers(6)), "--into", cams).code == 0
    assert len(config.load(cams, "recorded").config.links) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{cameras: [{name: a, source: x}, {name: b, source: y}]}\n", "nothing can be put into"),
        (CAMS + "...\n", "nothing can be put into"),
        (CAMS.replace("name: b", "name: d"), "has no camera b"),
        ("cameras: 3\n", "must be a mapping with a list"),
    ],
)
def test_files_that_links_cannot_be_put_into_stay(tmp_path, text, words):
    cams = tmp_path / "cams.yaml"
    cams.write_text(text)
    learned = learn([write_visits(tmp_path / "run", walkers(6))])
    with pytest.raises(ConfigError, match=words):
        put_into(cams, section(learned), learned.cameras[:2], overwrite=True)
    assert cams.read_text() == text
    assert not (tmp_path / "cams.yaml.bak").exists()


def test_a_picture_is_drawn(simulated, tmp_path, cli):
    import cv2

    assert cli("links", simulated[0], "--plot", tmp_path / "links.png").code == 0
    picture = cv2.imread(str(tmp_path / "links.png"))
    assert picture is not None
    assert picture.shape[1] > picture.shape[0] > 600
    assert picture.std() > 10
    assert cli("links", simulated[0], "--plot", tmp_path / "nowhere" / "links.png").code == 2


def test_labels_of_a_busy_site_keep_apart(simulated):
    learned = learn([simulated[0]])
    places = np.array(label_places(learned.links, camera_places(list(learned.cameras))))
    apart = np.abs(places[:, None] - places[None])
    overlaps = (apart[..., 0] < 0.1) & (apart[..., 1] < 0.05)
    assert overlaps.sum() == len(places)  # each with itself


def test_faults_name_the_file_and_the_remedy(tmp_path, cli):
    run = write_visits(tmp_path / "run", walkers(6))

    def broken(name, change):
        shutil.rmtree(tmp_path / name, ignore_errors=True)
        shutil.copytree(run, tmp_path / name)
        change(tmp_path / name)
        result = cli("links", tmp_path / name)
        assert result.code == 2
        return result.err

    assert "holds no run" in broken("a", lambda folder: (folder / "run.yaml").unlink())
    assert "not the record" in broken("b", lambda folder: (folder / "run.yaml").write_text("- 3\n"))
    assert "identities.csv: is missing" in broken("c", lambda folder: (folder / "identities.csv").unlink())
    assert "a.txt: is missing" in broken("d", lambda folder: (folder / "tracks" / "a.txt").unlink())
    header = "identity,camera,track,start,end,frames,confidence\n"
    for row in ("1,a,x,0,1,2,1", "1,a,1,nan,1,2,1", "1,a", "1,a,1,0,1,2,"):
        err = broken("e", lambda folder, row=row: (folder / "identities.csv").write_text(f"{header}{row}\n"))
        assert "identities.csv:2: not a row" in err
    err = broken("f", lambda folder: (folder / "identities.csv").write_text(header + "1,a,99,0,1,2,1\n"))
    assert "track 99 of a has no row" in err
    err = broken("g", lambda folder: (folder / "identities.csv").write_text(header))
    assert "from 0 transits" in err
    assert "holds no run" in cli("links", tmp_path / "none").err
    assert cli("links").code == 2
    assert cli("links", run, "--min-transits", 7).code == 2


def test_what_a_run_writes_can_be_read(cli, demo, tmp_path):
    """A run of the program itself: few people, so that the answer is that there is too little."""
    assert cli(*demo.run, "--output", tmp_path / "run").code == 0
    result = cli("links", tmp_path / "run")
    assert result.code == 2
    assert re.search(r"no link can be learned from \d transits between \d pairs of cameras", result.err)
