"""Files that try to run something or to fill the memory: refused in one line, nothing done."""

import pickle
import struct
import tracemalloc
import zipfile

import pytest

from mocogan_chainer.errors import SnapshotError
from mocogan_chainer.torch_files import read_checkpoint
from mocogan_chainer.torch_forms import networks, pickles
from tests.torch_forms.handmade import (
    FORMS,
    NONE,
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
    pickled,
    several,
    tensor,
    text,
)

MOST_MEMORY = 24 << 20
DEEP = 30_000
SIX = bytes(24)


@pytest.fixture(params=FORMS)
def form(request):
    return FORMS[request.param]()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.pth"


@pytest.fixture
def refused(path):
    """Check that ``path`` is refused with a message, without anything done or much memory taken."""

    def check(message):
        tracemalloc.start()
        try:
            with pytest.raises(SnapshotError, match=message) as caught:
                read_checkpoint(path)
            assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
        finally:
            tracemalloc.stop()
        said = str(caught.value)
        assert said.startswith(f"{path}: ")
        assert said.isprintable(), said
        assert len(said) < len(str(path)) + 300
        assert list(path.parent.iterdir()) == [path]

    return check


def canary(path):
    """Instructions of a shell command, or of Python, that leaves a file beside ``path``."""
    return text(f"touch {path.parent / 'ran'}"), text(f"open({str(path.parent / 'ran')!r}, 'w')")


CALLS = ["os.system", "posix.system", "nt.system", "os.popen", "subprocess.Popen", "subprocess.call", "pty.spawn"]
CALLS += [
    "builtins.eval",
    "builtins.exec",
    "builtins.getattr",
    "builtins.open",
    "builtins.__import__",
    "runpy.run_path",
]
CALLS += ["importlib.import_module", "numpy.load", "numpy.fromfile", "pickle.loads", "torch.load", "torch.hub.load"]
CALLS += [
    "torch.storage._load_from_bytes",
    "torch.jit.load",
    "operator.attrgetter",
    "functools.partial",
    "shutil.rmtree",
]
CALLS += ["numpy.testing._private.utils.runstring", "models.VideoGenerator", "copyreg._reconstructor", "bdb.Bdb"]


class TestCalls:
    @pytest.mark.parametrize("called", CALLS)
    def test_a_call(self, form, path, refused, called):
        package, _, function = called.rpartition(".")
        for argument in canary(path):
            form.write(path, dictionary({"state_dict": call(name(package, function), argument)}))
            refused(f"it calls {called}, which is refused; save the network's state_dict")

    def test_a_name_of_python_2(self, form, path, refused):
        form.write(path, call(name("__builtin__", "eval"), canary(path)[1]))
        refused("it calls builtins.eval, which is refused")

    def test_a_name_from_the_stack(self, form, path, refused):
        form.write(path, text("os") + text("system") + b"\x93" + several(canary(path)[0]) + b"R")
        refused("it calls os.system, which is refused")

    def test_a_name_of_many_lines(self, form, path, refused):
        form.write(path, text("os\n\x1b[2J") + text("s" * 1000) + b"\x93)R")
        refused(r"it calls os\\n\\x1b\[2J.sss")

    def test_names_that_are_none(self, form, path, refused):
        form.write(path, text("os") + b"]" + b"\x93)R")
        refused("it names a class by a str and a list")

    def test_a_call_of_what_a_call_gives(self, form, path, refused):
        inner = call(name("collections", "OrderedDict"))
        form.write(path, call(inner, canary(path)[0]))
        refused("it calls a dict; it is refused")

    def test_a_call_within_a_call(self, form, path, refused):
        inner = call(name("os", "system"), canary(path)[0])
        form.write(path, ordered({"w": call(name("torch._utils", "_rebuild_tensor_v2"), inner)}))
        refused("it calls os.system")

    def test_a_call_through_a_known_one(self, form, path, refused):
        inner = name("os", "system"), name("torch", "Tensor"), several(canary(path)[0]), NONE
        form.write(path, ordered({"w": call(name("torch._tensor", "_rebuild_from_type_v2"), *inner)}))
        refused("it builds a tensor through os.system")

    def test_a_factory(self, form, path, refused):
        form.write(path, call(name("collections", "defaultdict"), name("os", "system")) + text("id") + NONE + b"s")
        refused("it holds no network but id")

    def test_other_arguments(self, form, path, refused):
        form.write(path, name("torch._utils", "_rebuild_tensor_v2") + b"]R")
        refused("it calls torch._utils._rebuild_tensor_v2 with arguments that torch.save does not write")
        form.write(path, call(name("torch._utils", "_rebuild_tensor_v2"), NONE))
        refused("it calls torch._utils._rebuild_tensor_v2 with 1 arguments")
        form.write(path, call(name("torch._utils", "_rebuild_parameter"), name("os", "system")))
        refused("it builds a parameter from os.system instead of a tensor")

    def test_arguments_without_end(self, form, path, refused):
        form.write(path, name("torch", "device") + b"(" + b"N" * 30_000 + b"tR")
        refused("it calls torch.device with arguments that torch.save does not write")


