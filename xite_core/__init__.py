"""XITE as a library: match unlabeled target text to labeled English, project, interpolate, fine-tune."""
