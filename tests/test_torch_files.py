"""Reading and writing PyTorch's files without PyTorch."""

import collections
import io
import pickle
import pickletools
import struct
import tarfile
import zipfile

import numpy as np
import pytest

from mocogan_chainer.errors import OutputError, SnapshotError
from mocogan_chainer.torch_files import read_checkpoint, write_state_dict
from tests.torch_forms.handmade import (
    FALSE,
    FORMS,
    NONE,
    TRUE,
    Legacy,
    Zip,
    call,
    dictionary,
    instance,
    module,
    name,
    number,
    numbers,
    ordered,
    parameter,
    several,
    tensor,
    text,
)

SEVEN = np.arange(7, dtype="<f4").tobytes()


@pytest.fixture(params=FORMS)
def form(request):
    return FORMS[request.param]()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.pth"


class TestTensors:
    @pytest.mark.parametrize(
        ("offset", "shape", "strides", "expected"),
        [
            (0, (2, 3), (3, 1), [[0, 1, 2], [3, 4, 5]]),
            (1, (2, 3), (3, 1), [[1, 2, 3], [4, 5, 6]]),
            (0, (3, 2), (1, 3), [[0, 3], [1, 4], [2, 5]]),
            (0, (4,), (2,), [0, 2, 4, 6]),
            (5, (), (), 5),
            (6, (2, 2), (0, 0), [[6, 6], [6, 6]]),
            (6, (1, 1), (1 << 40, 1 << 61), [[6]]),
            (7, (0, 3), (3, 1), np.zeros((0, 3)).tolist()),
        ],
    )
    def test_a_tensor_is_cut_out_of_its_storage(self, form, path, offset, shape, strides, expected):
        form.write(path, ordered({"w": tensor(form.storage(7), offset, shape, strides)}), {"0": SEVEN})
        array = read_checkpoint(path)["w"]
        assert array.tolist() == expected
        assert array.dtype == np.float32
        assert array.shape == shape

    @pytest.mark.parametrize(
        ("kind", "content", "dtype", "expected"),
        [
            ("HalfStorage", struct.pack("<2e", 0.5, -3), np.float16, [0.5, -3]),
            ("BFloat16Storage", b"\x80\x3f\x20\xc0", np.float32, [1, -2.5]),
            ("LongStorage", struct.pack("<2q", -1, 1 << 40), np.int64, [-1, 1 << 40]),
            ("BoolStorage", b"\0\2", np.bool_, [False, True]),
        ],
    )
    def test_types(self, form, path, kind, content, dtype, expected):
        values = {"w": tensor(form.storage(2, kind=kind), 0, (2,), (1,)), "last": tensor(b"h\0", 1, (), ())}
        values["w"] = values["w"].replace(b"Q", b"Qq\0", 1)  # keep the storage for the second tensor
        form.write(path, ordered(values), {"0": content})
        arrays = read_checkpoint(path)
        assert arrays["w"].tolist() == expected
        assert arrays["last"].tolist() == expected[1]
        assert arrays["w"].dtype == arrays["last"].dtype == dtype

    @pytest.mark.parametrize(
        ("kind", "layout"),
        [
            ("DoubleStorage", "<2d"),
            ("IntStorage", "<2i"),
            ("ShortStorage", "<2h"),
            ("CharStorage", "<2b"),
            ("ByteStorage", "<2B"),
        ],
    )
    def test_more_types(self, path, kind, layout):
        content = Zip().storage(2, kind=kind)
        Zip().write(path, ordered({"w": tensor(content, 0, (2,), (1,))}), {"0": struct.pack(layout, 3, 100)})
        array = read_checkpoint(path)["w"]
        assert array.tolist() == [3, 100]
        assert array.dtype == np.dtype(layout[2])

    def test_complex_numbers(self, path):
        value = tensor(Zip().storage(1, kind="ComplexFloatStorage"), 0, (1,), (1,))
        Zip().write(path, ordered({"w": value}), {"0": struct.pack("<2f", 1, -2)})
        assert read_checkpoint(path)["w"].tolist() == [1 - 2j]

    def test_tensors_share_a_storage_but_arrays_do_not(self, form, path):
        values = {"a": tensor(form.storage(7)), "b": tensor(form.storage(7), 1, (2,), (1,))}
        form.write(path, ordered(values), {"0": SEVEN})
        arrays = read_checkpoint(path)
        arrays["a"][...] = -1
        assert arrays["b"].tolist() == [1, 2]

    def test_several_storages(self, form, path):
        values = {f"w{key}": tensor(form.storage(1, key), 0, (1,), (1,)) for key in ("10", "9", "94010")}
        contents = {key: struct.pack("<f", int(key)) for key in ("94010", "9", "10")}
        form.write(path, ordered(values), contents)
        arrays = read_checkpoint(path)
        assert {key: array.item() for key, array in arrays.items()} == {"w10": 10, "w9": 9, "w94010": 94010}
        assert list(arrays) == ["w10", "w9", "w94010"]

    @pytest.mark.parametrize("package", ["torch", "torch.cuda"])
    def test_tensors_of_a_gpu(self, form, path, package):
        value = tensor(form.storage(7, location="cuda:1", package=package))
        form.write(path, ordered({"w": value}), {"0": SEVEN})
        assert read_checkpoint(path)["w"].sum() == 15

    def test_older_ways_to_say_it(self, form, path):
        old = tensor(form.storage(7), function="_rebuild_tensor")
        variable = call(name("torch.nn.parameter", "Parameter"), old, TRUE) + several(NONE, ordered({})) + b"b"
        new = name("torch.nn.parameter", "Parameter") + several(old) + b"\x81"
        form.write(path, ordered({"a": old, "b": parameter(old), "c": variable, "d": new}), {"0": SEVEN})
        assert [array.sum() for array in read_checkpoint(path).values()] == [15] * 4

    def test_a_type_without_a_storage_of_its_own(self, path):
        storage = Zip().storage(7, kind="UntypedStorage", package="torch.storage")
        arguments = (storage, number(1), numbers((2,)), numbers((1,)), FALSE, ordered({}), name("torch", "uint16"))
        value = call(name("torch._utils", "_rebuild_tensor_v3"), *arguments)
        Zip().write(path, ordered({"w": value}), {"0": struct.pack("<3Hx", 1, 2, 65535)})
        assert read_checkpoint(path)["w"].tolist() == [2, 65535]

    def test_a_tensor_with_attributes(self, form, path):
        inner = several(form.storage(7), number(0), numbers((2,)), numbers((1,)), FALSE, ordered({}))
        function, kind = name("torch._utils", "_rebuild_tensor_v2"), name("mine", "Tensor")
        value = call(name("torch._tensor", "_rebuild_from_type_v2"), function, kind, inner, dictionary({}))
        form.write(path, ordered({"w": value}), {"0": SEVEN})
        assert read_checkpoint(path)["w"].tolist() == [0, 1]

    def test_big_endian_storages(self, path):
        value = ordered({"w": tensor(Zip().storage(2), 0, (2,), (1,))})
        Zip().write(path, value, {"0": struct.pack(">2f", 1.5, -2)}, byteorder=b"big")
        array = read_checkpoint(path)["w"]
        assert array.tolist() == [1.5, -2]
        assert array.dtype.isnative

    def test_views_of_storages(self, path):
        form = Legacy()
        view = form.storage(7, view=several(text("view"), number(2), number(4)))
        form.write(path, ordered({"w": tensor(view, 1, (3,), (1,))}), {"0": SEVEN})
        assert read_checkpoint(path)["w"].tolist() == [3, 4, 5]

    def test_python_2(self, path):
        """Its texts are bytes, and its ordered dict is made from a list of lists."""
        form = Legacy()
        value = form.storage(7).replace(text("storage"), b"U\x07storage").replace(text("0"), b"U\x010")
        pairs = b"](](" + b"U\x01w" + tensor(value) + b"ee"
        form.write(path, call(name("collections", "OrderedDict"), pairs) + b"}b", {"0": SEVEN})
        assert read_checkpoint(path)["w"].sum() == 15


