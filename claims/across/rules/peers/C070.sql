WITH monthly AS (
    SELECT
        hospital,
        region,
        hospital_level,
        month,
        count(*) AS cases,
        max(period) AS period,
        part(count(*) FILTER (cc_level IN ('CC', 'MCC')), count(*)) AS cc_share,
        part(sum(weight), count(*)) AS cmi
    FROM stays
    WHERE cc_level IS NOT NULL AND weight IS NOT NULL
    GROUP BY hospital, region, hospital_level, month
),
changes AS (
    SELECT
        unnest(['cc_share', 'cmi']) AS measure,
        now.hospital,
        now.region,
        now.hospital_level,
        now.month AS starts,
        now.period,
        least(now.cases, before.cases) AS cases,
        unnest([now.cc_share, now.cmi]) AS value,
        unnest([before.cc_share, before.cmi]) AS value_before
    FROM monthly AS now
    JOIN monthly AS before
        ON before.hospital = now.hospital
        AND before.region = now.region
        AND before.hospital_level = now.hospital_level
        AND before.month + INTERVAL 1 MONTH = now.month
)
SELECT
    *,
    true AS eligible,
    end_of(starts, INTERVAL 1 MONTH) AS ends,
    part(value - value_before, value_before) AS figure
FROM changes
