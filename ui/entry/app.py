"""What the server runs for every page.

It stands apart from ``ui/pages``: where a folder of that name is beside the script, Streamlit runs its files by address
until the script has chosen the pages for the first time.
"""

from ui.app import main

main()
