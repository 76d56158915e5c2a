"""What people read in a terminal: names made safe, sizes, durations, rates."""

from __future__ import annotations

from lookalike.core.file_names import is_hidden


def safe(text: str) -> str:
    r"""Make a name from outside harmless in a terminal, a log line or a picture.

    Control characters, escape sequences, line breaks, right-to-left overrides, invisible format characters and
    bytes that are not UTF-8 (surrogate escapes) become visible: `\n`, `\x1b`, `\u202e`, `\xff`. The rest stays
    as it is, backslashes too; so this is for reading, not for turning back.

    Returns:
        one line that every encoder for UTF-8 takes.
    """
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    if not is_hidden(character):
        return character
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"  # the byte that os.fsdecode could not read
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def human_size(size_bytes: int) -> str:
    """Write a size in decimal units: `512 B`, `3.2 kB`, `1.5 GB`."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    power = next((p for p in (1, 2, 3) if size_bytes < 999.5 * 1000**p), 4)
    size, unit = size_bytes / 1000**power, ("kB", "MB", "GB", "TB")[power - 1]
    return f"{size:.1f} {unit}" if size < 99.95 else f"{size:.0f} {unit}"


def human_duration(seconds: float) -> str:
    """Write a time span with as much detail as matters: `4 ms`, `1.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 0.0095:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def human_rate(per_second: float, *, unit: str) -> str:
    """Write a rate: `312 photos/s`, `4.5 photos/s`."""
    return f"{per_second:,.0f} {unit}/s" if per_second >= 9.95 else f"{per_second:.1f} {unit}/s"


def human_count(count: int, thing: str) -> str:
    """Write how many there are: `1 file`, `1,200 files`; `thing` is a word that takes an s."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"
