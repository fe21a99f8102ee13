"""Experiments: from a configuration to tables, figures, a report and a record."""
