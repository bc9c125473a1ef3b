"""The versioned artefact: anchors, pool, subspaces and options in one immutable directory."""
