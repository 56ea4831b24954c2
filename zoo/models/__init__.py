"""The shelf: one row for each architecture, registered through the same hooks as a stranger's."""

from __future__ import annotations

from collections.abc import Callable

from zoo.registry.plugins import hookimpl
from zoo.releases.cards import built_in_folder


@hookimpl
def zoo_register_architectures(register: Callable[..., None]) -> None:
    register(
        "gan",
        "zoo.models.gans.gan:GAN",
        family="gans",
        capabilities=("generate", "encode", "decode"),
        summary="the first generative adversarial network, of dense layers",
        paper="Goodfellow et al. 2014, arXiv:1406.2661",
        default="gan-mnist",
    )
    register(
        "pix2pix",
        "zoo.models.translation.pix2pix:Pix2Pix",
        family="translation",
        capabilities=("translate",),
        condition="image",
        summary="translation learned from pairs: a U-Net against a patch discriminator",
        paper="Isola, Zhu, Zhou, Efros 2017, arXiv:1611.07004",
        default="pix2pix-facades",
    )
    register(
        "context-encoder",
        "zoo.models.translation.context_encoder:ContextEncoder",
        family="translation",
        capabilities=("translate",),
        condition="image",
        summary="fills holes in images with what surrounds them",
        paper="Pathak, Krähenbühl, Donahue, Darrell, Efros 2016, arXiv:1604.07379",
        default="context-encoder-celeba",
    )
    register(
        "cyclegan",
        "zoo.models.translation.cyclegan:CycleGAN",
        family="translation",
        capabilities=("translate",),
        condition="image",
        summary="translation without pairs, there and back again",
        paper="Zhu, Park, Isola, Efros 2017, arXiv:1703.10593",
        default="cyclegan-horse2zebra",
    )
    register(
        "srresnet",
        "zoo.models.translation.srresnet:SRResNet",
        family="translation",
        capabilities=("translate",),
        condition="image",
        summary="super-resolution by four, closest in pixels",
        paper="Ledig, Theis, Huszár et al. 2017, arXiv:1609.04802",
        default="srresnet-bsd200",
    )
    register(
        "srgan",
        "zoo.models.translation.srgan:SRGAN",
        family="translation",
        capabilities=("translate",),
        condition="image",
        summary="super-resolution by four, with details that look real",
        paper="Ledig, Theis, Huszár et al. 2017, arXiv:1609.04802",
        default="srgan-bsd200",
    )
    register(
        "dcgan",
        "zoo.models.gans.dcgan:DCGAN",
        family="gans",
        capabilities=("generate", "encode", "decode"),
        summary="deep convolutional GAN",
        paper="Radford, Metz, Chintala 2015, arXiv:1511.06434",
        default="dcgan-celeba",
    )
    register(
        "wgan",
        "zoo.models.gans.wgan:WGAN",
        family="gans",
        capabilities=("generate", "encode", "decode"),
        summary="Wasserstein GAN with clipped weights",
        paper="Arjovsky, Chintala, Bottou 2017, arXiv:1701.07875",
        default="wgan-fashion-mnist",
    )
    register(
        "wgan-gp",
        "zoo.models.gans.wgan_gp:WGANGP",
        family="gans",
        capabilities=("generate", "encode", "decode"),
        summary="Wasserstein GAN with a gradient penalty",
        paper="Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville 2017, arXiv:1704.00028",
        default="wgan-gp-celeba",
    )
    register(
        "ebgan",
        "zoo.models.gans.ebgan:EBGAN",
        family="gans",
        capabilities=("generate", "encode", "decode"),
        summary="energy-based GAN: the discriminator is an autoencoder",
        paper="Zhao, Mathieu, LeCun 2016, arXiv:1609.03126",
        default="ebgan-fashion-mnist",
    )
    register(
        "cgan",
        "zoo.models.gans.cgan:CGAN",
        family="gans",
        capabilities=("generate", "encode", "decode"),
        condition="label",
        summary="conditional GAN: the class is an input",
        paper="Mirza, Osindero 2014, arXiv:1411.1784",
        default="cgan-fashion-mnist",
    )
    register(
        "acgan",
        "zoo.models.gans.acgan:ACGAN",
        family="gans",
        capabilities=("generate", "encode", "decode"),
        condition="label",
        summary="auxiliary classifier GAN: the discriminator names the class",
        paper="Odena, Olah, Shlens 2017, arXiv:1610.09585",
        default="acgan-fashion-mnist",
    )
    register(
        "infogan",
        "zoo.models.gans.infogan:InfoGAN",
        family="gans",
        capabilities=("generate", "encode", "decode", "classify"),
        summary="GAN with latent codes that it reads back from images",
        paper="Chen, Duan, Houthooft, Schulman, Sutskever, Abbeel 2016, arXiv:1606.03657",
        default="infogan-mnist",
    )
    register(
        "cogan",
        "zoo.models.gans.cogan:CoGAN",
        family="gans",
        capabilities=("generate", "encode", "decode"),
        condition="label",
        summary="coupled GANs: one latent, two domains",
        paper="Liu, Tuzel 2016, arXiv:1606.07536",
        default="cogan-mnist",
    )
    register(
        "biggan-lite",
        "zoo.models.gans.biggan_lite:BigGANLite",
        family="gans",
        capabilities=("generate", "encode", "decode"),
        condition="label",
        summary="class-conditional residual GAN after BigGAN",
        paper="Brock, Donahue, Simonyan 2018, arXiv:1809.11096",
        default="biggan-lite-cifar10",
    )
    register(
        "progan",
        "zoo.models.gans.progan:ProGAN",
        family="gans",
        capabilities=("generate", "encode", "decode"),
        summary="GAN that grows layer by layer while it is trained",
        paper="Karras, Aila, Laine, Lehtinen 2018, arXiv:1710.10196",
        default="progan-celeba",
    )
    register(
        "gan-int-cls",
        "zoo.models.gans.gan_int_cls:GANIntCls",
        family="gans",
        capabilities=("generate", "encode", "decode"),
        condition="text",
        summary="from a sentence to an image, in one stage",
        paper="Reed, Akata, Yan, Logeswaran, Schiele, Lee 2016, arXiv:1605.05396",
    )
    register(
        "stackgan",
        "zoo.models.gans.stackgan:StackGAN",
        family="gans",
        capabilities=("generate", "encode", "decode"),
        condition="text",
        summary="from a sentence to a sketch, and from both to an image",
        paper="Zhang, Xu, Li, Zhang, Wang, Huang, Metaxas 2017, arXiv:1612.03242",
        default="stackgan-emoji",
    )
    register(
        "stylegan-lite",
        "zoo.models.gans.stylegan_lite:StyleGANLite",
        family="gans",
        capabilities=("generate", "encode", "decode"),
        summary="style-based GAN after StyleGAN and StyleGAN2",
        paper="Karras et al. 2019, arXiv:1812.04948; 2020, arXiv:1912.04958",
        default="stylegan-lite-celeba",
    )
    register(
        "vae-gan",
        "zoo.models.gans.vae_gan:VAEGAN",
        family="gans",
        capabilities=("generate", "encode", "decode"),
        summary="VAE whose likeness is measured by a GAN's discriminator",
        paper="Larsen, Sønderby, Larochelle, Winther 2016, arXiv:1512.09300",
        default="vae-gan-celeba",
    )
    register(
        "vae",
        "zoo.models.autoencoders.vae:VAE",
        family="autoencoders",
        capabilities=("generate", "encode", "decode", "log_prob"),
        log_prob="lower-bound",
        summary="variational autoencoder",
        paper="Kingma, Welling 2014, arXiv:1312.6114",
        default="vae-fashion-mnist",
    )
    register(
        "nice",
        "zoo.models.flows.nice:NICE",
        family="flows",
        capabilities=("generate", "encode", "decode", "log_prob"),
        log_prob="exact",
        summary="normalizing flow of additive couplings, with a logistic prior",
        paper="Dinh, Krueger, Bengio 2014, arXiv:1410.8516",
        default="nice-mnist",
    )
    register(
        "realnvp",
        "zoo.models.flows.realnvp:RealNVP",
        family="flows",
        capabilities=("generate", "encode", "decode", "log_prob"),
        log_prob="exact",
        summary="normalizing flow of affine couplings",
        paper="Dinh, Sohl-Dickstein, Bengio 2016, arXiv:1605.08803",
        default="realnvp-mnist",
    )
    register(
        "glow",
        "zoo.models.flows.glow:Glow",
        family="flows",
        capabilities=("generate", "encode", "decode", "log_prob"),
        log_prob="exact",
        summary="normalizing flow of invertible 1×1 convolutions",
        paper="Kingma, Dhariwal 2018, arXiv:1807.03039",
        default="glow-celeba",
    )
    register(
        "flow-2d",
        "zoo.models.flows.flow_2d:Flow2D",
        family="flows",
        capabilities=("generate", "encode", "decode", "log_prob"),
        log_prob="exact",
        summary="normalizing flow of tables and points in the plane",
        paper="Kingma, Dhariwal 2018, arXiv:1807.03039",
        default="flow-2d-two-moons",
    )
    register(
        "maf",
        "zoo.models.flows.maf:MAF",
        family="flows",
        capabilities=("generate", "encode", "decode", "log_prob"),
        log_prob="exact",
        summary="masked autoregressive flow: a density in one pass",
        paper="Papamakarios, Pavlakou, Murray 2017, arXiv:1705.07057",
        default="maf-mnist",
    )
    register(
        "iaf",
        "zoo.models.flows.iaf:IAF",
        family="flows",
        capabilities=("generate", "encode", "decode", "log_prob"),
        log_prob="exact",
        summary="inverse autoregressive flow: samples in one pass",
        paper="Kingma, Salimans, Jozefowicz, Chen, Sutskever, Welling 2016, arXiv:1606.04934",
        default="iaf-pinwheel",
    )
    register(
        "planar",
        "zoo.models.flows.planar:Planar",
        family="flows",
        capabilities=("generate", "encode", "decode", "log_prob"),
        log_prob="exact",
        summary="normalizing flow of planar layers, the simplest there are",
        paper="Rezende, Mohamed 2015, arXiv:1505.05770",
    )


@hookimpl
def zoo_register_cards(register: Callable[..., None]) -> None:
    folder = built_in_folder()
    if folder.is_dir():
        register(folder)
