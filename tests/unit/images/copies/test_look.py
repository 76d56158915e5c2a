"""The rule for copies: what saving again, resizing and recompressing may change, and what they may not."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from lookalike.core.vectors import Pixels
from lookalike.images.copies import look as rule
from lookalike.images.copies.explaining import QUALITIES
from lookalike.images.copies.look import holds_no_more, look
from tests.photos import some_photos
from tests.unit.small_collection import picture

PICTURE = picture(1, side=240).resize((240, 200))


def again(image: Image.Image, kind: str = "JPEG", **options: Any) -> Image.Image:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return Image.open(target).convert("RGB")


def page(number: str, *, ink: str = "black") -> Image.Image:
    paper = Image.new("RGB", (620, 877), "white")
    draw = ImageDraw.Draw(paper)
    for row in range(24):
        text = f"{row + 1}. Oak, stone and river paper   {1000 + 37 * row if row != 11 else number}"
        draw.text((50, 60 + 32 * row), text, fill=ink, font=ImageFont.load_default(14))
    return paper


def is_copy(one: Image.Image, other: Image.Image) -> bool:
    ours, theirs = np.asarray(one), np.asarray(other)
    found = look(ours, theirs).is_copy
    assert look(theirs, ours).is_copy == found
    return found


@pytest.mark.parametrize("original", [PICTURE, page("1407")], ids=["blots", "page"])
@pytest.mark.parametrize(
    ("kind", "options"),
    [("JPEG", {"quality": 30}), ("JPEG", {"quality": 85, "progressive": True}), ("WEBP", {"quality": 60}), ("PNG", {})],
)
def test_saving_again_makes_a_copy(original: Image.Image, kind: str, options: dict[str, Any]) -> None:
    assert is_copy(original, again(original, kind, **options))


@pytest.mark.parametrize("original", [PICTURE, page("1407")], ids=["blots", "page"])
@pytest.mark.parametrize(
    ("share", "method"),
    [
        (0.9, Image.Resampling.LANCZOS),
        (0.9, Image.Resampling.BOX),
        (0.66, Image.Resampling.BILINEAR),
        (0.5, Image.Resampling.BOX),
        (0.33, Image.Resampling.LANCZOS),
        (0.33, Image.Resampling.BOX),
    ],
)
def test_resizing_makes_a_copy(original: Image.Image, share: float, method: Image.Resampling) -> None:
    smaller = original.resize((round(original.width * share), round(original.height * share)), method)
    assert is_copy(original, again(smaller, quality=85))


@pytest.mark.parametrize("share", [1, 0.5])
@pytest.mark.parametrize("number", ["1408", "1401", "9407"])
def test_one_other_digit_on_a_page_makes_another_picture(number: str, share: float) -> None:
    other = again(page(number), quality=75)
    assert not is_copy(page("1407"), other.resize((round(620 * share), round(877 * share)), Image.Resampling.LANCZOS))


@pytest.mark.parametrize("quality", [20, 30, 40])
def test_a_page_on_pale_paper_saved_coarsely_is_a_copy(quality: int) -> None:
    paper = Image.new("RGB", (900, 1200), (250, 248, 240))  # its colour is rounded by more than it has
    for row in range(20):
        ImageDraw.Draw(paper).text((60, 50 + 55 * row), "Oak, river", fill="black", font=ImageFont.load_default(24))
    assert is_copy(paper, again(paper, quality=quality))
    assert not is_copy(paper, again(paper.convert("L").convert("RGB"), quality=quality))


@pytest.mark.parametrize("quality", [40, 85])
def test_another_hue_of_letters_on_pale_paper_makes_another_page_however_coarsely_it_is_saved(quality: int) -> None:
    def coloured(ink: str) -> Image.Image:
        paper = Image.new("RGB", (900, 1200), (250, 248, 240))
        for row in range(20):
            text, at = ("Basket, lamp", ink) if row % 3 == 0 else ("Oak, stone, river", "black")
            ImageDraw.Draw(paper).text((60, 50 + 55 * row), text, fill=at, font=ImageFont.load_default(24))
        return paper

    assert is_copy(coloured("#141e78"), again(coloured("#141e78"), quality=quality))
    assert not is_copy(coloured("#141e78"), again(coloured("#50147a"), quality=quality))


@pytest.mark.parametrize("method", [Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS])
def test_an_enlarged_page_is_a_copy_and_with_another_digit_it_is_not(method: Image.Resampling) -> None:
    def enlarged(image: Image.Image) -> Image.Image:
        return again(image.resize((806, 1140), method), quality=75)

    assert is_copy(page("1407"), enlarged(page("1407")))
    assert not is_copy(page("1407"), enlarged(page("1408")))


def test_a_quarter_of_a_wide_picture_is_a_copy_and_with_a_date_it_is_not() -> None:
    wide = PICTURE.resize((300, 152))
    stamped = wide.copy()
    ImageDraw.Draw(stamped).text((215, 132), "24.11.2023", fill=(255, 150, 40), font=ImageFont.load_default(14))
    quarter, other = (again(one.resize((75, 38), Image.Resampling.LANCZOS), quality=85) for one in (wide, stamped))
    assert is_copy(wide, quarter)
    assert not is_copy(wide, other)
    assert not is_copy(quarter, other)


@pytest.mark.parametrize("share", [1, 0.75])
def test_stronger_colour_of_a_few_letters_makes_another_page(share: float) -> None:
    made = page("1407")
    ImageDraw.Draw(made).text((50, 4), "Harbour Ltd", fill=(20, 40, 90), font=ImageFont.load_default(54))
    size = round(620 * share), round(877 * share)
    stronger = ImageEnhance.Color(made).enhance(1.5)
    assert is_copy(made, again(made.resize(size, Image.Resampling.BICUBIC), quality=80))
    assert not is_copy(made, again(stronger.resize(size, Image.Resampling.BICUBIC), quality=80))


def test_a_page_too_small_to_be_read_is_no_copy() -> None:
    assert not is_copy(page("1407"), page("1407").resize((64, 91)))


@pytest.mark.parametrize(
    "altered",
    [
        PICTURE.convert("L").convert("RGB"),
        ImageEnhance.Brightness(PICTURE).enhance(1.1),
        ImageEnhance.Contrast(PICTURE).enhance(0.85),
        ImageEnhance.Color(PICTURE).enhance(0.7),
        Image.merge("RGB", PICTURE.split()[::-1]),
        PICTURE.crop((6, 5, 234, 195)),
        PICTURE.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        PICTURE.transform(PICTURE.size, Image.Transform.AFFINE, (1, 0, 2, 0, 1, 1)),
        PICTURE.resize((240, 210)),
    ],
    ids=["grey", "brighter", "contrast", "saturation", "channels", "cut", "mirrored", "shifted", "stretched"],
)
def test_an_edit_makes_another_picture(altered: Image.Image) -> None:
    assert not is_copy(PICTURE, altered)
    assert not is_copy(PICTURE, again(altered, quality=80))


def screen(seed: int, *, size: tuple[int, int], letters: int) -> Image.Image:
    """A dark window full of lines of letters, which are `letters` pixels high."""
    chance = np.random.default_rng(seed)
    shot = Image.new("RGB", size, (30, 32, 38))
    for y in range(6, size[1] - letters, letters + 3):
        text = "".join(chance.choice(list("abcdefg hijk lmnop 01234"), chance.integers(20, 90)))
        ImageDraw.Draw(shot).text((8, y), text, fill=(170, 200, 180), font=ImageFont.load_default(letters))
    return shot


def moved(shot: Image.Image, across: float, down: float) -> Image.Image:
    return shot.transform(shot.size, Image.Transform.AFFINE, (1, 0, across, 0, 1, down), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("seed", range(4))
def test_small_screens_with_moved_letters_are_other_pictures(seed: int) -> None:
    chance = np.random.default_rng(seed)
    shot = screen(seed, size=(320, 200), letters=5)
    noisy = np.asarray(moved(shot, 1.2, 0.6)) + chance.normal(0, 1, (200, 320, 3))
    frame = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    assert not is_copy(again(shot, quality=85), again(frame, quality=85))
    assert is_copy(shot, again(shot, quality=40))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("letters", [6, 7, 9])
def test_nothing_of_small_letters_is_excused_by_a_compression_that_would_leave_nothing_of_them(
    seed: int, letters: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shot = screen(seed, size=(320, 200), letters=letters)
    frame = again(moved(shot, 0.35, 0.2), quality=85)
    assert not is_copy(again(shot, quality=85), frame)
    assert is_copy(shot, again(shot, quality=20))
    monkeypatch.setattr(rule, "_COARSEST_OF_SMALL", QUALITIES[-1])
    assert is_copy(again(shot, quality=85), frame)  # nothing but that rule sets them apart


@pytest.mark.parametrize("seed", range(3))
def test_words_that_were_blurred_on_a_screen_make_another_picture_than_the_screen_saved_coarsely(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shot = screen(seed, size=(700, 500), letters=12)
    hidden, words = shot.copy(), (100, 150, 220, 200)
    hidden.paste(shot.filter(ImageFilter.GaussianBlur(1.6)).crop(words), words[:2])
    coarse = again(shot, quality=20)
    assert not is_copy(coarse, again(hidden, quality=95))
    assert is_copy(coarse, again(shot, quality=95))
    monkeypatch.setattr(rule, "_OTHER_WAY", float("inf"))
    assert is_copy(coarse, again(hidden, quality=95))  # the screen explains what was hidden, and not the other way


def test_another_colour_of_a_part_makes_another_picture() -> None:
    one, other = Image.new("RGB", (300, 300), "white"), Image.new("RGB", (300, 300), "white")
    ImageDraw.Draw(one).ellipse((80, 80, 220, 220), fill=(200, 90, 140))
    ImageDraw.Draw(other).ellipse((80, 80, 220, 220), fill=(90, 160, 90))
    assert not is_copy(one, other)
    assert is_copy(one, again(one, quality=60))


@pytest.mark.parametrize("ink", ["#602814", "#3c3c3c", "#141e78"], ids=["brown", "grey", "blue"])
@pytest.mark.parametrize("share", [1, 0.5])
def test_another_hue_of_a_few_letters_makes_another_page(ink: str, share: float) -> None:
    def coloured(head: str) -> Image.Image:
        made = page("1407")
        ImageDraw.Draw(made).text((50, 14), "Harbour Ltd", fill=head, font=ImageFont.load_default(34))
        return made

    original, other = coloured("#14503c"), coloured(ink)
    size = round(620 * share), round(877 * share)
    assert not is_copy(original, again(other.resize(size, Image.Resampling.BOX), quality=85))
    assert is_copy(original, again(original.resize(size, Image.Resampling.BOX), quality=85))


def test_a_date_stamped_on_a_small_copy_makes_another_picture() -> None:
    small = PICTURE.resize((72, 60), Image.Resampling.LANCZOS)
    stamped = small.copy()
    ImageDraw.Draw(stamped).text((46, 48), "24.11", fill=(255, 150, 40), font=ImageFont.load_default(9))
    assert is_copy(PICTURE, again(small, quality=85))
    assert not is_copy(PICTURE, again(stamped, quality=85))
    assert not is_copy(small, again(stamped, quality=85))


def test_pictures_in_which_no_date_could_be_told_are_no_copies_of_their_own_size_either() -> None:
    tiny = PICTURE.resize((56, 46))
    assert not is_copy(tiny, again(tiny, quality=85))


def test_frames_that_differ_by_faint_noise_alone_are_copies() -> None:
    chance = np.random.default_rng(1)
    frames = [
        Image.fromarray(np.clip(np.asarray(PICTURE) + chance.normal(0, 1.5, (200, 240, 3)), 0, 255).astype(np.uint8))
        for _ in range(2)
    ]
    assert is_copy(frames[0], frames[1])


@pytest.mark.parametrize("quality", [40, 75, 90])
def test_an_enlarged_copy_holds_no_more_and_an_original_does(quality: int) -> None:
    for photo in some_photos(4):
        original = Image.fromarray(photo)
        enlarged = original.resize((original.width * 13 // 10, original.height * 13 // 10), Image.Resampling.LANCZOS)
        reduced = original.resize((original.width // 2, original.height // 2), Image.Resampling.LANCZOS)
        coarse = np.asarray(again(enlarged, quality=quality))
        assert holds_no_more(coarse, photo, quality=quality)
        assert not holds_no_more(photo, np.asarray(reduced), quality=95)


def test_copies_of_real_photos_are_found_and_photos_told_apart() -> None:
    photos: list[Pixels] = some_photos(12)
    for n, photo in enumerate(photos):
        image = Image.fromarray(photo)
        for quality, share in ((60, 1.0), (80, 0.5)):
            size = round(image.width * share), round(image.height * share)
            assert is_copy(image, again(image.resize(size, Image.Resampling.LANCZOS), quality=quality))
        assert not is_copy(image, Image.fromarray(photos[n - 1]).resize(image.size))