class TestObjects:
    def test_an_object_is_not_made(self, form, path, refused):
        form.write(path, name("os", "system") + several(canary(path)[0]) + b"\x81")
        refused("it holds an object of os.system, which is not a network")

    def test_an_object_with_keywords_is_not_made(self, form, path, refused):
        form.write(path, name("subprocess", "Popen") + several(canary(path)[0]) + b"}\x92")
        refused("it holds an object of subprocess.Popen, which is not a network")

    def test_an_object_of_something_else(self, form, path, refused):
        form.write(path, text("os") + b")\x81")
        refused("it makes an object of a str")

    @pytest.mark.parametrize("target", [name("os", "environ"), b"]", text("x"), number(3), NONE])
    def test_the_state_of_something_else(self, form, path, refused, target):
        form.write(path, target + dictionary({"__class__": number(1)}) + b"b")
        refused("it sets the state of .*; it is refused")

    def test_items_of_something_else(self, form, path, refused):
        form.write(path, name("os", "environ") + text("PATH") + text("/") + b"s")
        refused("it sets items of os.environ; it is refused")
        form.write(path, name("sys", "path") + text("/") + b"a")
        refused("it appends to sys.path; it is refused")

    @pytest.mark.parametrize(
        ("instructions", "used"),
        [
            (b"(S'touch ran'\nios\nsystem\n", "INST"),
            (b"(cos\nsystem\nS'touch ran'\no", "OBJ"),
            (b"\x82\x01", "EXT1"),
            (b"\x83\x01\x01", "EXT2"),
            (b"\x84\x01\x01\x01\x01", "EXT4"),
            (b"\x97", "NEXT_BUFFER"),
            (b"]\x98", "READONLY_BUFFER"),
            (b"Pfile\n", "PERSID"),
        ],
    )
    def test_instructions_that_no_checkpoint_needs(self, form, path, refused, instructions, used):
        form.write(path, instructions)
        refused(f"its pickle uses {used}, which torch.save never writes")

    @pytest.mark.parametrize("instructions", [b"\xff", b"t", b"0", b"s", b"h\x07", b"]]u", b"(u", b"I1x\n"])
    def test_instructions_that_make_no_sense(self, form, path, refused, instructions):
        form.write(path, instructions)
        refused("its pickle is damaged")

    @pytest.mark.parametrize(
        "pid",
        [
            text("storage"),
            b"]",
            NONE,
            number(0),
            several(),
            several(text("file"), name("os", "system"), text("/etc/passwd"), text("cpu"), number(1), NONE),
            several(text("module"), text("os"), NONE, NONE),
        ],
    )
    def test_references_to_something_else(self, form, path, refused, pid):
        form.write(path, pid + b"Q")
        refused("it refers to .* that is not a storage; it is refused")

    @pytest.mark.parametrize("kind", [name("os", "system"), name("torch", "QInt8Storage"), text("FloatStorage"), b"]"])
    def test_storages_of_another_class(self, form, path, refused, kind):
        form.write(path, form.storage(1).replace(name("torch", "FloatStorage"), kind))
        refused("it refers to .* as a storage, a type that is not read")


def laughs(first, again):
    """Instructions of thirty things, each holding the one before it ten times: 10 ** 30 of the first."""
    return first + b"".join(again(b"q" + bytes([n]) + b"0", b"h" + bytes([n])) for n in range(30))


