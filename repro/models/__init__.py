"""The networks that the papers propose, and the blocks they share."""
