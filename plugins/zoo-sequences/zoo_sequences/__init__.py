"""Sequences for zoo: the spaces, architectures, releases, data sets and metrics of sentences."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from zoo.plugin import Column, hookimpl


@hookimpl
def zoo_register_spaces(register: Callable[..., None]) -> None:
    register("tokens", "zoo_sequences.tokens:Tokens", summary="sentences, a line each", task="text-generation")
    register("melody", "zoo_sequences.melody:Melody", summary="melodies, of MIDI and ABC files", task="text-to-audio")


@hookimpl
def zoo_register_conditions(register: Callable[..., None]) -> None:
    register(
        "sentence", "zoo_sequences.sentence:Sentence", summary="a sentence of another language", task="translation"
    )


LANGUAGE_MODEL = {"capabilities": ("generate", "encode", "log_prob"), "log_prob": "exact"}
ARCHITECTURES: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (  # name, class, summary, paper, what else it is
    (
        "rnn-lm",
        "rnn_lm:RNNLM",
        "recurrent language model",
        "Mikolov et al. 2010; Cho et al. 2014, arXiv:1406.1078",
        LANGUAGE_MODEL | {"default": "rnn-lm-captions"},
    ),
    (
        "seqgan",
        "seqgan:SeqGAN",
        "language model, by policy gradient",
        "Yu et al. 2017, arXiv:1609.05473",
        LANGUAGE_MODEL | {"default": "seqgan-captions"},
    ),
    (
        "rankgan",
        "rankgan:RankGAN",
        "the same, by ranks among sentences",
        "Lin et al. 2017, arXiv:1705.11001",
        LANGUAGE_MODEL,
    ),
    (
        "denoising-lm",
        "denoising_lm:DenoisingLM",
        "words from all others, by a small transformer",
        "Devlin et al. 2019, arXiv:1810.04805",
        {
            "capabilities": ("translate", "encode", "log_prob"),
            "log_prob": "estimate",
            "default": "denoising-lm-captions",
        },
    ),
    (
        "vae-text",
        "vae_text:VAEText",
        "variational autoencoder of sentences",
        "Bowman et al. 2016, arXiv:1511.06349",
        {
            "capabilities": ("generate", "encode", "decode", "log_prob"),
            "log_prob": "lower-bound",
            "default": "vae-text-captions",
        },
    ),
    (
        "seq2seq",
        "seq2seq:Seq2Seq",
        "recurrent encoder and decoder, with attention",
        "Sutskever et al. 2014, arXiv:1409.3215; Bahdanau et al. 2015, arXiv:1409.0473",
        {"capabilities": ("translate", "log_prob"), "condition": "sentence", "log_prob": "exact"},
    ),
    (
        "c-rnn-gan",
        "c_rnn_gan:CRNNGAN",
        "recurrent GAN of notes as numbers",
        "Mogren 2016, arXiv:1611.09904",
        {"capabilities": ("generate", "decode"), "space": "melody", "default": "c-rnn-gan-nottingham"},
    ),
    (
        "organ",
        "organ:ORGAN",
        "seqgan of melodies, for an aim that is known",
        "Guimaraes et al. 2017, arXiv:1705.10843",
        LANGUAGE_MODEL | {"space": "melody", "default": "organ-melody"},
    ),
)


@hookimpl
def zoo_register_architectures(register: Callable[..., None]) -> None:
    for name, target, summary, paper, rest in ARCHITECTURES:
        known = {"family": "sequences", "space": "tokens", "summary": summary, "paper": paper}
        register(name, f"zoo_sequences.{target}", **known | rest)


# Name, function, needs, summary, the rest.
METRICS: tuple[tuple[str, str, tuple[str, ...], str, dict[str, Any]], ...] = (
    (
        "perplexity",
        "metrics:perplexity",
        ("log_prob", "tokens"),
        "nats a word, perplexity",
        {"columns": [Column("perplexity", "perplexity", 0, lower_is_better=True, leading=True, headline=True)]},
    ),
    (
        "pseudo-perplexity",
        "metrics:pseudo_perplexity",
        ("log_prob", "tokens"),
        "the same of pseudo-log-likelihoods",
        {
            "columns": [
                Column(
                    "pseudo-perplexity",
                    "pseudo-perplexity",
                    3,
                    lower_is_better=True,
                    headline=True,
                    short="pseudo-ppl",
                )
            ]
        },
    ),
    (
        "bleu",
        "metrics:bleu",
        ("translate", "tokens"),
        "BLEU of translations, by sacrebleu",
        {
            "default": False,
            "columns": [Column("bleu", "BLEU", 1), Column("bleu-beam", "BLEU, beam 5", 2)],
            "references": {"floor": "copying the nearest training sentence"},
        },
    ),
    (
        "oracle-nats",
        "oracle:nats_per_word",
        ("generate", "tokens"),
        "nats a word by the oracle",
        {
            "columns": [Column("oracle-nats", "nats per word by the oracle", 4, lower_is_better=True, headline=True)],
            "protocol": ("words", "length"),
            "references": {"floor": "sentences of the oracle's own"},
        },
    ),
    (
        "melody-statistics",
        "tonal:melody_statistics",
        ("generate", "melody"),
        "what melodies are like",
        {
            "columns": [
                Column("scale-consistency", "scale consistency", 0, leading=True, headline=True, short="in scale"),
                Column("repetitions", "repetitions of 3 tones", 1),
                Column("tone-span", "tone span", 2),
                Column("unique-tones", "unique tones", 3),
                Column("tonality", "perfect fifths", 4),
                Column("steps", "steps", 5),
            ],
            "references": {"floor": "held-out melodies"},
        },
    ),
    (
        "sample-bleu",
        "variety:sample_bleu",
        ("generate", "tokens"),
        "BLEU of samples, and self-BLEU",
        {
            "columns": [Column("sample-bleu", "BLEU-4 of samples", 5), Column("self-bleu", "self-BLEU-4", 6)],
            "references": {"floor": "as many training sentences"},
        },
    ),
)


@hookimpl
def zoo_register_metrics(register: Callable[..., None]) -> None:
    for name, target, needs, summary, rest in METRICS:
        register(name, f"zoo_sequences.{target}", needs=needs, summary=summary, **rest)


@hookimpl
def zoo_register_cards(register: Callable[..., None]) -> None:
    register(Path(__file__).parent / "cards")


@hookimpl
def zoo_register_datasets(register: Callable[..., None]) -> None:
    known = (
        ("sentences", "sentences", "count", "lines of .txt or .jsonl files", ()),
        ("sentence-pairs", "pairs", "count_pairs", "lines SOURCE TAB TARGET", ()),
        ("coco-captions", "coco_captions", "count", "COCO captions, 10,000 and 10,000", ("train.txt", "test.txt")),
        ("eng-fra", "eng_fra", "count_pairs", "English and French sentences of Tatoeba", ("*.tsv", "fra.txt")),
    )
    for name, function, counted, summary, files in known:
        target, count = f"zoo_sequences.data:{function}", f"zoo_sequences.data:{counted}"
        register(name, target, source="path", summary=summary, files=files, count=count)
    tunes = (
        ("melodies", "melodies", "count", "melodies of .mid, .abc and .jsonl files", ()),
        ("nottingham", "nottingham", "count_nottingham", "Nottingham folk tunes, 1,034", ("tunes.jsonl", "abc/*.abc")),
    )
    for name, function, counted, summary, files in tunes:
        target, count = f"zoo_sequences.excerpts:{function}", f"zoo_sequences.excerpts:{counted}"
        register(name, target, source="path", summary=summary, files=files, count=count)
    register("oracle", "zoo_sequences.oracle:oracle", source="none", summary="sentences of a random language model")
    target, summary = "zoo_sequences.oracle:seqgan_oracle", "sentences of the oracle of SeqGAN's paper"
    register("seqgan-oracle", target, source="path", summary=summary, files=("target_params_py3.pkl",))


@hookimpl
def zoo_register_widgets(register: Callable[..., None]) -> None:
    register("tunes", "zoo_sequences.widget:tunes", summary="tunes of a model of melodies, to see and to hear")