class TestBombs:
    def test_lists_that_unfold(self, form, path, refused):
        lists = laughs(b"]", lambda keep, get: keep + b"(" + get * 10 + b"l")
        form.write(path, dictionary({"state_dict": lists}))
        refused("it holds no network but state_dict")

    def test_modules_that_unfold(self, form, path, refused, monkeypatch):
        monkeypatch.setattr(networks, "MOST_PARTS", 5000)
        first = module(name("mine", "Net"), {"w": tensor(form.storage(6))})
        layers = laughs(
            first, lambda keep, get: keep + module(name("mine", "Net"), modules={str(n): get for n in range(10)})
        )
        form.write(path, layers, {"0": SIX})
        refused("its modules have more than 5000 parts or hold each other")

    def test_modules_that_hold_each_other(self, form, path, refused):
        outer = (
            name("mine", "Net")
            + b")\x81q\x05"
            + dictionary({"_parameters": b"}", "_buffers": b"}", "_modules": dictionary({"again": b"h\x05"})})
        )
        form.write(path, outer + b"b")
        refused("it has a name of more than 1000 letters")

    def test_modules_deep_in_each_other(self, form, path, refused):
        parts = dictionary({"_parameters": b"}", "_buffers": b"}"})[:-1]
        deep = (name("mine", "Net") + b")\x81" + parts + text("_modules") + b"}(" + text("m")) * 3000
        form.write(path, deep + NONE + b"uub" * 3000)
        refused("it has a name of more than 1000 letters")

    @pytest.mark.parametrize(
        ("opening", "closing", "held"),
        [(b"", b"\x85", "a tuple"), (b"]", b"a", "a list"), (b"}" + text("k"), b"s", "no network but k")],
    )
    def test_depth(self, form, path, refused, opening, closing, held):
        form.write(path, opening * DEEP + NONE + closing * DEEP)
        refused(f"it holds {held}")

    def test_a_deep_key(self, form, path, refused):
        form.write(path, b"}N" + b"\x85" * DEEP + b"Ns")
        refused("it holds no network but an empty dict")

    def test_marks_without_end(self, form, path, refused):
        form.write(path, b"(" * 30_000)
        refused("its pickle is damaged")

    def test_too_many_instructions(self, form, path, refused, monkeypatch):
        monkeypatch.setattr(pickles, "MOST_STEPS", 1000)
        form.write(path, b"N" * 1001)
        refused("its pickle takes more than 1000 steps")

    def test_a_list_made_a_dict_again_and_again(self, form, path, refused, monkeypatch):
        monkeypatch.setattr(pickles, "MOST_STEPS", 50_000)
        pair = text("k") + NONE + b"\x86q\0"
        again = b"h\1h\2R0"
        listed = b"](" + pair + b"h\0" * 5000 + b"e\x85q\2"
        form.write(path, name("collections", "OrderedDict") + b"q\1" + listed + again * 1000)
        refused("its pickle takes more than 50000 steps")

    @pytest.mark.parametrize(
        "start", [b"X\xff\xff\xff\x7f", b"T\xff\xff\xff\x7f", b"B\xff\xff\xff\x7f", b"\x8b\xff\xff\xff\x7f"]
    )
    def test_a_length_beyond_the_file(self, form, path, refused, start):
        form.write(path, start + b"x")
        refused("its pickle is damaged")

    def test_a_long_number(self, form, path, refused):
        form.write(path, b"\x8b" + struct.pack("<i", 30_000) + b"\x7f" * 30_000)
        refused("it holds a number of 239999 bits")

    def test_places_in_the_memo(self, form, path, refused):
        form.write(path, b"Nr\xff\xff\xff\x7f" * 10)
        refused("it holds a NoneType")

    def test_a_name_too_long(self, form, path, refused):
        form.write(path, ordered({"w" * 1001: tensor(form.storage(6))}), {"0": SIX})
        refused("it has a name of more than 1000 letters")


