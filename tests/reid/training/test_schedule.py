import pytest

from reid.training.schedule import ScheduleSettings, rate_share


@pytest.mark.parametrize(
    ("course", "epoch", "share"),
    [
        ("cosine", 0.0, 0.01),
        ("cosine", 1.0, 0.5),
        ("cosine", 2.0, 1.0),
        ("cosine", 6.0, 0.505),
        ("cosine", 10.0, 0.01),
        ("step", 4.2, 1.0),
        ("step", 4.3, 0.1),
        ("step", 6.5, 0.01),
        ("step", 9.9, 0.001),
        ("constant", 9.0, 1.0),
        ("constant", 1.0, 0.5),
    ],
)
def test_courses(course, epoch, share):
    assert rate_share(ScheduleSettings(course=course, warmup=2), epoch, 10) == pytest.approx(share)


@pytest.mark.parametrize(
    ("scores", "share"),
    [
        ([], 1.0),
        ([0.1, 0.2, 0.3], 1.0),
        ([0.3, 0.2, 0.1], 0.1),
        ([0.3, 0.2, 0.1, 0.1, 0.1], 0.01),
        ([0.3, 0.2, 0.4, 0.4], 1.0),
    ],
)
def test_plateau_steps_when_validation_stalls(scores, share):
    settings = ScheduleSettings(course="plateau", warmup=0, patience=2)
    assert rate_share(settings, 5, 10, scores) == pytest.approx(share)
