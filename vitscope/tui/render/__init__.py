"""Arrays into characters and colours. Nothing here imports Textual; all of it is tested as text."""
