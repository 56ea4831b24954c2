"""What this plugin adds to zoo. The model is named here and imported when it is first used, so listing stays quick."""

from pathlib import Path

from zoo.plugin import hookimpl


@hookimpl
def zoo_register_architectures(register):
    register(
        "my-model",
        "zoo_my_model.my_model:MyModel",
        family="autoencoders",
        capabilities=["generate", "encode", "decode", "log_prob"],
        log_prob="lower-bound",
        summary="small variational autoencoder",
        paper="Kingma, Welling 2014, arXiv:1312.6114",
        default="my-model-mnist",
    )


@hookimpl
def zoo_register_cards(register):
    register(Path(__file__).parent / "cards")
