"""Single-camera trackers: detections in, tracks out. NumPy only; no video, no files, no torch."""
