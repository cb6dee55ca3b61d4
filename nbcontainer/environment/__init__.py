"""What a notebook needs: its interpreter, distributions, local modules, files and system libraries."""
