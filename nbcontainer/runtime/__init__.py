"""What is copied into images: runs the notebook's script, or serves a function of it.

What this is: pure Python of the standard library, 3.8 or newer, run by the notebook's interpreter. What it is not:
part of the host side: nothing here imports the rest of nbcontainer. In an image these files are the package
`nbcontainer_runtime`; run.py beside it is the entrypoint.
"""
