from __future__ import annotations

import pytest

from lookalike.core.errors import ModelUnavailable
from lookalike.models.card import ModelCard, card_from_metadata

CARD = ModelCard(
    id="ab" * 32,
    name="tiny",
    version="3",
    precision="fp32",
    dimension=5,
    input_side=7,
    licence="MIT",
    source="a pinhole",
    made="By hand.",
)


def test_a_card_survives_its_journey_in_a_file_but_for_the_id() -> None:
    metadata = CARD.metadata()

    assert "lookalike.id" not in metadata
    assert card_from_metadata(metadata | {"other.tool": "x"}, model_id=CARD.id) == CARD


def test_a_model_without_a_card_says_what_is_missing() -> None:
    with pytest.raises(ModelUnavailable, match=r"lacks lookalike\.dimension.*adapt"):
        card_from_metadata(
            {key: value for key, value in CARD.metadata().items() if "dimension" not in key}, model_id=""
        )


@pytest.mark.parametrize("text", ["0", "-3", "3.5", "", "many", "٣", "9" * 5000])
def test_a_number_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ModelUnavailable, match="positive whole number"):
        card_from_metadata(CARD.metadata() | {"lookalike.input_side": text}, model_id="")
