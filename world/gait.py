"""Where and when each foot of one person stands on the floor: footprints planned once for a whole trajectory."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from world.trajectory import Activity, Trajectory

Array = NDArray[np.float64]

TICK = 0.05  # seconds between samples of a plan
GRAVITY = 9.81
CADENCE = 1.9  # steps a second when nothing else says: common walking, Winter 1991
WALK_DUTY, RUN_DUTY = 0.6, 0.36  # share of the stride that a foot is on the floor: Perry; Novacheck 1998
_STILL = 0.15  # metres a second: slower is standing
_PAUSE = 0.8  # seconds: a shorter stop is slow walking
_SHUFFLE = 0.2  # metres: less between two stops is standing
_BEHIND = 0.06  # leg lengths that the middle of a stance is behind the pelvis, twice it when running
_STEP_TIME = 0.45  # seconds of a step on the spot
_TURNED, _MOVED = 0.4, 0.12  # radians and metres off its place that make a standing foot step


@dataclass(frozen=True, slots=True)
class Stepping:
    """What of a person decides its footprints.

    Attributes:
        leg: metres from the hip to the sole.
        stride: two steps at a comfortable speed, as a factor of the leg.
        run_stride: the same when running.
        width: metres between the lines of the left and the right feet when walking.
        stance: metres between the feet when standing.
        toe_out: radians that each foot is turned outwards.
        phase: steps, where in its gait the person enters.
    """

    leg: float
    stride: float
    run_stride: float
    width: float
    stance: float
    toe_out: float
    phase: float


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Footprints of one person and, every `TICK`, what the rest of the body needs to know.

    Attributes:
        start: seconds of the first sample.
        channels: (T, 5): steps made (a whole number where a foot is under the body, even: the left), how much the
            person walks (1) or stands (0), the size of its steps (1: common), how much it runs, and talks.
        lands: for each foot (left, right) the times when it comes down, ascending.
        rows: for each foot and landing (11,): times of landing, lifting and landing next; x, y, yaw here; x, y,
            yaw next; lengths of the swing to here and of the one to the next, metres.
    """

    start: float
    channels: Array
    lands: tuple[list[float], list[float]]
    rows: tuple[Array, Array]

    def channels_at(self, time: float) -> tuple[Array, Array, float]:
        """The sample before a time, the one after, and the share of the way between them."""
        at = min(max((time - self.start) / TICK, 0.0), len(self.channels) - 1.001)
        return self.channels[int(at)], self.channels[int(at) + 1], at - int(at)

    def foot_at(self, foot: int, time: float) -> Array:
        """The row of the last landing of a foot (0: left) before a time."""
        row: Array = self.rows[foot][max(bisect_right(self.lands[foot], time) - 1, 0)]
        return row


def make_plan(trajectory: Trajectory, stepping: Stepping) -> Plan:
    """Plan the footprints of one trajectory.

    Walking feet come down where the body will be half a stance later; the length of steps grows with speed to the
    power 0.42 (Grieve 1968). Between two stops the steps are stretched to a whole number of them, and at a stop
    the last foot is set beside the other. Feet of who turns on the spot follow one after the other.
    """
    samples = max(int(np.ceil((trajectory.times[-1] - trajectory.times[0]) / TICK)) + 1, 3)
    times = trajectory.times[0] + TICK * np.arange(samples)
    travelled = np.interp(times, trajectory.times, trajectory.travelled)
    index = np.searchsorted(trajectory.times, times, "right") - 1
    activities = trajectory.activities[np.clip(index, 0, len(trajectory.times) - 1)]
    running = _smooth((activities == Activity.RUN).astype(np.float64), 0.6)
    talking = _smooth((activities == Activity.TALK).astype(np.float64), 0.6)
    speeds: Array = _smooth(np.diff(travelled, append=2 * travelled[-1] - travelled[-2]) / TICK, 0.25)
    still = _still(speeds, travelled)
    lengths = _step_lengths(_smooth(speeds, 1.2), running, stepping)
    steps, stops = _count(speeds / lengths, still, stepping.phase)
    going = _smooth(np.where(still, 0.0, 1.0), 0.4)
    size = going * np.clip(lengths / (0.75 * stepping.leg), 0, 1.2)
    feet = _walking(trajectory, stepping, times, steps, running, stops)
    _standing(feet, stops, trajectory, stepping, times, steps)
    rows = [_rows(foot) for foot in feet]
    return Plan(
        start=float(times[0]),
        channels=np.stack([steps, going, size, running, talking], -1),
        lands=(rows[0][:, 0].tolist(), rows[1][:, 0].tolist()),
        rows=(rows[0], rows[1]),
    )