def test_a_tar_archive_says_what_to_do(path):
    """As torch wrote it in its first months."""
    with tarfile.open(path, "w") as archive:
        for member in ("sys_info", "pickle", "tensors", "storages"):
            info = tarfile.TarInfo(member)
            info.size = 100
            archive.addfile(info, io.BytesIO(bytes(100)))
    with pytest.raises(SnapshotError) as error:
        read_checkpoint(path)
    assert str(error.value) == (
        f"{path}: it is a tar archive, as torch before 0.1.9 (2017) wrote, which is not read; load it with a newer "
        "PyTorch and save it again"
    )


def scalars(form, **values):
    """Instructions of 0-dimensional tensors, with the storage that they need."""
    storage = form.storage(len(values))
    items = {key: tensor(storage, place, (), ()) for place, key in enumerate(values)}
    return items, {"0": struct.pack(f"<{len(values)}f", *values.values())}


class TestCheckpoints:
    @pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model", "netG"])
    def test_a_state_dict_among_other_things(self, form, path, key):
        items, storages = scalars(form, **{"module.w": 1, "module.b": 2, "random": 3, "moment": 4})
        half = call(name("numpy", "dtype"), text("f8"), FALSE, TRUE) + several(number(3), text("<")) + b"b"
        others = {
            "epoch": number(3),
            "best_acc": call(name("numpy.core.multiarray", "scalar"), half, b"U\x08\0\0\0\0\0\0\0\0"),
            "args": instance(name("argparse", "Namespace"), dictionary({"lr": number(1)})),
            "out": call(name("pathlib", "PosixPath"), text("/")),
            "device": call(name("torch", "device"), text("cuda"), number(0)),
            "optimizer": dictionary({"state": b"}(" + number(0) + dictionary({"m": items.pop("moment")}) + b"u"}),
        }
        items.pop("random")
        form.write(path, dictionary({**others, key: ordered(items), "more": b"]"}), storages)
        assert read_checkpoint(path) == {"module.w": 1, "module.b": 2}

    def test_the_usual_key_comes_first(self, form, path):
        items, storages = scalars(form, w=1, ema=2, random=3)
        others = {"ema": "ema", "model": "ema", "model_state_dict": "ema", "state_dict": "w"}
        value = {key: dictionary({"w": items[held]}) for key, held in others.items()}
        form.write(path, dictionary({**value, "random": items["random"]}), storages)
        assert read_checkpoint(path) == {"w": 1}

    def test_a_number_among_tensors(self, form, path):
        items, storages = scalars(form, w=1)
        form.write(path, dictionary({**items, "steps": number(1), "none": NONE}), storages)
        assert read_checkpoint(path) == {"w": 1}

    def test_several_networks(self, form, path):
        items, storages = scalars(form, w=1, v=2)
        value = {"G": dictionary({"w": items["w"]}), "D": dictionary({"v": items["v"]}), "epoch": number(1)}
        form.write(path, dictionary(value), storages)
        with pytest.raises(
            SnapshotError, match=r"x.pth: it holds several networks \(G, D\); save the state_dict\(\) of"
        ):
            read_checkpoint(path)

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (dictionary({"epoch": number(1), "loss": number(2)}), "no network but epoch, loss; save the network's"),
            (dictionary({}), "no network but an empty dict"),
            (b"]", "it holds a list, which is not a network"),
            (number(1), "it holds a int, which is not a network"),
            (
                instance(name("mine", "Thing"), dictionary({})),
                "it holds an object of mine.Thing, which is not a network",
            ),
        ],
    )
    def test_nothing_to_read(self, form, path, value, message):
        form.write(path, value)
        with pytest.raises(SnapshotError, match=message):
            read_checkpoint(path)


