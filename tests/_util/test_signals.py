"""Signals that ask for the end: one exception, or a note; whatever was ignored before stays so."""

import signal
import threading

import pytest

from zoo._util import signals
from zoo.errors import Interrupted

NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture
def handlers():
    """All three end the process, as when it starts."""
    before = {number: signal.getsignal(number) for number in NUMBERS}
    for number in NUMBERS:
        signal.signal(number, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


pytestmark = pytest.mark.usefixtures("handlers")


@pytest.mark.parametrize("number", NUMBERS)
def test_raised_as_an_exception_that_knows_its_signal(number):
    asked = signals.Asked()

    def run():
        with signals.raising(asked):
            signal.raise_signal(number)

    with pytest.raises(Interrupted) as caught:
        run()
    assert (caught.value.number, asked.number) == (number, number)
    assert isinstance(caught.value, KeyboardInterrupt)
    assert signal.getsignal(number) is signal.default_int_handler


@pytest.mark.parametrize("number", NUMBERS)
def test_the_first_is_noted_and_the_second_raised(number):
    def run():
        with signals.noting() as asked:
            assert asked.number is None
            signal.raise_signal(number)
            assert asked.number == number
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Interrupted) as caught:
        run()
    assert caught.value.number == signal.SIGTERM
    assert signal.getsignal(number) is signal.default_int_handler


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("end", [None, ValueError])
def test_what_was_postponed_comes_after_the_block_however_it_ends(number, end):
    done = []

    def run():
        with signals.raising(signals.Asked()), signals.postponed():
            signal.raise_signal(number)
            done.append(number)
            if end:
                raise end

    with pytest.raises(Interrupted) as caught:
        run()
    assert (done, caught.value.number) == ([number], number)
    with pytest.raises(KeyboardInterrupt) as caught, signals.postponed():
        signal.raise_signal(number)
    assert caught.type is KeyboardInterrupt, "whose handler the process had set itself"


def test_what_is_ignored_stays_ignored():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with signals.noting() as asked, signals.raising(signals.Asked()):
        signal.raise_signal(signal.SIGHUP)
        assert asked.number is None
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_other_threads_leave_handlers_alone():
    seen = []

    def run():
        with signals.noting() as asked:
            seen.append((asked.number, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [(None, signal.default_int_handler)]
