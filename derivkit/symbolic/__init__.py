"""Derivations line by line: rules, steps, their verification, diagnosis of wrong answers, notation."""
