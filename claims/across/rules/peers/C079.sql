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
        count(*) FILTER (abs(date_diff('day', admission_date, discharge_date) - bed_day_limit) <= bed_day_near),
        count(*)
    ) AS figure
FROM stays
JOIN parameters USING (period)
WHERE bed_day_limit IS NOT NULL
GROUP BY hospital, region, hospital_level, month