def _step_lengths(speeds: Array, running: Array, stepping: Stepping) -> Array:
    usual = 0.46 * np.sqrt(GRAVITY * stepping.leg)
    walk = stepping.stride * np.clip(speeds / usual, 0.15, 1.6) ** 0.42
    run = stepping.run_stride * np.clip(speeds / (2.2 * usual), 0.3, 2.0) ** 0.7
    result: Array = stepping.leg / 2 * (walk * (1 - running) + run * running)
    return result


def _smooth(values: Array, seconds: float) -> Array:
    """Mean over a raised-cosine window; lines keep their slope to the ends."""
    half = max(round(seconds / TICK), 1)
    window = 1 + np.cos(np.pi * np.arange(-half, half + 1) / (half + 1))
    padded = np.pad(values, half, mode="reflect", reflect_type="odd") if len(values) > half else None
    if padded is None:
        return values
    result: Array = np.convolve(padded, window / window.sum(), "valid")
    return result


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int, bool]]:
    """First index, last index and value of each run of equal values."""
    edges = np.flatnonzero(np.diff(mask)) + 1
    bounds = [0, *edges.tolist(), len(mask)]
    return [(a, b - 1, bool(mask[a])) for a, b in pairwise(bounds)]


def _still(speeds: Array, travelled: Array) -> NDArray[np.bool_]:
    """When the person stands: long enough slow; a shift of a few centimetres between is standing too."""
    still = speeds < _STILL
    for first, last, value in _runs(still):
        if value and (last - first) * TICK < _PAUSE:
            still[first : last + 1] = False
    for first, last, value in _runs(still):
        if not value and travelled[last] - travelled[first] < _SHUFFLE:
            still[first : last + 1] = True
    return still


def _count(rates: Array, still: NDArray[np.bool_], phase: float) -> tuple[Array, list[tuple[int, int, int]]]:
    """Steps made up to each sample, and of each stop the first and last sample and the step that led to it.

    Step k leads to a stop, k + 1 is the closing one, and walking goes on with k + 2.
    """
    runs = _runs(still)
    steps = np.zeros(len(rates))
    stops: list[tuple[int, int, int]] = []
    made = 2 * phase
    for number, (first, last, standing) in enumerate(runs):
        here = slice(first, last + 1)
        at_end = number == len(runs) - 1
        time = TICK * np.arange(last - first + 1)
        if standing:
            before = 0.5 if number == 0 else np.minimum(CADENCE * time, 0.5)
            after = 0.0 if at_end else np.clip(CADENCE * (time - time[-1] - TICK) + 0.5, 0, 0.5)
            made = np.round(made)
            steps[here] = made + before + after
            stops.append((first, last, int(made)))
            made += 1
            continue
        count = np.cumsum(rates[here]) * TICK
        if number > 0 and not at_end:
            count *= max(np.round(count[-1]), 1) / max(count[-1], 1e-6)
        elif number == 0 and not at_end:
            made = np.ceil(made + count[-1]) - count[-1]
        steps[here] = made + count
        made = steps[last]
    return np.maximum.accumulate(_smooth(steps, 0.2)), stops


def _walking(
    trajectory: Trajectory,
    stepping: Stepping,
    times: Array,
    steps: Array,
    running: Array,
    stops: list[tuple[int, int, int]],
) -> tuple[list[list[float]], list[list[float]]]:
    """Of the left and the right foot, each [landing, lifting, x, y, yaw], as if the person never stood."""
    indices = np.arange(np.floor(steps[0]) - 2, np.ceil(steps[-1]) + 3)
    inner = np.clip(indices, steps[0], steps[-1])
    run = np.interp(inner, steps, running)
    duties = WALK_DUTY + (RUN_DUTY - WALK_DUTY) * run
    # Both feet are down at a stop, whatever led to it.
    duties[np.isin(indices, [step + more for _, _, step in stops for more in (0, 1)])] = WALK_DUTY
    length = stepping.leg * (stepping.stride * (1 - run) + stepping.run_stride * run) / 2
    travelled = np.interp(times, trajectory.times, trajectory.travelled)
    lengths = np.interp(inner, steps, travelled) + (indices - inner) * length
    places, headings = trajectory.at_length(lengths - _BEHIND * stepping.leg * (1 + run))
    sides = np.where(indices % 2 == 0, 1.0, -1.0)
    places = _beside(places, headings, sides * stepping.width / 2)
    yaws = headings + sides * stepping.toe_out
    lands, lifts = (_when(indices + sign * duties, times, steps) for sign in (-1, 1))
    table = np.column_stack([lands, lifts, places, yaws])
    even = indices % 2 == 0
    return table[even].tolist(), table[~even].tolist()


