"""Files of torch.save made by hand, instruction by instruction: no name in them needs to exist."""

import pickle
import struct
import zipfile

NONE, TRUE, FALSE = b"N", b"\x88", b"\x89"
SIZES = {"FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2, "LongStorage": 8, "BoolStorage": 1}
MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value):
    if -(1 << 31) <= value < 1 << 31:
        return b"J" + struct.pack("<i", value)
    data = pickle.encode_long(value)
    return b"\x8a" + bytes([len(data)]) + data


def name(module, attribute):
    return f"c{module}\n{attribute}\n".encode()


def several(*items):
    return b"(" + b"".join(items) + b"t"


def numbers(values):
    return several(*map(number, values))


def call(function, *arguments):
    return function + several(*arguments) + b"R"


def dictionary(items):
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def ordered(items):
    return name("collections", "OrderedDict") + b")R(" + b"".join(text(k) + v for k, v in items.items()) + b"u"


def instance(kind, state):
    return kind + b")\x81" + state + b"b"


def module(kind, parameters=None, buffers=None, modules=None, **state):
    parts = {"_parameters": parameters, "_buffers": buffers, "_modules": modules}
    parts = {part: ordered(items or {}) for part, items in parts.items()}
    return instance(kind, dictionary({"training": TRUE, **parts, **state}))


def tensor(storage, offset=0, shape=(2, 3), strides=(3, 1), function="_rebuild_tensor_v2"):
    rest = () if function == "_rebuild_tensor" else (FALSE, ordered({}))
    return call(name("torch._utils", function), storage, number(offset), numbers(shape), numbers(strides), *rest)


def parameter(value):
    return call(name("torch._utils", "_rebuild_parameter"), value, TRUE, ordered({}))


def pickled(value):
    return b"\x80\x02" + value + b"."


class Zip:
    """The form since torch 1.6."""

    def storage(self, count, key="0", kind="FloatStorage", location="cpu", package="torch"):
        return several(text("storage"), name(package, kind), text(key), text(location), number(count)) + b"Q"

    def write(self, path, value, storages=None, **members):
        """Write ``value``'s instructions with storages {key: bytes} and further members."""
        return self.write_pickle(path, pickled(value), storages or {}, **members)

    def write_pickle(self, path, data, storages, **members):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("net/data.pkl", data)
            for key, content in storages.items():
                archive.writestr(f"net/data/{key}", content)
            for member, content in {"version": b"3\n", **members}.items():
                archive.writestr(f"net/{member}", content)
        return path


class Legacy:
    """The form of torch 0.1.9 to 1.5."""

    def __init__(self):
        self.kinds = {}

    def storage(self, count, key="0", kind="FloatStorage", location="cpu", package="torch", view=NONE):
        self.kinds[key] = kind
        return several(text("storage"), name(package, kind), text(key), text(location), number(count), view) + b"Q"

    def write(self, path, value, storages=None, keys=None):
        storages = storages or {}
        info = pickled(dictionary({"protocol_version": number(1001), "little_endian": TRUE}))
        parts = [MAGIC, pickled(number(1001)), info, pickled(value)]
        parts.append(pickled(b"](" + b"".join(map(text, storages if keys is None else keys)) + b"e"))
        for key, content in storages.items():
            parts += [struct.pack("<q", len(content) // SIZES[self.kinds[key]]), content]
        path.write_bytes(b"".join(parts))
        return path


FORMS = {"zip": Zip, "legacy": Legacy}
