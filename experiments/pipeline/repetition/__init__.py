"""Runs repeated: the recorded configuration executed again, and a verdict on what came out."""
