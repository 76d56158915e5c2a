"""Which files of a folder may be pictures: told by the ends of their names, else by their first bytes.

Files are judged by name where that is enough, for a folder holds many and each look costs an opening. A name that ends
in nothing known (`photo.jpg_large`, `DSCF0001.MPO`, `IMG_2041`) is opened, and its first bytes tell.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum

from lookalike.images.files import first_bytes, looks_like_picture
from lookalike.images.sniff import find_format, find_other

_HEAD_BYTES = 256


class PassedOverAs(StrEnum):
    """Why a file is passed over: what it is taken for."""

    CAMERA_RAW = "camera_raw"
    JPEG_XL = "jpeg_xl"
    JPEG_2000 = "jpeg_2000"
    LAYERED = "layered"
    VECTOR = "vector"
    OTHER_PICTURE = "other_picture"
    UNFINISHED = "unfinished_download"
    VIDEO = "video"
    HIDDEN = "hidden"
    SYSTEM_FOLDER = "system_folder"
    EXCLUDED = "excluded"
    UNREADABLE = "unreadable"
    OTHER = "other"


PICTURES = frozenset({
    PassedOverAs.CAMERA_RAW, PassedOverAs.JPEG_XL, PassedOverAs.JPEG_2000, PassedOverAs.LAYERED,
    PassedOverAs.VECTOR, PassedOverAs.OTHER_PICTURE, PassedOverAs.UNFINISHED, PassedOverAs.UNREADABLE,
})  # fmt: skip
"""What somebody may miss in the collection, while nobody expects a film or a text in it."""

_ENDINGS: Mapping[PassedOverAs, str] = {
    PassedOverAs.CAMERA_RAW: "3fr ari arw bay braw cap cr2 cr3 crw dcr dcs dng drf eip erf fff gpr iiq k25 kdc mdc"
    " mef mos mrw nef nrw orf pef ptx pxn r3d raf raw rw2 rwl rwz sr2 srf srw x3f",
    PassedOverAs.JPEG_XL: "jxl",
    PassedOverAs.JPEG_2000: "jp2 j2k j2c jpc jpf jpx jpm",
    PassedOverAs.LAYERED: "psd psb xcf kra afphoto clip ora procreate",
    PassedOverAs.VECTOR: "svg svgz eps ai cdr wmf emf",
    PassedOverAs.OTHER_PICTURE: "exr hdr dds tga ico icns cur qoi pbm pgm ppm pnm pam pcx flif bpg jxr wdp hdp dcm",
    PassedOverAs.UNFINISHED: "part partial crdownload download opdownload tmp temp",
    PassedOverAs.VIDEO: "mp4 mov avi mkv m4v mpg mpeg mts m2ts wmv webm 3gp 3g2 flv vob lrv insv",
    PassedOverAs.OTHER: "txt md csv tsv json jsonl ndjson xml html htm css js ts py c h cpp rs go java sh toml yaml yml"
    " ini cfg log pdf doc docx odt rtf xls xlsx ods ppt pptx odp epub zip gz bz2 xz zst 7z rar tar tgz iso dmg exe dll"
    " so dylib apk jar mp3 m4a wav flac ogg opus aac wma amr xmp aae thm dop pp3 on1 lrcat db sqlite sqlite3 npy npz"
    " parquet onnx pt pkl h5 bin dat bak lock url lnk webloc torrent gpx kml srt ttf otf woff woff2",
}
_BY_ENDING = {ending: kind for kind, endings in _ENDINGS.items() for ending in endings.split()}
_BY_CONTENT = {"JPEG XL": PassedOverAs.JPEG_XL, "JPEG 2000": PassedOverAs.JPEG_2000, "SVG": PassedOverAs.VECTOR}
_BY_CONTENT |= {"Photoshop": PassedOverAs.LAYERED, "GIMP": PassedOverAs.LAYERED, "PDF": PassedOverAs.OTHER}


def reason_to_pass_over(path: str, name: str) -> PassedOverAs | None:
    """What a file is passed over as; None for one that is to be taken.

    Args:
        path: of a regular file, or of what cannot be looked at.
        name: its last part.
    """
    if looks_like_picture(name):
        return None
    ending = os.path.splitext(name)[1][1:].lower()
    return _BY_ENDING[ending] if ending in _BY_ENDING else _by_content(path, ending)


def _by_content(path: str, ending: str) -> PassedOverAs | None:
    try:
        head = first_bytes(path, _HEAD_BYTES)
    except (OSError, ValueError):
        return PassedOverAs.UNREADABLE
    known = find_format(head)
    if known is not None and known.needs_its_ending and ending and not ending.startswith(known.extensions):
        return PassedOverAs.CAMERA_RAW  # most raw formats dress as TIFF, with a small preview as their first picture
    if known is not None:
        return None
    other = find_other(head)
    if other is None:
        return PassedOverAs.OTHER
    if other.endswith("raw") or other == "BigTIFF":
        return PassedOverAs.CAMERA_RAW if other.endswith("raw") else PassedOverAs.OTHER_PICTURE
    return _BY_CONTENT.get(other, PassedOverAs.VIDEO if "ISO media" in other else PassedOverAs.OTHER_PICTURE)
