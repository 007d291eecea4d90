"""DIP (按病种分值付费): payment by a catalogue of disease groups and their scores.

``catalogue`` is what a catalogue is, ``build`` makes one from cases, ``official`` imports one, ``lint`` checks one.
``matcher`` gives every case of a table its group, ``trace`` does so for one case and tells why; ``auxiliary``
splits groups, ``payment`` pays by point value, ``supervision`` computes local indicators.
"""
