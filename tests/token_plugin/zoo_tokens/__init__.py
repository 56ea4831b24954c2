"""Sequences of tokens: a space, a model, a capability, data and a metric that zoo does not know."""

from pathlib import Path

from zoo.plugin import hookimpl


@hookimpl
def zoo_register_spaces(register):
    register("tokens", "zoo_tokens.space:Tokens", summary="letters of an alphabet, a line each")


@hookimpl
def zoo_register_conditions(register):
    register("beginning", "zoo_tokens.led:Beginning", summary="the letter that a line begins with")


@hookimpl
def zoo_register_capabilities(register):
    register(
        "surprise",
        "zoo_tokens.bigram:Bigram.surprise",
        checks="zoo_tokens.bigram:checks",
        summary="bits that each sequence costs",
    )


@hookimpl
def zoo_register_architectures(register):
    register(
        "bigram",
        "zoo_tokens.bigram:Bigram",
        family="sequences",
        capabilities=["generate", "encode", "surprise"],
        space="tokens",
        summary="each token drawn by the one before it",
        default="bigram-rhymes",
    )
    register(
        "mirror",
        "zoo_tokens.mirror:Mirror",
        family="sequences",
        capabilities=["generate", "encode", "surprise", "translate"],
        space="tokens",
        summary="lines read backwards",
    )
    register(
        "led",
        "zoo_tokens.led:Led",
        family="sequences",
        capabilities=["generate", "encode", "decode", "log_prob", "surprise"],
        space="tokens",
        condition="beginning",
        log_prob="exact",
        summary="lines that begin with a letter",
    )


@hookimpl
def zoo_register_cards(register):
    register(Path(__file__).parent / "cards")


@hookimpl
def zoo_register_datasets(register):
    register("rhymes", "zoo_tokens.data:rhymes", source="none", summary="lines in which a is followed by b")


@hookimpl
def zoo_register_metrics(register):
    register("pairs", "zoo_tokens.data:pairs", needs=["generate", "tokens"], summary="pairs that the data have as well")
