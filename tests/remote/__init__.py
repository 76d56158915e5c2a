"""Engines that behave like remote ones: late, busy and lost. Real code, held to the contracts of the local ones."""
