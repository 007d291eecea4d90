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
    part(
        count(*) FILTER (
            abs(ratio / cost_ratio_low - 1) <= near_limit_share OR abs(ratio / cost_ratio_high - 1) <= near_limit_share
        ),
        count(*)
    ) AS figure
FROM stays
JOIN parameters USING (period)
WHERE ratio IS NOT NULL
GROUP BY hospital, region, hospital_level, month
