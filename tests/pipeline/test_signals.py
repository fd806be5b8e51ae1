"""What a signal does in each phase of long work. Whole runs are interrupted in test_interrupt.py."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from pipeline.signals import Signals

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX signals")

NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP] if os.name == "posix" else []


@pytest.fixture(autouse=True)
def _handlers():
    """As a terminal leaves them, whatever started the tests."""
    before = {number: signal.getsignal(number) for number in NUMBERS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", NUMBERS)
def test_preparation_is_interrupted_at_once(number):
    stop = threading.Event()
    with Signals(stop) as signals, pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    assert signals.received
    assert stop.is_set()


@pytest.mark.parametrize("number", NUMBERS)
def test_the_first_ends_the_loop_and_the_second_does_not_wait(number):
    stop = threading.Event()
    with Signals(stop) as signals:
        signals.running()
        signal.raise_signal(number)
        assert stop.is_set()
        assert signals.received
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        signal.raise_signal(number)  # what is being cleared up is left alone


def test_the_second_spares_what_follows_a_loop_that_is_over():
    over = threading.Event()
    with Signals(threading.Event()) as signals:
        signals.running(over.is_set)
        signal.raise_signal(signal.SIGTERM)
        over.set()
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("number", NUMBERS)
def test_closing_is_left_alone(number):
    stop = threading.Event()
    with Signals(stop) as signals:
        signals.running()
        signals.closing()
        signal.raise_signal(number)
    assert not signals.received
    assert not stop.is_set()


def test_what_is_ignored_from_the_start_stays_ignored():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with Signals(threading.Event()) as signals:
        signal.raise_signal(signal.SIGHUP)
        assert not signals.received
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_handlers_are_put_back():
    before = [signal.getsignal(number) for number in NUMBERS]
    with Signals(threading.Event()):
        assert [signal.getsignal(number) for number in NUMBERS] != before
    assert [signal.getsignal(number) for number in NUMBERS] == before
