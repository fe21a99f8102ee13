"""The rooms of the pipeline: settings, tables, figures, report, terminal, provenance."""
