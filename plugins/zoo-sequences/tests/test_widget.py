import json

from zoo_sequences import widget
from zoo_sequences.notes import starts

SIZES = {"length": 5, "hidden": 4, "embedding": 3}


def test_models_of_melodies_have_a_widget_and_others_none(made, tmp_path):
    assert widget.tunes(made("rnn-lm", vocabulary="a b", **SIZES), tmp_path) is None
    assert not list(tmp_path.iterdir())
    model = made("organ", vocabulary="60/24/0 62/12/6 64/36/0", **SIZES)
    assert widget.tunes(model, tmp_path) == "Tunes to see and to hear"
    assert (tmp_path / "widget.js").read_text().count("export default async function") == 1
    about = json.loads((tmp_path / "tunes.json").read_text())
    assert len(about["tunes"]) == 32
    assert about["ticks"] == 48  # a second, at 120 quarters a minute
    melody = model.generate(1, seed=7)[0]
    notes = melody[melody[:, 1] > 0]
    begin = starts(notes).tolist()
    assert about["tunes"][7] == [[p, b, d, v] for (p, d, v, _), b in zip(notes.tolist(), begin, strict=True)]