class TestTensors:
    @pytest.mark.parametrize(
        ("offset", "shape", "strides", "message"),
        [
            (0, (10**15,), (1,), "a tensor reaches beyond its storage"),
            (0, (10**15,), (0,), "its tensors would take 4000000000000000 bytes, far more than the file has"),
            (0, (10**9, 10**9, 10**9), (0, 0, 0), "its tensors would take 4000000000000000000000000000 bytes"),
            (1, (2, 3), (3, 1), "a tensor reaches beyond its storage"),
            (0, (2, 3), (1 << 61, 1), "a tensor reaches beyond its storage"),
            (0, (2, 3), (-3, 1), "a tensor's stride is negative, too large or not a whole number"),
            (0, (-2, -3), (3, 1), "a tensor's size is negative, too large or not a whole number"),
            (-1, (2, 2), (2, 1), "a tensor's offset is negative, too large or not a whole number"),
            (1 << 63, (2, 2), (2, 1), "a tensor's offset is negative, too large or not a whole number"),
            (0, (1 << 70,), (0,), "a tensor's size is negative, too large or not a whole number"),
            (0, (1,) * 33, (1,) * 33, "a tensor has no shape, or more than 32 dimensions"),
            (0, (2, 3), (1,), "a tensor has 2 sizes and 1 strides"),
            (0, (0, 1 << 61, 1 << 61), (1, 1, 1), "not a file of torch.save, or damaged"),
        ],
    )
    def test_places_that_cannot_be(self, form, path, refused, offset, shape, strides, message):
        form.write(path, ordered({"w": tensor(form.storage(6), offset, shape, strides)}), {"0": SIX})
        refused(message)

    @pytest.mark.parametrize(
        ("sizes", "what"), [(text("23"), "no shape"), (several(text("2"), NONE), "size"), (b"}", "no")]
    )
    def test_sizes_that_are_none(self, form, path, refused, sizes, what):
        value = tensor(form.storage(6)).replace(numbers((2, 3)), sizes)
        form.write(path, ordered({"w": value}), {"0": SIX})
        refused(f"a tensor.*{what}")

    def test_a_tensor_of_no_storage(self, form, path, refused):
        form.write(path, ordered({"w": tensor(name("os", "system"))}))
        refused("it builds a tensor from os.system instead of a storage")

    @pytest.mark.parametrize("count", [7, 5, 0, 10**15, 1 << 61])
    def test_a_storage_of_another_size(self, form, path, refused, count):
        form.write(path, ordered({"w": tensor(form.storage(count), 0, (0,), (1,))}), {"0": SIX})
        refused("storage 0 .*; it is damaged")

    @pytest.mark.parametrize("count", [-1, 1 << 62, 1 << 80])
    def test_a_count_that_is_none(self, form, path, refused, count):
        form.write(path, ordered({"w": tensor(form.storage(count))}), {"0": SIX})
        refused("a storage's number of elements is negative, too large or not a whole number")

    def test_one_storage_many_times(self, form, path, refused):
        storage = form.storage(50_000) + b"q\0"
        values = {"w": tensor(storage, 0, (50_000,), (1,))}
        values |= {f"w{n}": tensor(b"h\0", 0, (50_000,), (1,)) for n in range(20)}
        form.write(path, ordered(values), {"0": bytes(200_000)})
        refused("its tensors would take 4200000 bytes, far more than the file has")

    def test_metadata(self, path, refused):
        form = Zip()
        more = (form.storage(6), number(0), numbers((6,)), numbers((1,)), b"\x89", ordered({}))
        value = call(name("torch._utils", "_rebuild_tensor_v2"), *more, dictionary({"neg": b"\x88"}))
        form.write(path, ordered({"w": value}), {"0": SIX})
        refused("it has a tensor marked as conjugated or negated")
        value = call(name("torch._utils", "_rebuild_tensor_v3"), *more, name("torch", "float8_e5m2"))
        form.write(path, ordered({"w": value}), {"0": SIX})
        refused("it has a tensor of type torch.float8_e5m2, which is not read; save it as float32")


def sound(form):
    return pickled(ordered({"w": parameter(tensor(form.storage(6)))}))


