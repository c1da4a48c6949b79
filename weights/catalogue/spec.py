"""What a weight file has to be, and the files the built-in plug-ins read (floor 0)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..sources import Packaged, PipArtefact, Source


@dataclass(frozen=True, slots=True)
class WeightSpec:
    """What a weight file is. Registered once, by the module that reads the file or by `weights` itself."""

    name: str
    """Registry name, lower case with dashes."""
    file: str
    """File name in the cache; its suffix says the format."""
    sha256: str | None
    """Hex digest. None is for files nobody published a digest of: the first one added is pinned from then on."""
    size: int | None
    """Bytes; None only together with `sha256=None`."""
    licence: str
    training_data: str
    citation: str
    sources: tuple[Source, ...] = ()
    """Tried in order. Empty: the user has to bring the file."""
    description: str = ""
    how_to_get: str = ""
    """For files without a source: where the user asks for it."""

    def __post_init__(self) -> None:
        if (self.sha256 is None) != (self.size is None):
            raise ValueError(f"weight {self.name}: give both sha256 and size, or neither")
        if self.sha256 is None and self.sources:
            raise ValueError(f"weight {self.name}: a file that can be downloaded needs a sha256")
        if self.sha256 is not None and (len(self.sha256) != 64 or set(self.sha256) - set("0123456789abcdef")):
            raise ValueError(f"weight {self.name}: sha256 must be 64 lower-case hex digits, got {self.sha256!r}")
        if Path(self.file).name != self.file or self.file in {"", ".", ".."}:
            raise ValueError(f"weight {self.name}: file must be a plain file name, got {self.file!r}")


_HANDS_OF = "in-the-wild, in-house and synthetic hand images of the authors (not public)"
_HANDS_BY = "Zhang et al., MediaPipe Hands: On-device Real-time Hand Tracking, arXiv:2006.10214, 2020"


def _mediapipe(
    name: str, member: str, sha256: str, size: int, description: str, data: str = _HANDS_OF, citation: str = _HANDS_BY
) -> WeightSpec:
    source = PipArtefact(
        package="mediapipe",
        version="0.10.21",  # the last release that carries the models
        member=f"mediapipe/modules/{member}",
        sha256="05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
        platform="manylinux_2_28_x86_64",
        python="3.11",
    )
    return WeightSpec(
        name=name,
        file=member.rsplit("/", 1)[-1],
        sha256=sha256,
        size=size,
        licence="Apache-2.0",
        training_data=data,
        citation=citation,
        sources=(source,),
        description=description,
    )


def _mtcnn(net: str, sha256: str, size: int, description: str) -> WeightSpec:
    source = PipArtefact(
        package="facenet-pytorch",
        version="2.6.0",
        member=f"facenet_pytorch/data/{net}.pt",
        sha256="ecb82b27beb226d106f2219efe8f829b01b87a8595badd01545679bdb9f19cca",
    )
    return WeightSpec(
        name=f"mtcnn-{net}",
        file=f"mtcnn-{net}.pt",
        sha256=sha256,
        size=size,
        licence="MIT",
        training_data="WIDER FACE and CelebA (the paper's)",
        citation="Zhang et al., Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks, "
        "IEEE Signal Processing Letters 23(10), 2016",
        sources=(source,),
        description=description,
    )


def _palm_tiny(part: str, file: str, sha256: str, size: int, description: str) -> WeightSpec:
    return WeightSpec(
        name=f"palm-tiny-{part.replace('_', '-')}",
        file=f"palm-tiny-{part.replace('_', '-')}.safetensors",
        sha256=sha256,
        size=size,
        licence="Apache-2.0",
        training_data="rendered palms of synthetic-palm, of identities that no benchmark set holds",
        citation="training/palm_tiny; classes of Yang et al., Paint by Example, CVPR 2023",
        sources=(Packaged(f"deidentifiers/assets/palm_tiny/{part}/{file}"),),
        description=description,
    )


def _palm_recognizer(name: str, sha256: str, size: int, description: str) -> WeightSpec:
    folder = name.replace("-", "_")
    return WeightSpec(
        name=name,
        file=f"{folder}.safetensors",
        sha256=sha256,
        size=size,
        licence="Apache-2.0",
        training_data="700 rendered palms of synthetic-palm, of identities that no benchmark set holds",
        citation="training/palm_recognizers",
        sources=(Packaged(f"recognizers/assets/{folder}/{folder}.safetensors"),),
        description=description,
    )


def _ccnet_official(data: str, classes: int, drive: str) -> WeightSpec:
    return WeightSpec(
        name=f"ccnet-{data.lower()}",
        file=f"ccnet-{data.lower()}.pth",
        sha256=None,
        size=None,
        licence="none stated by the authors",
        training_data=f"{data} palmprints, {classes} classes",
        citation="Yang et al., Comprehensive Competition Mechanism in Palmprint Recognition, IEEE TIFS 18, 2023",
        description=f"the authors' CCNet checkpoint for {data}, for `ccnet:weights=ccnet-{data.lower()}`",
        how_to_get=f"the authors share it on Google Drive (file {drive}, linked from github.com/Zi-YuanYang/CCNet)",
    )


BUILT_IN = (
    # Digests and sizes as `training/palm_recognizers/export.py` prints them.
    _palm_recognizer(
        "ccnet",
        "51fe854cfee53bac6a484ef96b004c611556b2b16d6b39ddec9c6f82cad835ae",
        7328992,
        "CCNet with a head of 256 and 256, 128 px palm squares",
    ),
    _palm_recognizer(
        "eehnet-style",
        "c66937f7547515a0137d0ce9b99dba32310412405bd15851dbfa0516a0a177b8",
        3687272,
        "full-hand recogniser in the manner of EEHNet, 352 px hands",
    ),
    _ccnet_official("Tongji", 600, "1Kj6Q1eCpkbCbfPVSqTZHGV9Y_H1uToEM"),
    _ccnet_official("IITD", 460, "17EBrjGVrzcyjETobQCYYhfR87nD2Z-l6"),
    # Digests and sizes as `training/palm_tiny/export.py` prints them.
    _palm_tiny(
        "vae",
        "diffusion_pytorch_model.safetensors",
        "d3e4435eb05b849e618a5a3921f46caf15ddbcf5a9ba8ae1805f01195d833999",
        5204086,
        "autoencoder of palm-tiny, 256 x 256 px to 32 x 32 x 4",
    ),
    _palm_tiny(
        "unet",
        "diffusion_pytorch_model.safetensors",
        "83066d04779cd16ac693976b798c1d9f03756991c2577b9f57d88f5b5a18d6fa",
        21912296,
        "inpainting denoiser of palm-tiny, 32 x 32",
    ),
    _palm_tiny(
        "image_encoder",
        "model.safetensors",
        "a5c90d21c2313c01067a4ca22b73b1489c689b28ac10c8ee2e0a243739061ca7",
        1575144,
        "exemplar encoder of palm-tiny, 64 x 64 px to 160",
    ),
    # As `training/palm_skin/build.py` prints it.
    WeightSpec(
        name="palm-skin",
        file="palm-skin.safetensors",
        sha256="68ea9e523fdb6b4da63987c5bf53676fa8252a2e525f129bb037f3ce1028e71d",
        size=1327184,
        licence="MIT",
        training_data="patches without lines of four photographs of two palms, collected with informed consent",
        citation="training/palm_skin; Efros and Freeman, Image Quilting, SIGGRAPH 2001",
        sources=(Packaged("deidentifiers/assets/palm_skin/palm_skin.safetensors"),),
        description="four charts of palm skin, 576 x 576, for the texture of `palm_diffusion`",
    ),
    # As `training/face_tiny_ddpm/export.py` prints it.
    WeightSpec(
        name="face-tiny-ddpm",
        file="face-tiny-ddpm.safetensors",
        sha256="fc275d79f1e6cc822c87e5a850f5777e40f1fad719436f71844bb402477e5fcf",
        size=16025526,
        licence="Apache-2.0",
        training_data="8,000 made-up faces of a small generator (MIT) that was trained on rendered ones (DigiFace)",
        citation="training/face_tiny_ddpm; Ho et al., Denoising Diffusion Probabilistic Models, NeurIPS 2020",
        sources=(Packaged("deidentifiers/assets/face_tiny_ddpm/diffusion_pytorch_model.safetensors"),),
        description="denoiser of aligned faces, 112 x 112, 1000 steps of the cosine schedule",
    ),
    _mediapipe(
        "mediapipe-palm-detection",
        "palm_detection/palm_detection_full.tflite",
        "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
        2339846,
        "palm detector, 192 x 192 input, 2016 anchors",
    ),
    _mediapipe(
        "mediapipe-hand-landmark",
        "hand_landmark/hand_landmark_full.tflite",
        "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
        5478917,
        "21 hand landmarks in the image and in metres, presence, handedness, 224 x 224 input",
    ),
    _mediapipe(
        "mediapipe-face-mesh",
        "face_landmark/face_landmark.tflite",
        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
        1242398,
        "468 vertices of a face, presence, 192 x 192 input",
        data="in-the-wild face images of the authors, partly with rendered meshes (not public)",
        citation="Kartynnik et al., Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs, "
        "arXiv:1907.06724, 2019",
    ),
    WeightSpec(
        name="dlib-68-landmarks",
        file="shape_predictor_68_face_landmarks.dat",
        sha256="fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
        size=99693937,
        licence="CC0-1.0 (package); the training data iBUG 300-W excludes commercial use",
        training_data="iBUG 300-W",
        citation="Kazemi and Sullivan, One Millisecond Face Alignment with an Ensemble of Regression Trees, CVPR 2014",
        sources=(
            PipArtefact(
                package="face-recognition-models",
                version="0.3.0",
                member="face_recognition_models-0.3.0/face_recognition_models/models/"
                "shape_predictor_68_face_landmarks.dat",
                sha256="b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf",
                kind="sdist",
            ),
        ),
        description="dlib's predictor of the 68 iBUG landmarks",
    ),
    _mtcnn(
        "pnet",
        "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
        28570,
        "first network of the face detector MTCNN: proposes boxes",
    ),
    _mtcnn(
        "rnet",
        "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
        403147,
        "second network of the face detector MTCNN: sorts boxes out",
    ),
    _mtcnn(
        "onet",
        "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
        1559269,
        "third network of the face detector MTCNN: box and five points",
    ),
)
