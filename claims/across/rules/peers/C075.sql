WITH monthly AS (
    SELECT
        hospital,
        region,
        hospital_level,
        month,
        count(*) AS cases,
        max(period) AS period,
        part(count(*) FILTER (cc_level = 'MCC' OR weight >= severe_weight OR icu_hours > 0), count(*)) AS severe,
        part(count(*) FILTER (discharge_way = 2), count(*)) AS transferred
    FROM stays
    JOIN parameters USING (period)
    WHERE cc_level IS NOT NULL AND weight IS NOT NULL AND discharge_way IS NOT NULL
    GROUP BY hospital, region, hospital_level, month
)
SELECT
    '' AS measure,
    now.transferred > before.transferred AS eligible,
    now.hospital,
    now.region,
    now.hospital_level,
    now.month AS starts,
    end_of(now.month, INTERVAL 1 MONTH) AS ends,
    now.period,
    least(now.cases, before.cases) AS cases,
    before.severe - now.severe AS figure
FROM monthly AS now
JOIN monthly AS before
    ON before.hospital = now.hospital
    AND before.region = now.region
    AND before.hospital_level = now.hospital_level
    AND before.month + INTERVAL 1 MONTH = now.month
