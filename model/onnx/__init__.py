"""Networks of other people, as ONNX files: what is checked, how they are wrapped into weights files."""