class TestModules:
    def test_names_and_order(self, form, path):
        """Parameters, buffers, then modules, as state_dict() has it; plain attributes are not in it."""
        keys = dict.fromkeys(["own", "mean", "passing", "weight", "attribute", "last"], 0)
        items, storages = scalars(form, **{key: place for place, key in enumerate(keys)})
        inner = module(
            name("torch.nn.modules.conv", "Conv2d"),
            {"weight": parameter(items["weight"]), "bias": NONE},
            stride=numbers((2, 2)),
            padding_mode=text("zeros"),
            weight=items["attribute"],
            _backend=call(name("torch.nn.backends.thnn", "_get_thnn_function_backend")),
        )
        rectifier = module(name("torch.nn.modules.activation", "ReLU"), inplace=TRUE)
        sequence = module(name("torch.nn.modules.container", "Sequential"), modules={"0": inner, "1": rectifier})
        last = module(name("__main__", "Noise"), {"w": items["last"]})
        passing = call(name("builtins", "set"), b"]" + text("passing") + b"a")
        net = module(
            name("models", "VideoGenerator"),
            {"own": items["own"]},
            {"mean": items["mean"], "passing": items["passing"], "nothing": NONE},
            {"main": sequence, "last": last, "none": NONE},
            n_channels=number(3),
            activation=name("torch.nn.functional", "relu"),
            _non_persistent_buffers_set=passing,
        )
        form.write(path, net, storages)
        arrays = read_checkpoint(path)
        assert arrays == {"own": 0, "mean": 1, "main.0.weight": 3, "last.w": 5}
        assert list(arrays) == ["own", "mean", "main.0.weight", "last.w"]

    def test_shared_modules_have_both_names(self, form, path):
        items, storages = scalars(form, w=1)
        shared = module(name("mine", "Layer"), items)
        net = module(name("mine", "Net"), modules={"a": shared + b"q\x05", "b": b"h\x05"})
        form.write(path, net, storages)
        assert list(read_checkpoint(path)) == ["a.w", "b.w"]

    def test_within_a_checkpoint_and_in_parallel(self, form, path):
        items, storages = scalars(form, w=1)
        inner = module(name("mine", "Net"), items)
        outer = module(name("torch.nn.parallel.data_parallel", "DataParallel"), modules={"module": inner})
        form.write(path, dictionary({"epoch": number(1), "model": outer}), storages)
        assert read_checkpoint(path) == {"module.w": 1}

    def test_the_sources_of_the_legacy_form(self, path, tmp_path):
        form = Legacy()
        items, storages = scalars(form, w=1)
        source = f"open({str(tmp_path / 'ran')!r}, 'w')"
        kind = several(text("module"), name("models", "Net"), text("models.py"), text(source)) + b"Q"
        form.write(path, module(kind, items), storages)
        assert read_checkpoint(path) == {"w": 1}
        assert not (tmp_path / "ran").exists()


