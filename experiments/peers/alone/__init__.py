"""Tools that cannot be in one environment with this library: a row names the interpreter of theirs."""
