"""The only room that knows GPT-SoVITS's formats and names."""
