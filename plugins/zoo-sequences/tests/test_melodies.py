from zoo_sequences import rolls

from zoo.plugin import Noise, TensorDataset


def test_a_card_shows_real_melodies_above_drawn_ones(made):
    model = made("c-rnn-gan", length=4, latent_dim=2, hidden=3)
    data = TensorDataset("tunes", "test", model.space.example(5, Noise(0, 0, 5)))
    picture = model.portrait(data)
    assert picture.width >= 4 * rolls.WIDTH
    assert picture.height >= 4 * rolls.HEIGHT / 2
    one = model.portrait(TensorDataset("tunes", "test", data.images[:1]))  # which is shown as often
    assert one.width == picture.width
