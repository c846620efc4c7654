"""Our own JSON schemas of the PSEs' wires, written from their published specifications."""
