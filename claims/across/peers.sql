-- Hospitals against their peers: those of the same region and level in the same time. The rule gives `figures`: hospital,
-- region, hospital_level, starts, ends, cases, figure, period and, where it has several, measure, and eligible.
WITH figures AS (
    {figures}
),
counted AS (
    SELECT figures.*, parameters.* EXCLUDE (period)
    FROM figures
    JOIN parameters USING (period)
    WHERE figure IS NOT NULL AND cases >= peer_cases_least AND hospital IS NOT NULL AND region IS NOT NULL
        AND hospital_level IS NOT NULL
),
grouped AS (
    SELECT
        region, hospital_level, measure, starts,
        count(*) AS peers,
        median(figure) AS middle,
        {edge} AS edge,
        greatest(1.4826 * mad(figure), any_value(peer_spread_least)) AS spread
    FROM counted
    GROUP BY region, hospital_level, measure, starts
),
judged AS (
    SELECT
        counted.*,
        peers,
        round(middle, 6) AS middle,
        round((figure - middle) / spread, 2) AS robust_z,
        {threshold} AS threshold
    FROM counted
    JOIN grouped
        ON grouped.region = counted.region AND grouped.hospital_level = counted.hospital_level
        AND grouped.measure = counted.measure AND grouped.starts = counted.starts
    WHERE peers >= peer_hospitals_least
)
SELECT
    ends AS as_of,
    hospital,
    measure,
    concat_ws(' / ', region, hospital_level) AS peer_group,
    peers, cases, starts, middle, robust_z, figure, round(threshold, 9) AS threshold
FROM judged
WHERE {beyond} AND eligible
