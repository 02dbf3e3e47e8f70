"""Pages a run leaves behind: HTML in one file, pictures as SVG inside it."""
