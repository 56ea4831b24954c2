"""What a process has one of."""

import threading

import pytest

from zoo._util.once import Once
from zoo.errors import PluginError


def test_made_once_until_forgotten():
    once = Once(object)
    first = once()
    assert once() is first
    once.cache_clear()
    assert once() is not first


def test_threads_wait_for_the_one_that_makes_it():
    entered, leave, made = threading.Event(), threading.Event(), []

    def make():
        entered.set()
        assert leave.wait(60)
        made.append(object())
        return made[-1]

    once, given = Once(make), []
    threads = [threading.Thread(target=lambda: given.append(once())) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert entered.wait(60)
    leave.set()
    for thread in threads:
        thread.join(60)
    assert len(made) == 1
    assert given == made * 4


def test_not_asked_while_it_is_made():
    once = Once(lambda: once())
    for _ in range(2):
        with pytest.raises(PluginError, match="while it is loading plugins"):
            once()


def test_what_could_not_be_made_is_tried_again():
    results = [1, 0]
    once = Once(lambda: 1 // results.pop())
    with pytest.raises(ZeroDivisionError):
        once()
    assert once() == 1
