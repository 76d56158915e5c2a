"""Which file of a group is kept, why, and what could go without a loss."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike.catalog.memory import MemoryCatalog
from lookalike.core.errors import BadInput
from lookalike.duplicates.result import DuplicateGroup, DuplicateKind
from tests.unit.duplicates.test_find import found
from tests.unit.small_collection import encoded, image_id, new_catalog, picture, put

TAKEN = {0x9003: "2024:05:06 07:08:09"}


@pytest.fixture
def catalog() -> MemoryCatalog:
    return new_catalog()


def detailed(seed: int, *, size: tuple[int, int] = (240, 180)) -> Image.Image:
    """Soft blots with fine detail, as a sharp photo has it."""
    chance = np.random.default_rng(seed)
    blots = np.asarray(picture(seed, side=256).resize(size), np.float32)
    lines = 40 * np.sign(np.sin(np.arange(size[0])[None, :] * 0.9 + np.arange(size[1])[:, None] * 0.4))
    grain = chance.normal(0, 6, (size[1], size[0], 1))
    return Image.fromarray(np.clip(blots * 0.7 + 30 + lines[:, :, None] * 0.5 + grain, 0, 255).astype(np.uint8))


def only(groups: list[DuplicateGroup]) -> DuplicateGroup:
    (group,) = groups
    return group


def names(group: DuplicateGroup) -> list[str]:
    return [Path(member.path or "-").name for member in group.members]


def could_go(group: DuplicateGroup, *, include_near: bool = True) -> set[str]:
    return {Path(member.path or "-").name for member in group.could_go(include_near=include_near)}


def tell(catalog: MemoryCatalog, data: bytes, *, taken_at: str | None, camera: str | None) -> None:
    record = catalog.images([image_id(data)])[image_id(data)]
    key = catalog.keys([record.id])[record.id]
    vectors = catalog.vectors([key])
    with catalog.transaction() as transaction:
        transaction.put_images([replace(record, taken_at=taken_at, camera=camera)], vectors.vectors.astype(np.float16))


def test_an_enlarged_copy_counts_as_what_it_was_made_of(catalog: MemoryCatalog, tmp_path: Path) -> None:
    original = detailed(1)
    put(catalog, tmp_path / "original.jpg", encoded(original, quality=90))
    put(catalog, tmp_path / "enlarged.jpg", encoded(original.resize((312, 234), Image.Resampling.BICUBIC), quality=75))
    put(catalog, tmp_path / "small.jpg", encoded(original.resize((120, 90), Image.Resampling.BOX), quality=90))
    put(catalog, tmp_path / "smallest.jpg", encoded(original.resize((72, 54), Image.Resampling.BOX), quality=90))
    group = only(found(catalog))
    assert names(group)[0] == "original.jpg"
    assert sorted(names(group)) == ["enlarged.jpg", "original.jpg", "small.jpg", "smallest.jpg"]


def test_an_enlarged_coarse_copy_loses_against_the_original(catalog: MemoryCatalog, tmp_path: Path) -> None:
    original = detailed(1)
    put(catalog, tmp_path / "original.jpg", encoded(original, quality=90))
    put(catalog, tmp_path / "enlarged.jpg", encoded(original.resize((264, 198), Image.Resampling.BICUBIC), quality=25))
    group = only(found(catalog))
    assert names(group) == ["original.jpg", "enlarged.jpg"]
    assert group.keep.keep
    assert "detail" in group.keep.reason
    assert could_go(group) == {"enlarged.jpg"}
    assert could_go(group, include_near=False) == set()


def test_depth_beats_size_in_bytes(catalog: MemoryCatalog, tmp_path: Path) -> None:
    levels = np.asarray(picture(3).convert("L"), np.uint16) * 257
    put(
        catalog, tmp_path / "export.bmp", encoded(Image.fromarray((levels >> 8).astype(np.uint8)).convert("RGB"), "BMP")
    )
    put(catalog, tmp_path / "master.png", encoded(Image.fromarray(levels), "PNG"))
    group = only(found(catalog))
    assert names(group) == ["master.png", "export.bmp"]
    assert group.members[1].kind is DuplicateKind.NEAR
    assert "bits" in group.keep.reason


def test_what_lies_behind_the_picture_is_never_what_could_go(catalog: MemoryCatalog, tmp_path: Path) -> None:
    small, large = detailed(4, size=(120, 90)), detailed(4, size=(120, 90)).resize((240, 180), Image.Resampling.LANCZOS)
    put(catalog, tmp_path / "plain.png", encoded(large, "PNG"))
    put(catalog, tmp_path / "with film.jpg", encoded(small, quality=85) + b"\0\0\0\x18ftypmp42" + bytes(range(1, 200)))
    group = only(found(catalog, keep=["largest"]))
    assert names(group) == ["plain.png", "with film.jpg"]
    assert could_go(group) == set()
    assert "holds more" in group.members[1].reason
    assert names(only(found(catalog))) == ["with film.jpg", "plain.png"]


@pytest.mark.parametrize(
    ("rule", "kept"),
    [("oldest", "b.png"), ("newest", "c.jpg"), ("largest", "a.png"), ("*/c.*", "c.jpg"), ("FOLDER/c.jpg", "c.jpg")],
)
def test_the_rule_can_be_chosen(catalog: MemoryCatalog, tmp_path: Path, rule: str, kept: str) -> None:
    original = detailed(5)
    files = {
        "a.png": encoded(original, "PNG"),
        "b.png": encoded(original.resize((216, 162), Image.Resampling.LANCZOS), "PNG"),
        "c.jpg": encoded(original.resize((216, 162), Image.Resampling.LANCZOS), quality=80),
    }
    for name, data in files.items():
        put(catalog, tmp_path / name, data)
    for n, name in enumerate(["b.png", "a.png", "c.jpg"], start=1):
        os.utime(tmp_path / name, ns=(n * 10**9, n * 10**9))
        known = catalog.file(str(tmp_path / name))
        assert known is not None
        with catalog.transaction() as transaction:
            transaction.put_files([replace(known, mtime_ns=n * 10**9)])
    group = only(found(catalog, keep=[rule.replace("FOLDER", str(tmp_path))]))
    assert names(group)[0] == kept
    assert all(member.reason for member in group.members)


def test_an_empty_rule_is_refused(catalog: MemoryCatalog) -> None:
    with pytest.raises(BadInput, match="keep"):
        found(catalog, keep=[""])


def test_a_file_that_changed_but_kept_its_size_and_time_is_not_named(catalog: MemoryCatalog, tmp_path: Path) -> None:
    data = encoded(picture(6), "BMP")
    for name in ("a.bmp", "b.bmp", "c.bmp"):
        put(catalog, tmp_path / name, data)
    before = (tmp_path / "a.bmp").stat()
    (tmp_path / "a.bmp").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    os.utime(tmp_path / "a.bmp", ns=(before.st_atime_ns, before.st_mtime_ns))
    group = only(found(catalog))
    assert names(group) == ["b.bmp", "c.bmp"]
