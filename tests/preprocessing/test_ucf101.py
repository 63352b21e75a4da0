"""UCF101's files and its lists of train and test."""

import re

import pytest

from mocogan_chainer import preprocessing
from mocogan_chainer.datasets import PreparedDataset
from mocogan_chainer.errors import ConfigError, DataError


def prepare(raw, out, size=4, **options):
    report = preprocessing.prepare("ucf101", raw, out, workers=0, size=size, **options)
    return report, PreparedDataset.open(out)


VIDEOS = [
    "ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi",
    "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c02.avi",
    "HammerThrow/v_HammerThrow_g01_c01.avi",
    "HammerThrow/v_HammerThrow_g08_c01.AVI",
    "Hammering/v_Hammering_g08_c01.avi",
    "HandstandPushups/v_HandStandPushups_g01_c01.avi",
    "HandstandPushups/v_HandStandPushups_g08_c01.avi",
]


def lists_of(number, test_groups):
    """Return the two lists of a division, by their names, as published: labels in the training list alone."""
    labels = {"ApplyEyeMakeup": 1, "Hammering": 35, "HammerThrow": 36, "HandstandPushups": 37}
    is_test = {name: re.search("_(g..)_", name)[1] in test_groups for name in VIDEOS}
    small = [name.replace(".AVI", ".avi") for name in VIDEOS]
    train = [f"{s} {labels[s.split('/')[0]]}" for s, name in zip(small, VIDEOS, strict=True) if not is_test[name]]
    test = [s for s, name in zip(small, VIDEOS, strict=True) if is_test[name]]
    return {f"trainlist{number:02d}.txt": train, f"testlist{number:02d}.txt": test}


def write_lists(folder, lists):
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in lists.items():
        (folder / name).write_bytes("".join(f"{line}\r\n" for line in lines).encode())


@pytest.fixture
def raw(tmp_path, film):
    """The set as it unpacks, each video marked by its place in the list."""
    raw = tmp_path / "ucf 101 ü"
    for i, name in enumerate(VIDEOS):
        film(raw / "UCF-101" / name, codec="ffv1", arguments=(), mark=10 * i)
    write_lists(raw / "ucfTrainTestlist", lists_of(1, {"g01"}) | lists_of(2, {"g08"}))
    (raw / "ucfTrainTestlist" / "classInd.txt").write_text("1 ApplyEyeMakeup\r\n")
    return raw


def test_the_first_division(raw, tmp_path, seen, marks):
    report, dataset = prepare(raw, tmp_path / "out", size=16)
    # In the order of their labels: HammerThrow after Hammering, as officially.
    assert dataset.class_names == ["ApplyEyeMakeup", "Hammering", "HammerThrow", "HandstandPushups"]
    order = [0, 1, 4, 2, 3, 5, 6]
    assert dataset.ids == [f"UCF-101/{VIDEOS[i]}" for i in order]
    assert dataset.labels.tolist() == [0, 0, 1, 2, 2, 3, 3]
    assert dataset.splits == ["test", "train", "train", "test", "train", "test", "train"]
    assert dataset.subjects == [
        *("ApplyEyeMakeup_g01", "ApplyEyeMakeup_g08", "Hammering_g08", "HammerThrow_g01", "HammerThrow_g08"),
        *("HandstandPushups_g01", "HandstandPushups_g08"),
    ]
    for i, place in enumerate(order):
        assert marks(dataset, i) == [10 * place, 10 * place + 10, 10 * place + 20]
        assert seen(dataset.frames(i, [0])[0]) == [8, 0, 48, 48]
    assert report.skipped == report.remarks == []
    assert report.splits == {"train": {"videos": 4, "subjects": 4}, "test": {"videos": 3, "subjects": 3}}


def test_the_second_division(raw, tmp_path):
    _, dataset = prepare(raw, tmp_path / "out", split=2)
    assert dataset.splits == ["train", "test", "test", "train", "test", "train", "test"]


def test_the_third_division_without_its_lists(raw, tmp_path):
    with pytest.raises(DataError, match=r"ucf 101 ü: no trainlist03\.txt in it: put the folder ucfTrainTestlist .* or"):
        prepare(raw, tmp_path / "out", split=3)
    write_lists(raw, {"trainlist03.txt": []})
    with pytest.raises(DataError, match=r"no testlist03\.txt in it"):
        prepare(raw, tmp_path / "out", split=3)


def test_no_division(raw, tmp_path):
    for path in (raw / "ucfTrainTestlist").iterdir():
        path.unlink()
    report, dataset = prepare(raw, tmp_path / "out", split=0)
    assert dataset.splits == [""] * 7
    assert report.splits == {}
    assert report.skipped == []
    assert dataset.class_names == ["ApplyEyeMakeup", "Hammering", "HammerThrow", "HandstandPushups"]