def _when(count: Array, times: Array, steps: Array) -> Array:
    # A little slope makes the first sample of a stop differ from its last.
    rising = steps + 1e-7 * np.arange(len(steps))
    inner = np.clip(count, rising[0], rising[-1])
    return np.interp(inner, rising, times) + (count - inner) / CADENCE


def _beside(places: Array, headings: Array, left: Array) -> Array:
    result: Array = places + left[..., None] * np.stack([-np.sin(headings), np.cos(headings)], -1)
    return result


def _standing(
    feet: tuple[list[list[float]], list[list[float]]],
    stops: list[tuple[int, int, int]],
    trajectory: Trajectory,
    stepping: Stepping,
    times: Array,
    steps: Array,
) -> None:
    """Put the two footprints of each stop under the body, and add steps on the spot."""
    first_index = int(np.floor(steps[0])) - 2
    for first, last, step in reversed(stops):
        span = times[first : last + 1]
        x, y, yaw = (np.interp(span, trajectory.times, v) for v in (*trajectory.places.T, trajectory.headings))
        wanted = np.stack([x, y], -1)
        prints: list[list[float]] = [[], []]
        rows: list[int] = [0, 0]
        goals: list[Array] = []
        for foot, side in enumerate((1.0, -1.0)):
            index = step if step % 2 == foot else step + 1
            # The lists of the feet hold every second step, beginning with the first of their own.
            rows[foot] = (index - first_index - (first_index + foot) % 2) // 2
            prints[foot] = feet[foot][rows[foot]]
            goal = np.column_stack([_beside(wanted, yaw, np.full(len(yaw), side * stepping.stance / 2)), yaw])
            goal[:, 2] += side * 1.5 * stepping.toe_out
            prints[foot][2:] = goal[0].tolist()
            goals.append(goal)
        for foot, added in enumerate(_on_the_spot(prints, goals, span)):
            feet[foot][rows[foot] + 1 : rows[foot] + 1] = added


def _on_the_spot(prints: list[list[float]], goals: list[Array], span: Array) -> list[list[list[float]]]:
    """Steps of standing feet that follow the body as it turns or drifts; shortens the given footprints."""
    added: list[list[list[float]]] = [[], []]
    current = list(prints)
    free = max(current[0][0], current[1][0])
    ahead = round(0.3 / TICK)
    for index, time in enumerate(span):
        if time < free or time + _STEP_TIME + 0.1 > min(current[0][1], current[1][1]):
            continue
        near, far = (min(index + by, len(span) - 1) for by in (ahead, 2 * ahead))
        off = [_off(current[foot], goals[foot][near]) for foot in (0, 1)]
        foot = int(off[1] > off[0])
        if off[foot] < 1:
            continue
        lift = current[foot][1]
        current[foot][1] = float(time)
        current[foot] = [float(time) + _STEP_TIME, lift, *goals[foot][far].tolist()]
        added[foot].append(current[foot])
        free = time + _STEP_TIME
    return added


def _off(footprint: list[float], goal: Array) -> float:
    moved = float(np.hypot(footprint[2] - goal[0], footprint[3] - goal[1]))
    return max(moved / _MOVED, abs(footprint[4] - float(goal[2])) / _TURNED)


def _rows(foot: list[list[float]]) -> Array:
    table = np.array(foot)
    following = np.vstack([table[1:], table[-1:] + np.array([1e6, 1e6, 0, 0, 0])])
    ahead = np.hypot(*(following - table)[:, 2:4].T)
    behind = np.concatenate([ahead[:1], ahead[:-1]])
    return np.column_stack([table[:, :2], following[:, 0], table[:, 2:], following[:, 2:], behind, ahead])
