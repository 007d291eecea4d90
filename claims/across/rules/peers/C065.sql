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
    part(count(*) FILTER (planned_readmission), count(*)) AS figure
FROM stays
WHERE planned_readmission IS NOT NULL
GROUP BY hospital, region, hospital_level, month
