"""The built-in architectures: a row for each, registered through the same hooks as any plugin's."""
# Long because it is a table: a row for each architecture.

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from zoo.registry.plugins import hookimpl
from zoo.releases.cards import built_in_folder


@dataclasses.dataclass(frozen=True)
class Row:
    """An architecture of a family: its name, "file:Class" in the family's folder, what it is in a line, its paper, and
    the release that its name loads. capabilities, condition and log_prob: where they are not those of `FAMILIES`;
    space: that of its default Config, where it is not images; presets: the names of its class's."""

    name: str
    target: str
    summary: str
    paper: str
    default: str | None = None
    capabilities: tuple[str, ...] | None = None
    condition: str | None = None
    log_prob: str | None = None
    space: str | None = None
    presets: tuple[str, ...] = ()


# What the architectures of a family can do, unless a row says otherwise.
FAMILIES: dict[str, dict[str, Any]] = {
    "autoencoders": {"capabilities": ("generate", "encode", "decode")},
    "flows": {"capabilities": ("generate", "encode", "decode", "log_prob"), "log_prob": "exact"},
    "gans": {"capabilities": ("generate", "encode", "decode")},
    "translation": {"capabilities": ("translate",), "condition": "image"},
}

ARCHITECTURES: dict[str, list[Row]] = {
    "autoencoders": [
        Row(
            "linear-autoencoder",
            "linear_autoencoder:LinearAutoencoder",
            "two dense layers without activations: principal components",
            "Baldi, Hornik 1989, Neural Networks 2(1)",
            "linear-autoencoder-fashion-mnist",
        ),
        Row(
            "autoencoder",
            "autoencoder:StackedAutoencoder",
            "stacked dense layers down to a code and up again",
            "Hinton, Salakhutdinov 2006, Science 313(5786)",
            "autoencoder-fashion-mnist",
        ),
        Row(
            "conv-autoencoder",
            "conv_autoencoder:ConvAutoencoder",
            "convolutions and pooling down to a code, transposed ones up again",
            "Masci, Meier, Cireşan, Schmidhuber 2011, ICANN",
            "conv-autoencoder-fashion-mnist",
        ),
        Row(
            "denoising-autoencoder",
            "denoising_autoencoder:DenoisingAutoencoder",
            "makes the whole image of a corrupted one",
            "Vincent, Larochelle, Lajoie, Bengio, Manzagol 2010, JMLR 11",
            "denoising-autoencoder-mnist",
            capabilities=("generate", "encode", "decode", "translate"),
        ),
        Row(
            "sparse-autoencoder",
            "sparse_autoencoder:SparseAutoencoder",
            "a wide code of which few numbers are used at a time",
            "Ng 2011, CS294A lecture notes",
            "sparse-autoencoder-mnist",
        ),
        Row(
            "contractive-autoencoder",
            "contractive_autoencoder:ContractiveAutoencoder",
            "its code moves as little as it can when the input does",
            "Rifai, Vincent, Muller, Glorot, Bengio 2011, ICML",
            "contractive-autoencoder-mnist",
        ),
        Row(
            "vae",
            "vae:VAE",
            "variational autoencoder",
            "Kingma, Welling 2014, arXiv:1312.6114",
            "vae-fashion-mnist",
            capabilities=("generate", "encode", "decode", "log_prob"),
            log_prob="lower-bound",
            presets=("paper",),
        ),
        Row(
            "wae",
            "wae:WAE",
            "Wasserstein autoencoder: its codes as a whole follow the prior",
            "Tolstikhin, Bousquet, Gelly, Schölkopf 2018, arXiv:1711.01558",
        ),
        Row(
            "vq-vae",
            "vq_vae:VQVAE",
            "its code is a grid of tokens, which an autoregressive prior writes",
            "van den Oord, Vinyals, Kavukcuoglu 2017, arXiv:1711.00937",
        ),
    ],
    "flows": [
        Row(
            "nice",
            "nice:NICE",
            "normalizing flow of additive couplings, with a logistic prior",
            "Dinh, Krueger, Bengio 2014, arXiv:1410.8516",
            "nice-mnist",
        ),
        Row(
            "realnvp",
            "realnvp:RealNVP",
            "normalizing flow of affine couplings",
            "Dinh, Sohl-Dickstein, Bengio 2016, arXiv:1605.08803",
            "realnvp-mnist",
            presets=("paper",),
        ),
        Row(
            "glow",
            "glow:Glow",
            "normalizing flow of invertible 1×1 convolutions",
            "Kingma, Dhariwal 2018, arXiv:1807.03039",
            "glow-celeba",
            presets=("paper",),
        ),
        Row(
            "flow-2d",
            "flow_2d:Flow2D",
            "normalizing flow of tables and points in the plane",
            "Kingma, Dhariwal 2018, arXiv:1807.03039",
            "flow-2d-two-moons",
            space="vectors",
        ),
        Row(
            "maf",
            "maf:MAF",
            "masked autoregressive flow: a density in one pass",
            "Papamakarios, Pavlakou, Murray 2017, arXiv:1705.07057",
            "maf-mnist",
            space="vectors",
            presets=("paper",),
        ),
        Row(
            "iaf",
            "iaf:IAF",
            "inverse autoregressive flow: samples in one pass",
            "Kingma, Salimans, Jozefowicz, Chen, Sutskever, Welling 2016, arXiv:1606.04934",
            "iaf-pinwheel",
            space="vectors",
        ),
        Row(
            "planar",
            "planar:Planar",
            "normalizing flow of planar layers, the simplest there are",
            "Rezende, Mohamed 2015, arXiv:1505.05770",
            None,
            space="vectors",
        ),
    ],
    "gans": [
        Row(
            "gan",
            "gan:GAN",
            "the first generative adversarial network, of dense layers",
            "Goodfellow et al. 2014, arXiv:1406.2661",
            "gan-mnist",
        ),
        Row(
            "dcgan",
            "dcgan:DCGAN",
            "deep convolutional GAN",
            "Radford, Metz, Chintala 2015, arXiv:1511.06434",
            "dcgan-celeba",
            presets=("paper",),
        ),
        Row(
            "wgan",
            "wgan:WGAN",
            "Wasserstein GAN with clipped weights",
            "Arjovsky, Chintala, Bottou 2017, arXiv:1701.07875",
            "wgan-fashion-mnist",
            presets=("paper",),
        ),
        Row(
            "wgan-gp",
            "wgan_gp:WGANGP",
            "Wasserstein GAN with a gradient penalty",
            "Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville 2017, arXiv:1704.00028",
            "wgan-gp-celeba",
            presets=("paper",),
        ),
        Row(
            "ebgan",
            "ebgan:EBGAN",
            "energy-based GAN: the discriminator is an autoencoder",
            "Zhao, Mathieu, LeCun 2016, arXiv:1609.03126",
            "ebgan-fashion-mnist",
        ),
        Row(
            "cgan",
            "cgan:CGAN",
            "conditional GAN: the class is an input",
            "Mirza, Osindero 2014, arXiv:1411.1784",
            "cgan-fashion-mnist",
            condition="label",
        ),
        Row(
            "acgan",
            "acgan:ACGAN",
            "auxiliary classifier GAN: the discriminator names the class",
            "Odena, Olah, Shlens 2017, arXiv:1610.09585",
            "acgan-fashion-mnist",
            condition="label",
        ),
        Row(
            "infogan",
            "infogan:InfoGAN",
            "GAN with latent codes that it reads back from images",
            "Chen, Duan, Houthooft, Schulman, Sutskever, Abbeel 2016, arXiv:1606.03657",
            "infogan-mnist",
            capabilities=("generate", "encode", "decode", "classify"),
        ),
        Row(
            "cogan",
            "cogan:CoGAN",
            "coupled GANs: one latent, two domains",
            "Liu, Tuzel 2016, arXiv:1606.07536",
            "cogan-mnist",
            condition="label",
        ),
        Row(
            "biggan-lite",
            "biggan_lite:BigGANLite",
            "class-conditional residual GAN after BigGAN",
            "Brock, Donahue, Simonyan 2018, arXiv:1809.11096",
            "biggan-lite-cifar10",
            condition="label",
            presets=("paper",),
        ),
        Row(
            "biggan-deep",
            "biggan_deep:BigGANDeep",
            "class-conditional GAN of deep, narrow residual blocks",
            "Brock, Donahue, Simonyan 2018, arXiv:1809.11096",
            condition="label",
            presets=("paper",),
        ),
        Row(
            "progan",
            "progan:ProGAN",
            "GAN that grows layer by layer while it is trained",
            "Karras, Aila, Laine, Lehtinen 2018, arXiv:1710.10196",
            "progan-celeba",
            presets=("paper",),
        ),
        Row(
            "gan-int-cls",
            "gan_int_cls:GANIntCls",
            "from a sentence to an image, in one stage",
            "Reed, Akata, Yan, Logeswaran, Schiele, Lee 2016, arXiv:1605.05396",
            None,
            condition="text",
        ),
        Row(
            "stackgan",
            "stackgan:StackGAN",
            "from a sentence to a sketch, and from both to an image",
            "Zhang, Xu, Li, Zhang, Wang, Huang, Metaxas 2017, arXiv:1612.03242",
            "stackgan-emoji",
            condition="text",
        ),
        Row(
            "stackgan-v1",
            "stackgan_v1:StackGANv1",
            "StackGAN's generators at the paper's size, under embeddings of texts",
            "Zhang, Xu, Li, Zhang, Wang, Huang, Metaxas 2017, arXiv:1612.03242",
            condition="embedding",
            presets=("paper",),
        ),
        Row(
            "stylegan-lite",
            "stylegan_lite:StyleGANLite",
            "style-based GAN after StyleGAN and StyleGAN2",
            "Karras et al. 2019, arXiv:1812.04948; 2020, arXiv:1912.04958",
            "stylegan-lite-celeba",
        ),
        Row(
            "stylegan2",
            "stylegan2:StyleGAN2",
            "style-based GAN with modulated weights and smooth paths",
            "Karras, Laine, Aittala, Hellsten, Lehtinen, Aila 2020, arXiv:1912.04958",
            presets=("paper",),
        ),
        Row(
            "vae-gan",
            "vae_gan:VAEGAN",
            "VAE whose reconstructions are measured by a GAN's discriminator",
            "Larsen, Sønderby, Larochelle, Winther 2016, arXiv:1512.09300",
            "vae-gan-celeba",
        ),
    ],
    "translation": [
        Row(
            "pix2pix",
            "pix2pix:Pix2Pix",
            "translation learned from pairs: a U-Net against a patch discriminator",
            "Isola, Zhu, Zhou, Efros 2017, arXiv:1611.07004",
            "pix2pix-facades",
            presets=("paper",),
        ),
        Row(
            "context-encoder",
            "context_encoder:ContextEncoder",
            "fills holes in images with what surrounds them",
            "Pathak, Krähenbühl, Donahue, Darrell, Efros 2016, arXiv:1604.07379",
            "context-encoder-celeba",
        ),
        Row(
            "cyclegan",
            "cyclegan:CycleGAN",
            "translation without pairs, there and back again",
            "Zhu, Park, Isola, Efros 2017, arXiv:1703.10593",
            "cyclegan-horse2zebra",
            presets=("paper",),
        ),
        Row(
            "srresnet",
            "srresnet:SRResNet",
            "super-resolution by four, closest in pixels",
            "Ledig, Theis, Huszár et al. 2017, arXiv:1609.04802",
            "srresnet-bsd200",
            presets=("paper",),
        ),
        Row(
            "srgan",
            "srgan:SRGAN",
            "super-resolution by four, with details that look real",
            "Ledig, Theis, Huszár et al. 2017, arXiv:1609.04802",
            "srgan-bsd200",
            presets=("paper",),
        ),
    ],
}


@hookimpl
def zoo_register_architectures(register: Callable[..., None]) -> None:
    for family, rows in ARCHITECTURES.items():
        for row in rows:
            said = {name: value for name, value in dataclasses.asdict(row).items() if value is not None}
            said["target"] = f"zoo.models.{family}.{row.target}"
            register(**{"family": family, **FAMILIES[family], **said})


@hookimpl
def zoo_register_cards(register: Callable[..., None]) -> None:
    folder = built_in_folder()
    if folder.is_dir():
        register(folder)
