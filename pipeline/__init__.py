"""Everything with I/O: configuration, video, models, files and the loop that joins them."""
