"""Finding a recogniser to look into, and making its network ready."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import toy_faces
from torch import nn

from deid_bench.deidentifiers import surrogate
from deid_bench.deidentifiers.surrogate import (
    check_surrogate,
    surrogate_hashes,
    surrogate_knowledge,
    surrogate_network,
)
from deid_bench.plugins.entries import PluginError
from deid_bench.weights.devices import torch_device
from deid_bench.weights.files import WeightsError


def test_its_network_agrees_with_its_templates() -> None:
    image, _ = toy_faces.drawn_face(3)
    network = surrogate_network(toy_faces.GOOD, "cpu")
    with torch.no_grad():
        features = network(torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255)
    expected = torch.from_numpy(toy_faces.ToyFace().embed([image]))
    assert torch.allclose(features, expected, atol=1e-6)
    assert surrogate_network(toy_faces.GOOD, "cpu") is network


def test_prelu_layers_give_the_same_bits_and_the_same_gradients() -> None:
    torch.manual_seed(1)
    layers = [nn.Conv2d(3, 8, 3), nn.PReLU(8), nn.Conv2d(8, 4, 3), nn.PReLU(), nn.Flatten(), nn.Linear(256, 6)]
    plain = nn.Sequential(*layers, nn.PReLU(6)).requires_grad_(False)
    for layer in plain:
        if isinstance(layer, nn.PReLU):
            layer.weight.data.uniform_(-0.5, 0.5)
    x = torch.randn(2, 3, 12, 12, requires_grad=True)
    given = plain(x)
    (slope,) = torch.autograd.grad(given.square().sum(), x)
    changed = surrogate._without_weight_gradients(plain)
    assert not any(type(each) is nn.PReLU for each in changed.modules())
    found = changed(x)
    assert torch.equal(found, given)
    assert torch.equal(torch.autograd.grad(found.square().sum(), x)[0], slope)
    with torch.no_grad():
        assert torch.equal(changed(x), given)


def test_what_it_knows_is_named() -> None:
    assert surrogate_knowledge(toy_faces.GOOD) == "surrogate=toy_face"


def test_an_edited_plug_in_gives_other_hashes(tmp_path: Path) -> None:
    found = []
    for index in range(2):
        path = tmp_path / str(index) / "toy_faces.py"
        path.parent.mkdir()
        shutil.copyfile(toy_faces.HERE, path)
        if index:
            path.write_text(path.read_text(encoding="utf-8") + "\nEDITED = True\n", encoding="utf-8")
        found.append(surrogate_hashes(f"{path}:ToyFace"))
    assert list(found[0]) == list(found[1]) == ["surrogate toy_face"]
    assert found[0] != found[1]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (toy_faces.BLIND, "look into"),
        (toy_faces.PALM, "recogniser for palm"),
        ("nobody", "no recognizer named"),
        ("mtcc", "recogniser for palm"),
    ],
)
def test_a_recogniser_that_cannot_be_looked_into_is_refused(spec: str, message: str) -> None:
    for use in (surrogate_hashes, surrogate_network):
        with pytest.raises(PluginError, match=message):
            use(spec)


def test_no_name_is_refused() -> None:
    for wrong in ("", " ", 3):
        with pytest.raises(ValueError, match="face recogniser"):
            check_surrogate(wrong)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_is_not_there_is_refused() -> None:
    assert torch_device("auto").type == "cpu"
    with pytest.raises(WeightsError, match="device=cpu"):
        torch_device("cuda")


def test_importing_the_methods_loads_no_heavy_library() -> None:
    program = (
        "import sys; from deid_bench.deidentifiers.tip_im import tip_im; "
        "from deid_bench.deidentifiers.dedim import dedim; tip_im.TipIm(); dedim.Dedim(); "
        "print(sorted({'torch', 'diffusers', 'cv2', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.strip() == "[]"
