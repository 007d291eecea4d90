-- One row an indicator, hospital and month. {figures}: a list of structs, one an indicator. Small numbers are not shown.
WITH monthly AS (
    SELECT hospital, region, hospital_level, month, max(period) AS period, {figures} AS figures
    FROM measured
    GROUP BY hospital, region, hospital_level, month
),
single AS (
    SELECT hospital, region, hospital_level, month, period, unnest(figures, recursive := true) FROM monthly
),
shown AS (
    SELECT
        single.*,
        cases < indicator_cases_least AS suppressed,
        CASE WHEN cases >= indicator_cases_least THEN part(numerator, denominator) END AS value,
        peer_hospitals_least,
        peer_spread_least
    FROM single
    JOIN parameters USING (period)
    WHERE cases > 0
),
peers AS (
    SELECT
        indicator,
        region,
        hospital_level,
        month,
        count(*) AS peers,
        median(value) AS middle,
        greatest(1.4826 * mad(value), any_value(peer_spread_least)) AS spread
    FROM shown
    WHERE value IS NOT NULL AND region IS NOT NULL AND hospital_level IS NOT NULL
    GROUP BY indicator, region, hospital_level, month
    HAVING count(*) >= any_value(peer_hospitals_least)
),
ranked AS (
    SELECT
        indicator,
        hospital,
        region,
        hospital_level,
        month,
        percent_rank() OVER (PARTITION BY indicator, region, hospital_level, month ORDER BY value) AS percentile
    FROM shown
    WHERE value IS NOT NULL
)
SELECT
    shown.indicator,
    shown.hospital,
    shown.region,
    shown.hospital_level,
    shown.month,
    CASE WHEN NOT suppressed THEN cases END AS cases,
    value,
    suppressed,
    peers,
    round(middle, 9) AS peer_middle,
    CASE WHEN peers IS NOT NULL THEN round(percentile, 4) END AS percentile,
    round((value - middle) / spread, 2) AS robust_z
FROM shown
LEFT JOIN peers
    ON peers.indicator = shown.indicator AND peers.region = shown.region
    AND peers.hospital_level = shown.hospital_level AND peers.month = shown.month
LEFT JOIN ranked
    ON ranked.indicator = shown.indicator AND ranked.hospital = shown.hospital AND ranked.month = shown.month
    AND ranked.region IS NOT DISTINCT FROM shown.region
    AND ranked.hospital_level IS NOT DISTINCT FROM shown.hospital_level
ORDER BY ALL
