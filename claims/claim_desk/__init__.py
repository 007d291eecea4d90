"""What an insurer's analyst sees and does: the list of claims by risk and amount, and one claim with its evidence.

Every function is plain: it takes the store and the results folder, and gives what a page or a command shows. Nothing
here is a verdict.
"""
