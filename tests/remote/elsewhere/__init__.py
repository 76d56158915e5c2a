"""What the tests of a collection and of its searches demand, demanded of one whose index lives elsewhere."""
