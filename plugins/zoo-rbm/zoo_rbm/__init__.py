"""The restricted Boltzmann machine for zoo: the architecture `rbm`, binarised MNIST, and a metric for ln Z."""

import zoo


@zoo.hookimpl
def zoo_register_architectures(register):
    register(
        "rbm",
        "zoo_rbm.rbm:RBM",
        family="energy",
        capabilities=("generate", "encode", "decode", "log_prob"),
        log_prob="estimate",
        summary="restricted Boltzmann machine",
        paper="Smolensky 1986; Salakhutdinov, Murray 2008",
        default="rbm-mnist",
    )


@zoo.hookimpl
def zoo_register_datasets(register):
    register(
        "binarised-mnist",
        "zoo_rbm.data:binarised_mnist",
        summary="MNIST with each pixel drawn black or white, its grey value the probability",
    )
