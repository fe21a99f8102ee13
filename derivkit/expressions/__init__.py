"""From text to a tree and back: parsing with hints, algebra, evaluation."""
