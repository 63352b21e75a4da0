"""Frames whose pixels say which video, frame and place they are from."""

import chainer
import numpy as np
import pytest

from mocogan_chainer.datasets import PreparedDataset, open_writer
from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.models.affinegan.iterator import FacesIterator

LENGTHS = (5, 9, 1, 3)
SIZE = 12


def video(number, length):
    """Red is the video, green the frame, blue the column; the mask is white left of a column that the frame gives."""
    frames = np.zeros((length, SIZE, SIZE, 3), np.uint8)
    frames[..., 0] = 10 * number
    frames[..., 1] = np.arange(length)[:, None, None]
    frames[..., 2] = 20 * np.arange(SIZE)
    masks = np.where(np.arange(SIZE) <= np.arange(length)[:, None, None], 255, 0) * np.ones((1, SIZE, 1), int)
    return frames, masks.astype(np.uint8)


def prepare(path, masks=True):
    with open_writer(path, "toy", SIZE, [], masks=masks) as writer:
        for number, length in enumerate(LENGTHS):
            frames, marked = video(number, length)
            writer.add(frames, str(number), masks=marked if masks else None)
    return PreparedDataset.open(path)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("faces") / "data")


def make(dataset, **changed):
    given = {"batchsize": 2, "count": 3, "every_nth": 1, "load_size": SIZE, "fine_size": 8}
    options = {"flip": False, "in_order": False, "masks": True}
    given |= {name: value for name, value in changed.items() if name in given}
    options |= {name: value for name, value in changed.items() if name in options}
    return FacesIterator(dataset, *given.values(), np.random.default_rng(changed.get("seed", 0)), **options)


def read(frames):
    """The video, frames and columns that pixels tell of, each (1 + K, S, S)."""
    return frames[..., 0] // 10, frames[..., 1], frames[..., 2] // 20


def test_first_frame_and_later_ones_of_one_video(dataset):
    iterator = make(dataset)
    drawn = {number: set() for number in range(len(LENGTHS))}
    for _ in range(200):
        frames, masks = next(iterator)
        assert frames.shape == (2, 4, 8, 8, 3)
        assert masks.shape == (2, 4, 8, 8)
        for sample in frames:
            videos, places, _ = read(sample)
            assert len(np.unique(videos)) == 1
            numbers = places[:, 0, 0]
            assert (places == numbers[:, None, None]).all()
            assert numbers[0] == 0
            drawn[videos[0, 0, 0]] |= set(numbers[1:].tolist())
    assert drawn == {0: {1, 2, 3, 4}, 1: set(range(1, 9)), 2: set(), 3: {1, 2}}
    assert iterator.skipped == 1


def test_every_nth_counts_from_the_first(dataset):
    iterator = make(dataset, every_nth=3)
    drawn = {number: set() for number in range(len(LENGTHS))}
    for _ in range(100):
        for sample in next(iterator)[0]:
            videos, places, _ = read(sample)
            drawn[videos[0, 0, 0]] |= set(places[1:, 0, 0].tolist())
    assert drawn == {0: {3}, 1: {3, 6}, 2: set(), 3: set()}
    assert iterator.skipped == 2


def test_all_frames_and_masks_of_a_video_are_cut_and_mirrored_alike(dataset):
    iterator, seen = make(dataset, flip=True), set()
    for _ in range(100):
        frames, masks = next(iterator)
        for sample, marked in zip(frames, masks, strict=True):
            _, places, columns = read(sample)
            row = columns[0, 0]
            assert (columns == row).all()
            assert abs(np.diff(row.astype(int))).tolist() == [1] * 7
            np.testing.assert_array_equal(marked, np.where(columns <= places, 255, 0))
            seen.add((int(row.min()), bool(row[0] < row[-1])))
    assert seen == {(left, way) for left in range(5) for way in (False, True)}


def test_without_a_margin_nothing_is_cut(dataset):
    iterator = make(dataset, fine_size=SIZE)
    for _ in range(5):
        columns = read(next(iterator)[0][0])[2]
        assert (columns == np.arange(SIZE)).all()


def test_frames_are_scaled_before_they_are_cut(dataset):
    frames, masks = next(make(dataset, load_size=24, fine_size=20))
    assert frames.shape[2:] == (20, 20, 3)
    steps = np.diff(frames[0, 0, 0, :, 2].astype(int))  # a column is 20 brighter than its neighbour
    assert (abs(steps) <= 14).all()
    assert masks.min() == 0
    assert masks.max() == 255


def test_frames_that_are_enlarged_are_remarked(dataset):
    assert make(dataset).remarks == []
    (remark,) = make(dataset, load_size=24, fine_size=20).remarks
    assert "frames of 12 pixels are enlarged to 24 (model.load_size); preprocess.py --size 24" in remark


def test_frames_in_the_order_of_time(dataset):
    iterator, mixed = make(dataset, in_order=True), make(dataset)
    drawn = [sample[1:, 0, 0, 1].astype(int) for _ in range(50) for sample in next(iterator)[0]]
    assert all((np.diff(numbers) >= 0).all() for numbers in drawn)
    assert any((np.diff(s[1:, 0, 0, 1].astype(int)) < 0).any() for _ in range(50) for s in next(mixed)[0])


def test_masks_only_where_they_are_asked_for(dataset):
    assert next(make(dataset, masks=False))[1] is None


def test_saved_and_loaded_it_goes_on(dataset, tmp_path):
    first = make(dataset, flip=True)
    for _ in range(5):
        next(first)
    chainer.serializers.save_npz(tmp_path / "state.npz", first)
    second = make(dataset, flip=True, seed=9)
    chainer.serializers.load_npz(tmp_path / "state.npz", second)
    for _ in range(5):
        for one, other in zip(next(first), next(second), strict=True):
            np.testing.assert_array_equal(one, other)


def test_no_video_is_long_enough(dataset):
    with pytest.raises(DataError, match=r"with every_nth=9 a video needs 10 frames, and the longest has 9; lower"):
        make(dataset, every_nth=9)


def test_masks_of_a_dataset_without(tmp_path):
    with pytest.raises(DataError, match=r"model.patch=true needs masks, and this dataset has none; set it to false"):
        make(prepare(tmp_path / "data", masks=False))


def test_every_nth_out_of_range(dataset):
    with pytest.raises(ConfigError, match="every_nth=0: it must be at least 1"):
        make(dataset, every_nth=0)
