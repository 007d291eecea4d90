WITH telephones AS (
    SELECT
        phone,
        date_trunc('year', known_on)::DATE AS first_day,
        count(DISTINCT person) AS persons,
        sum(total_cost_fen)::BIGINT AS sum_fen,
        max(period) AS period,
        list(case_id ORDER BY known_on DESC, case_id) AS cases
    FROM visits
    WHERE phone IS NOT NULL AND person IS NOT NULL AND known_on IS NOT NULL
    GROUP BY ALL
),
ranked AS (
    SELECT *, percent_rank() OVER (PARTITION BY first_day ORDER BY sum_fen) AS spend_rank FROM telephones
)
SELECT
    cases[1] AS case_id,
    end_of(first_day, INTERVAL 1 YEAR) AS as_of,
    cases[2:] AS other_cases,
    persons,
    sum_fen,
    year(first_day) AS year
FROM ranked
JOIN parameters USING (period)
WHERE persons > phone_persons_most AND spend_rank >= phone_spend_rank