class TestOtherFiles:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "it is empty"),
            (b"plain text", "it is not a file of torch.save"),
            (b"<!DOCTYPE html>\n", "it is not a file of torch.save"),
            (b"\x80\x02", "it is not a file of torch.save"),
            (pickle.dumps({"a": 1}), "it is not a file of torch.save"),
            (b"PK\x03\x04 and no more", "not a file of torch.save, or damaged"),
        ],
    )
    def test_content(self, path, content, message):
        path.write_bytes(content)
        with pytest.raises(SnapshotError, match=f"x.pth: {message}"):
            read_checkpoint(path)

    def test_arrays_of_numpy(self, path):
        with path.open("wb") as file:
            np.savez(file, a=np.zeros(3))
        with pytest.raises(SnapshotError, match="it has 0 members called data"):
            read_checkpoint(path)

    def test_torchscript(self, path):
        Zip().write(path, dictionary({}), {}, **{"constants.pkl": b""})
        with pytest.raises(SnapshotError, match="it is a TorchScript program"):
            read_checkpoint(path)

    def test_no_file(self, tmp_path):
        with pytest.raises(SnapshotError, match=r"none.pth: no such file"):
            read_checkpoint(tmp_path / "none.pth")
        with pytest.raises(SnapshotError, match="cannot be read"):
            read_checkpoint(tmp_path)


class StandIn(pickle.Unpickler):
    """Reads a written pickle with the standard library: torch's three names are stood in for."""

    def find_class(self, package, attribute):
        if package == "collections":
            return getattr(collections, attribute)
        return f"{package}.{attribute}" if package == "torch" else lambda *arguments: arguments

    def persistent_load(self, pid):
        return pid