def test_files_beside_the_division(raw, tmp_path, film):
    videos = raw / "UCF-101"
    film(videos / "YoYo" / "v_YoYo_g25_c05.avi", codec="ffv1", arguments=())
    film(videos / "YoYo" / "my yo-yo.avi", codec="ffv1", arguments=())
    (videos / "Empty").mkdir()
    (videos / "YoYo" / "v_YoYo_g25_c04.mxf").touch()
    (videos / "YoYo" / "loop").symlink_to(raw)
    (videos / VIDEOS[2]).unlink()
    (videos / VIDEOS[3]).write_bytes((videos / VIDEOS[3]).read_bytes()[:6000])
    (videos / VIDEOS[4]).write_bytes(b"")
    report, dataset = prepare(raw, tmp_path / "out")
    assert dataset.ids == [f"UCF-101/{VIDEOS[i]}" for i in (0, 1, 5, 6)]
    assert dataset.class_names == ["ApplyEyeMakeup", "HandstandPushups"]
    reasons = dict(report.skipped)
    assert set(reasons) == {
        *("UCF-101/YoYo/my yo-yo.avi", "UCF-101/YoYo/v_YoYo_g25_c05.avi", VIDEOS[2]),
        *(f"UCF-101/{VIDEOS[3]}", f"UCF-101/{VIDEOS[4]}", "UCF-101/YoYo/v_YoYo_g25_c04.mxf"),
    }
    assert reasons["UCF-101/YoYo/my yo-yo.avi"] == "its name is not v_CLASS_gXX_cYY"
    assert reasons["UCF-101/YoYo/v_YoYo_g25_c05.avi"] == "in neither trainlist01.txt nor its test list"
    assert reasons[VIDEOS[2]] == "listed in testlist01.txt, but missing"
    assert "damaged after" in reasons[f"UCF-101/{VIDEOS[3]}"] or "cannot be" in reasons[f"UCF-101/{VIDEOS[3]}"]
    assert reasons[f"UCF-101/{VIDEOS[4]}"].startswith("cannot be decoded as a video")


def test_files_of_another_format_and_in_one_folder(raw, tmp_path, film):
    """Some keep their copy as .mp4; the lists speak of .avi."""
    for i, name in enumerate(VIDEOS):
        (raw / "UCF-101" / name).unlink()
        film(raw / f"{name.split('/')[1].split('.')[0]}.mp4", mark=10 * i)
    report, dataset = prepare(raw, tmp_path / "out")
    assert report.skipped == []
    assert dataset.class_names == ["ApplyEyeMakeup", "Hammering", "HammerThrow", "HandstandPushups"]
    sides = dict(zip(dataset.ids, dataset.splits, strict=True))
    assert sides["v_HandStandPushups_g01_c01.mp4"] == "test"
    assert sides["v_HandStandPushups_g08_c01.mp4"] == "train"


def test_the_class_as_the_list_writes_it(raw, tmp_path):
    for path in (raw / "ucfTrainTestlist").iterdir():
        path.write_text(path.read_text().replace("HandstandPushups/", "HandStandPushups/"))
    assert prepare(raw, tmp_path / "out")[1].class_names[3] == "HandStandPushups"


def test_divx_with_b_frames(raw, tmp_path, film, picture):
    divx = ("-vtag", "DX50", "-bf", "2", "-qscale:v", "2", "-pix_fmt", "yuv420p")
    film(raw / "UCF-101" / VIDEOS[0], codec="mpeg4", arguments=divx, video=picture(frames=10))
    report, dataset = prepare(raw, tmp_path / "out")
    assert report.skipped == []
    assert dataset.lengths[0] == 10


class TestLists:
    @pytest.mark.parametrize(
        "line",
        [
            "../../secret/v_Secret_g01_c01.avi",
            "/etc/v_Secret_g01_c01.avi",
            "../v_Secret_g01_c01.avi 3",
            "ApplyEyeMakeup/../v_Secret_g01_c01.avi 3",
            "..\\v_Secret_g01_c01.avi",
            "file:v_Secret_g01_c01.avi",
            "../../x.avi",
            "<!DOCTYPE html>",
        ],
    )
    def test_lines_of_another_form(self, raw, tmp_path, film, line):
        film(tmp_path / "secret" / "v_Secret_g01_c01.avi")
        with (raw / "ucfTrainTestlist" / "testlist01.txt").open("a") as file:
            file.write(f"{line}\n")
        expected = f"testlist01.txt: {line.split()[0]} is not CLASS/v_CLASS_gXX_cYY.avi; it is not a UCF101 list"
        with pytest.raises(DataError, match=re.escape(expected)):
            prepare(raw, tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_a_list_that_is_no_text(self, raw, tmp_path):
        (raw / "ucfTrainTestlist" / "trainlist01.txt").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(DataError, match=r"trainlist01\.txt: cannot be read: "):
            prepare(raw, tmp_path / "out")

    def test_another_class_in_a_list_does_not_count(self, raw, tmp_path):
        """Neither does a folder of another name: the file says what it is."""
        path = raw / "ucfTrainTestlist" / "testlist01.txt"
        path.write_text(path.read_text().replace("HammerThrow/v_", "YoYo/v_"))
        (raw / "UCF-101" / "Hammering").rename(raw / "UCF-101" / "Sawing")
        _, dataset = prepare(raw, tmp_path / "out")
        assert dataset.class_names == ["ApplyEyeMakeup", "Hammering", "HammerThrow", "HandstandPushups"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": 4}, "split=4: it must be between 0 and 3"),
        ({"split": 0.2}, r"split=0\.2: it must be of type int"),
        ({"margin": 0.2}, r"margin=0\.2: only a face or a box takes a margin"),
    ],
)
def test_options_that_do_not_go(raw, tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        prepare(raw, tmp_path / "out", **options)


def test_a_box(raw, tmp_path, seen):
    (tmp_path / "boxes.csv").write_text(f"source,left,top,width,height\nUCF-101/{VIDEOS[5]},4,6,16,16\n")
    _, dataset = prepare(raw, tmp_path / "out", size=8, boxes=str(tmp_path / "boxes.csv"), margin=0)
    assert dataset.ids == [f"UCF-101/{VIDEOS[5]}"]
    assert seen(dataset.frames(0, [0])[0]) == [4, 6, 16, 16]


def test_nothing_there(tmp_path):
    write_lists(tmp_path / "raw", lists_of(1, {"g01"}))
    with pytest.raises(DataError, match=r"raw: no usable video; ucf101 reads v_CLASS_gXX_cYY\.avi and the official"):
        prepare(tmp_path / "raw", tmp_path / "out")
