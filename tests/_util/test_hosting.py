"""Code of plugins is waited for, and said to be."""

import threading

from zoo._util import hosting
from zoo._util.hosting import hosted


def test_who_is_waited_for_is_said_after_a_while(capfd, monkeypatch):
    said = threading.Event()
    monkeypatch.setattr(hosting, "PATIENCE", 0.0)
    monkeypatch.setattr(hosting, "print", lambda *text, **_: (print(*text), said.set()), raising=False)
    with hosted("slow (package zoo-slow 1.2)"):
        assert said.wait(60)
    assert "zoo: waiting for the plugin slow (package zoo-slow 1.2)" in "".join(capfd.readouterr())


def test_nothing_is_said_of_one_that_is_quick(monkeypatch):
    made = []

    class Timer(threading.Timer):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(threading, "Timer", Timer)
    with hosted("quick"):
        pass
    (timer,) = made
    assert timer.interval == hosting.PATIENCE == 5
    assert timer.finished.is_set()
    assert timer.daemon
