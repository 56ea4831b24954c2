import torch


def test_the_reward_is_the_probability_of_being_real(made):
    model = made("seqgan", length=3, vocabulary="a b", embedding=5, hidden=6)
    objective = model.objective_class.create(model, dropout=0.0)
    real, fake = model.space.coerce(["a b", "b"]), model.space.coerce(["b b a", "a"])
    with torch.no_grad():
        on_real, on_fake = objective.reward(real, real), objective.reward(fake, real)
        loss = objective.judge_loss(real, fake)
    assert torch.allclose(loss, -(on_real.log().mean() + (1 - on_fake).log().mean()))
    assert ((on_real > 0) & (on_real < 1)).all()