class TestArchives:
    def test_a_missing_storage(self, path, refused):
        Zip().write_pickle(path, sound(Zip()), {"1": SIX})
        refused("storage 0 needs 24 bytes and has none")

    def test_a_storage_elsewhere(self, path, refused):
        Zip().write(path, ordered({"w": tensor(Zip().storage(6, "../data.pkl"))}), {"0": SIX})
        refused("storage ../data.pkl needs 24 bytes and has none")

    @pytest.mark.parametrize("member", ["/etc/x", "../x", "net/../../x", "other/x", "net\\..\\x", "C:\\x", "x"])
    def test_members_elsewhere(self, path, refused, member):
        Zip().write_pickle(path, sound(Zip()), {"0": SIX})
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(member, b"x")
        refused("it has a member .* outside its folder or twice")

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    @pytest.mark.parametrize("member", ["net/data/0", "net/data.pkl"])
    def test_a_member_twice(self, path, refused, member):
        Zip().write_pickle(path, sound(Zip()), {"0": SIX})
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(member, bytes(24))
        refused("twice|it has 2 members called data.pkl")

    def test_a_bomb(self, path, refused):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("net/data.pkl", sound(Zip()))
            archive.writestr("net/data/0", bytes(100 << 20))
        refused("its member data.pkl is compressed or encrypted")

    def test_a_pickle_that_is_a_bomb(self, path, refused):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("net/data/0", SIX)
            archive.writestr("net/data.pkl", b"N" * (100 << 20), zipfile.ZIP_DEFLATED)
        refused("its member data.pkl is compressed or encrypted")

    def entry(self, data, member, offset, layout, *values):
        """Overwrite fields of a member's entry in the directory."""
        at = data.rindex(member) - 46
        assert data[at : at + 4] == b"PK\x01\x02"
        struct.pack_into(layout, data, at + offset, *values)

    def test_a_member_that_claims_much(self, path, refused):
        value = ordered({"w": tensor(Zip().storage(1 << 28))})
        data = bytearray(Zip().write(path, value, {"0": SIX}).read_bytes())
        self.entry(data, b"net/data/0", 20, "<LL", 1 << 30, 1 << 30)
        path.write_bytes(data)
        refused("its member net/data/0 overlaps another")

    def test_members_that_overlap(self, path, refused):
        value = ordered({f"w{key}": tensor(Zip().storage(1 << 18, key)) for key in "01"})
        data = bytearray(Zip().write(path, value, {"0": bytes(1 << 20), "1": SIX}).read_bytes())
        self.entry(data, b"net/data/1", 20, "<LL", 1 << 20, 1 << 20)
        self.entry(data, b"net/data/1", 42, "<L", data.index(b"net/data/0") - 30)
        path.write_bytes(data)
        refused("its member net/data/[01] overlaps another")

    def test_an_encrypted_member(self, path, refused):
        data = bytearray(Zip().write_pickle(path, sound(Zip()), {"0": SIX}).read_bytes())
        self.entry(data, b"net/data/0", 8, "<H", 1)
        path.write_bytes(data)
        refused("its member data/0 is compressed or encrypted")

    def test_a_member_damaged(self, path, refused):
        data = Zip().write(path, ordered({"w": tensor(Zip().storage(6))}), {"0": b"abcd" * 6}).read_bytes()
        path.write_bytes(data.replace(b"abcd" * 6, b"abce" * 6))
        refused("Bad CRC-32 for file 'net/data/0'")

    def test_a_directory_without_end(self, path, refused):
        data = Zip().write_pickle(path, sound(Zip()), {"0": SIX}).read_bytes()
        start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
        entries = data[start:end] * 30_000
        last = bytearray(data[end:])
        struct.pack_into("<LL", last, 12, len(entries), start)
        path.write_bytes(data[:start] + entries + last)
        refused("it has a piece of .* bytes where at most 4194304 are read")

    def test_a_directory_beyond_the_file(self, path, refused):
        data = bytearray(Zip().write_pickle(path, sound(Zip()), {"0": SIX}).read_bytes())
        struct.pack_into("<L", data, data.index(b"PK\x05\x06") + 12, 0xFFFFFFF0)
        path.write_bytes(data)
        refused("not a file of torch.save, or damaged")

    def test_a_byte_order_that_is_none(self, path, refused):
        Zip().write_pickle(path, sound(Zip()), {"0": SIX}, byteorder=b"middle")
        refused("its byte order is .*middle.*; little and big are read")


