"""How results look to people: safe text and tables, pictures in the terminal, contact sheets."""
