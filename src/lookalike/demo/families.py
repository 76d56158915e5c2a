"""The families of the demo: a name and the painter that draws one more member of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from lookalike.demo import nature, papers, patterns, scenes, things
from lookalike.demo.brush import Canvas

Painter: TypeAlias = Callable[[Canvas, np.random.Generator], None]

FAMILIES: Mapping[str, Painter] = MappingProxyType(
    {
        "sunset": scenes.sunset,
        "mountains": scenes.mountains,
        "forest": scenes.forest,
        "skyline": scenes.skyline,
        "galaxy": scenes.galaxy,
        "dunes": scenes.dunes,
        "sunflower": nature.sunflower,
        "fern": nature.fern,
        "fish": nature.fish,
        "butterfly": nature.butterfly,
        "watermelon": nature.watermelon,
        "tree": nature.blossom_tree,
        "polka-dots": patterns.polka_dots,
        "tartan": patterns.tartan,
        "brick-wall": patterns.brick_wall,
        "tiled-floor": patterns.tiled_floor,
        "zebra": patterns.zebra,
        "chessboard": patterns.chessboard,
        "wood": patterns.wood,
        "contour-map": patterns.contour_map,
        "mandelbrot": patterns.mandelbrot,
        "smiley": things.smiley,
        "car": things.car,
        "house": things.house,
        "clock": things.clock,
        "balloons": things.balloons,
        "text-page": papers.text_page,
        "bar-chart": papers.bar_chart,
        "sheet-music": papers.sheet_music,
    }
)
"""Name of a family -> its painter, in the order in which pictures are dealt out."""