ARRAYS = {
    "b": np.array([[1, 2, 3], [4, 5, 6]], np.float32).T,
    "a.weight": np.array(7, np.int64),
    "größe": np.array([True, False]),
    "none": np.zeros((2, 0, 3), np.float16),
    "big": np.array([1, 2], ">f8"),
}


class TestWriting:
    @pytest.fixture
    def archive(self, path):
        write_state_dict(path, ARRAYS)
        with zipfile.ZipFile(path) as archive:
            yield archive

    def test_structure(self, archive):
        state = StandIn(io.BytesIO(archive.read("archive/data.pkl"))).load()
        assert type(state) is collections.OrderedDict
        assert list(state) == list(ARRAYS)
        expected = [("FloatStorage", 6, (3, 2), (2, 1)), ("LongStorage", 1, (), ()), ("BoolStorage", 2, (2,), (1,))]
        expected += [("HalfStorage", 0, (2, 0, 3), (3, 3, 1)), ("DoubleStorage", 2, (2,), (1,))]
        for place, (value, (kind, count, shape, strides)) in enumerate(zip(state.values(), expected, strict=True)):
            storage = ("storage", f"torch.{kind}", str(place), "cpu", count)
            assert value == (storage, 0, shape, strides, False, collections.OrderedDict())

    def test_contents(self, archive):
        assert archive.read("archive/version") == b"3\n"
        assert archive.read("archive/byteorder") == b"little"
        contents = [archive.read(f"archive/data/{place}") for place in range(5)]
        assert contents[0] == struct.pack("<6f", 1, 4, 2, 5, 3, 6)
        assert contents[1:] == [struct.pack("<q", 7), b"\1\0", b"", struct.pack("<2d", 1, 2)]

    def test_bytes_are_aligned_and_plain(self, archive, path):
        for info in archive.infolist():
            assert info.compress_type == zipfile.ZIP_STORED
            lengths = struct.unpack_from("<2H", path.read_bytes(), info.header_offset + 26)
            assert (info.header_offset + 30 + sum(lengths)) % 64 == 0

    def test_only_what_the_careful_loader_of_torch_takes(self, archive):
        allowed = {"PROTO", "GLOBAL", "EMPTY_TUPLE", "REDUCE", "MARK", "BINUNICODE", "BININT", "LONG1", "TUPLE"}
        allowed |= {"BINPERSID", "NEWFALSE", "SETITEMS", "STOP"}
        used = {opcode.name for opcode, *_ in pickletools.genops(archive.read("archive/data.pkl"))}
        assert used <= allowed

    def test_the_same_bytes_anywhere_and_any_time(self, tmp_path, monkeypatch):
        write_state_dict(tmp_path / "a.pth", ARRAYS)
        monkeypatch.setattr("time.time", lambda: 1e9)
        write_state_dict(tmp_path / "folder" / "b.pth", ARRAYS)
        assert (tmp_path / "a.pth").read_bytes() == (tmp_path / "folder" / "b.pth").read_bytes()

    def test_arrays_come_back(self, path):
        write_state_dict(path, ARRAYS)
        arrays = read_checkpoint(path)
        assert list(arrays) == list(ARRAYS)
        for key, array in ARRAYS.items():
            np.testing.assert_array_equal(arrays[key], array)

    @pytest.mark.parametrize(
        ("arrays", "message"),
        [
            ({"w": np.zeros(1, np.uint16)}, "w: uint16 has no type in PyTorch; write it as one of float64, float32"),
            ({"w": np.array(["x"])}, "w: <U1 has no type in PyTorch"),
            ({3: np.zeros(1)}, "3: an array's name must be a text"),
        ],
    )
    def test_what_cannot_be_written(self, path, arrays, message):
        with pytest.raises(SnapshotError, match=message):
            write_state_dict(path, arrays)
        assert not path.exists()

    def test_where_nothing_can_be_written(self, tmp_path):
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(OutputError, match="a file stands where a folder is needed"):
            write_state_dict(tmp_path / "file" / "x.pth", ARRAYS)
