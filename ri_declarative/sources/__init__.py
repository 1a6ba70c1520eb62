"""Sources: bytes → Records, one module per format. Nothing here knows pipelines or databases."""
