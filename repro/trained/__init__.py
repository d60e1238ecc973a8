"""Trained networks in use: loaded, shown as pictures, described on a card, written as ONNX."""
