WITH charged AS (
    SELECT *, drug_cost_fen + consumable_cost_fen AS material_fen, coalesce(proc[1], '') AS first_proc
    FROM stays
    WHERE drg IS NOT NULL AND material_fen IS NOT NULL
),
usual AS (
    SELECT drg, first_proc, month, round(avg(material_fen))::BIGINT AS usual_fen, count(*) AS group_cases
    FROM charged
    GROUP BY drg, first_proc, month
)
SELECT
    '' AS measure,
    true AS eligible,
    hospital,
    region,
    hospital_level,
    month AS starts,
    end_of(month, INTERVAL 1 MONTH) AS ends,
    max(period) AS period,
    count(*) AS cases,
    part(sum(material_fen), sum(usual_fen)) AS figure
FROM charged
JOIN usual USING (drg, first_proc, month)
JOIN parameters USING (period)
WHERE group_cases >= group_cases_least
GROUP BY hospital, region, hospital_level, month
