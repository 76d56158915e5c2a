"""Contact sheets: hits as one picture, as one web page, as a grid in a notebook."""

from lookalike.presentation.contact_sheet.card import Card
from lookalike.presentation.contact_sheet.image import contact_sheet, contact_sheet_jpeg
from lookalike.presentation.contact_sheet.kind import CONTACT_SHEET
from lookalike.presentation.contact_sheet.page import contact_sheet_html, notebook_grid

__all__ = ["CONTACT_SHEET", "Card", "contact_sheet", "contact_sheet_html", "contact_sheet_jpeg", "notebook_grid"]
