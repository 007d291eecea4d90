"""From a free-text diagnosis or procedure to ranked codes; a hospital's own pairs teach it.

    from drg.coding import suggest
    suggest("2型糖尿病伴肾病、高血压3级", "diagnosis")

How: a text and its parts are looked up by shared character n-grams among the names of the catalogue and among
remembered texts; the candidates get features (:mod:`.features`), a LightGBM ranker orders them, a second model
says how sure each of the best is and where to stop (:mod:`.ranking`). What pairs teach is in :mod:`.knowledge`.
"""
