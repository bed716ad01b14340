"""Numbers and tables as texts, for the command line."""

from collections.abc import Sequence


def short(value: object) -> str:
    """A number with four digits, or several."""
    if isinstance(value, list):
        return " ".join(short(item) for item in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def table(rows: Sequence[Sequence[str]]) -> None:
    """Prints rows of cells in columns."""
    widths = [2 + max(len(row[i]) for row in rows if i < len(row)) for i in range(len(rows[0]))]
    for row in rows:
        print("".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip())
