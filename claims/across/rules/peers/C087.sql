WITH usual AS (
    SELECT drg, month, round(avg(total_cost_fen))::BIGINT AS usual_fen, count(*) AS group_cases
    FROM stays
    WHERE drg IS NOT NULL AND total_cost_fen IS NOT NULL
    GROUP BY drg, month
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
    part(sum(total_cost_fen), sum(usual_fen)) AS figure
FROM stays
JOIN usual USING (drg, month)
JOIN parameters USING (period)
WHERE total_cost_fen IS NOT NULL AND group_cases >= group_cases_least
GROUP BY hospital, region, hospital_level, month
