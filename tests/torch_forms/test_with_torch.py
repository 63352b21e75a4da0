"""Beside PyTorch, where it is installed: it writes what we read, reads what we write and what is made by hand."""

import numpy as np
import pytest

from mocogan_chainer.torch_files import read_checkpoint, write_state_dict
from tests.torch_forms.handmade import (
    FORMS,
    Legacy,
    Zip,
    call,
    name,
    number,
    ordered,
    parameter,
    several,
    tensor,
    text,
)

torch = pytest.importorskip("torch")

SEVEN = np.arange(7, dtype="<f4").tobytes()


class Net(torch.nn.Module):
    """A bit of everything that a module can hold."""

    def __init__(self):
        super().__init__()
        self.recurrent = torch.nn.GRUCell(3, 4)
        self.main = torch.nn.Sequential(
            torch.nn.ConvTranspose2d(3, 4, 4, bias=False), torch.nn.BatchNorm2d(4), torch.nn.ReLU()
        )
        self.same = self.main[0]
        self.linear = torch.nn.utils.spectral_norm(torch.nn.Linear(3, 2))
        self.list = torch.nn.ParameterList([torch.nn.Parameter(torch.randn(2))])
        self.register_buffer("passing", torch.zeros(3), persistent=False)
        self.register_buffer("kept", torch.arange(3))
        self.activation = torch.nn.functional.relu


def tensors():
    base = torch.arange(24.0)
    dtypes = (torch.half, torch.double, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.complex64)
    several_types = {str(dtype): torch.tensor([1, 2, 100]).to(dtype) for dtype in (*dtypes, torch.bool, torch.uint16)}
    return {
        "transposed": base.view(4, 6).t(),
        "offset": base[5:11],
        "steps": base[::3],
        "single": torch.tensor(3.5),
        "rounded": torch.linspace(-1, 1, 6).view(3, 2).bfloat16(),
        "none": torch.zeros(0, 3),
        "spread": torch.tensor([1.5]).expand(3, 2),
        **several_types,
    }


def same(arrays, expected):
    assert list(arrays) == list(expected)
    for key, value in expected.items():
        value = (value.float() if value.dtype == torch.bfloat16 else value).detach().numpy()
        assert arrays[key].dtype == value.dtype
        assert arrays[key].shape == value.shape
        np.testing.assert_array_equal(arrays[key], value)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
class TestReading:
    @pytest.fixture
    def save(self, tmp_path, zipped, protocol):
        def save(value):
            path = tmp_path / "x.pth"
            torch.save(value, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
            return path

        return save

    def test_tensors(self, save):
        same(read_checkpoint(save(tensors())), tensors())

    def test_a_module(self, save):
        net = torch.nn.DataParallel(Net())
        same(read_checkpoint(save(net)), net.state_dict())

    def test_a_checkpoint(self, save):
        net = Net()
        optimizer = torch.optim.Adam(net.parameters())
        sum(weight.sum() for weight in net.parameters()).backward()
        optimizer.step()
        others = {"best": np.float64(0.5), "random": torch.get_rng_state(), "list": np.arange(3), "set": {1}}
        path = save({"epoch": 3, "state_dict": net.state_dict(), "optimizer": optimizer.state_dict(), **others})
        same(read_checkpoint(path), net.state_dict())


class TestWriting:
    def test_the_careful_loader(self, tmp_path):
        arrays = {key: value.numpy() for key, value in tensors().items() if value.dtype != torch.bfloat16}
        arrays.pop("torch.uint16")
        write_state_dict(tmp_path / "x.pth", arrays)
        for mapped in (False, True):
            same(arrays, torch.load(tmp_path / "x.pth", weights_only=True, mmap=mapped))

    def test_into_a_network(self, tmp_path):
        before, after = Net(), Net()
        write_state_dict(tmp_path / "x.pth", {k: v.detach().numpy() for k, v in before.state_dict().items()})
        after.load_state_dict(torch.load(tmp_path / "x.pth", weights_only=True))
        same({k: v.detach().numpy() for k, v in after.state_dict().items()}, before.state_dict())


class TestHandMadeFiles:
    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("function", ["_rebuild_tensor", "_rebuild_tensor_v2"])
    def test_tensors(self, tmp_path, form, function):
        form = FORMS[form]()
        values = {"a": tensor(form.storage(7), 1, (3, 2), (1, 2), function), "b": parameter(tensor(form.storage(7)))}
        path = form.write(tmp_path / "x.pth", ordered(values), {"0": SEVEN})
        same(read_checkpoint(path), torch.load(path, weights_only=True))

    def test_python_2(self, tmp_path):
        form = Legacy()
        value = form.storage(7).replace(text("storage"), b"U\x07storage").replace(text("0"), b"U\x010")
        pairs = call(name("collections", "OrderedDict"), b"](](" + b"U\x01w" + tensor(value) + b"ee") + b"}b"
        path = form.write(tmp_path / "x.pth", pairs, {"0": SEVEN})
        same(read_checkpoint(path), torch.load(path, weights_only=False, encoding="latin1"))

    def test_views(self, tmp_path):
        form = Legacy()
        view = form.storage(7, view=several(text("view"), number(2), number(4)))
        path = form.write(tmp_path / "x.pth", ordered({"w": tensor(view, 1, (3,), (1,))}), {"0": SEVEN})
        same(read_checkpoint(path), torch.load(path, weights_only=True))

    def test_big_endian_storages(self, tmp_path):
        value = ordered({"w": tensor(Zip().storage(2), 0, (2,), (1,))})
        content = np.array([1.5, -2], ">f4").tobytes()
        path = Zip().write(tmp_path / "x.pth", value, {"0": content}, byteorder=b"big")
        same(read_checkpoint(path), torch.load(path, weights_only=True))