class TestLegacy:
    @pytest.mark.parametrize("keys", [[], ["1"], ["0", "0"], ["0", "1"]])
    def test_other_storages(self, path, refused, keys):
        form = Legacy()
        form.write(path, ordered({"w": tensor(form.storage(6))}), {"0": SIX}, keys)
        refused("its list of storages is not the one that its tensors use")

    @pytest.mark.parametrize("count", [5, 7, -1, (1 << 62) + 6])
    def test_a_count_in_front_of_a_storage(self, path, refused, count):
        form = Legacy()
        data = form.write(path, ordered({"w": tensor(form.storage(6))}), {"0": SIX}).read_bytes()
        path.write_bytes(data[: -len(SIX) - 8] + struct.pack("<q", count) + SIX)
        refused("storage 0 has .* elements, not 24 bytes")

    def test_a_storage_beyond_the_file(self, path, refused):
        form = Legacy()
        data = form.write(path, ordered({"w": tensor(form.storage(1 << 40))}), {"0": SIX}).read_bytes()
        path.write_bytes(data[: -len(SIX) - 8] + struct.pack("<q", 1 << 40) + SIX)
        refused("4398046511104 bytes should stand at .* and it has .*; it is damaged")

    def test_a_storage_that_nobody_needs_is_cut_off(self, path, refused):
        form = Legacy()
        optimizer = b"](" + tensor(form.storage(6, "1")) + b"e"
        value = dictionary({"state_dict": ordered({"w": tensor(form.storage(6))}), "optimizer": optimizer})
        path.write_bytes(form.write(path, value, {"0": SIX, "1": SIX}).read_bytes()[:-1])
        refused("24 bytes should stand at .* and it has .*; it is damaged")

    def test_a_storage_in_two_ways(self, path, refused):
        form = Legacy()
        form.write(path, ordered({"w": tensor(form.storage(6)), "v": tensor(form.storage(3))}), {"0": SIX})
        refused("it describes storage 0 in two ways")

    @pytest.mark.parametrize(
        ("view", "message"),
        [
            (several(text("v"), number(3), number(4)), "a view reaches beyond its storage"),
            (several(text("v"), number(-1), number(4)), "a view's offset is negative"),
            (several(text("v"), number(0), number(1 << 62)), "a view's number of elements is negative, too large"),
            (text("v"), "it refers to a str as a view of a storage"),
        ],
    )
    def test_views_that_cannot_be(self, path, refused, view, message):
        form = Legacy()
        form.write(path, ordered({"w": tensor(form.storage(6, view=view))}), {"0": SIX})
        refused(message)

    def test_another_version(self, path, refused):
        path.write_bytes(Legacy().write(path, dictionary({})).read_bytes().replace(number(1001), number(1002)))
        refused("its format is version 1002; version 1001 is read")

    def test_calls_in_front(self, path, refused):
        first, second = (pickled(call(name("os", "system"), canary(path)[0])), pickled(NONE))
        path.write_bytes(first + second)
        refused("it is not a file of torch.save, or damaged .it calls os.system")
        data = Legacy().write(path, dictionary({})).read_bytes()
        path.write_bytes(data.replace(pickled(number(1001)), first, 1))
        refused("it calls os.system")

    def test_a_storage_in_front(self, path, refused):
        path.write_bytes(pickled(Legacy().storage(1)))
        refused("it refers to a storage where none can be")


def test_what_the_standard_library_would_do(tmp_path):
    """The control: read by it, such instructions do leave a file."""
    data = pickled(call(name("os", "system"), text(f"touch {tmp_path / 'ran'}")))
    pickle.loads(data)
    assert (tmp_path / "ran").exists()


def test_what_surrounds_a_network_is_kept_as_data(path, tmp_path):
    form = Zip()
    hostile = instance(name("os", "system"), dictionary({"__reduce__": text("x")}))
    value = dictionary({"state_dict": ordered({"w": tensor(form.storage(6))}), "other": hostile})
    form.write(path, value, {"0": SIX})
    assert list(read_checkpoint(path)) == ["w"]
    assert list(tmp_path.iterdir()) == [path]
