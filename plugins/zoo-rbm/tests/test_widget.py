from zoo_rbm import widget

import zoo


def test_machines_have_a_widget_and_others_none(tmp_path):
    assert widget.chain(zoo.create("gan"), tmp_path) is None
    assert not list(tmp_path.iterdir())
    assert widget.chain(zoo.create("rbm", hidden=4), tmp_path) == "The Gibbs chain, step by step"
    assert (tmp_path / "widget.js").read_text().count("export default function") == 1
