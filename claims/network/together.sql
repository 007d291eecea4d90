-- Pairs of persons who were admitted together again and again. Everything is as known on a day, so that a later claim does
-- not change what was known before it: a stay counts from the day of its claim on. Days are cut into buckets as wide as the
-- window, so that stays near each other are in the same or the next bucket, and no other pairs of stays are looked at. One
-- stay can be near several of another person: who has fewer stays than there must be occasions is tied to nobody.
WITH stay AS (
    SELECT
        person,
        hospital,
        admission_date AS admitted,
        first(department ORDER BY day, department) AS department,
        min(day) AS day
    FROM visit
    WHERE hospital IS NOT NULL AND admission_date IS NOT NULL
    GROUP BY ALL
),
counted AS (
    SELECT
        *,
        count(*) OVER (PARTITION BY person ORDER BY day) AS stays,
        count(*) OVER (PARTITION BY person) AS stays_ever,
        count(*) OVER (PARTITION BY hospital, admitted ORDER BY day) AS crowd,
        count(*) OVER (PARTITION BY hospital, admitted, department ORDER BY day) AS ward_crowd
    FROM stay
),
pairable AS (
    SELECT
        person,
        hospital,
        department,
        admitted,
        day,
        stays,
        crowd > (SELECT crowd FROM setting) AS is_crowded,
        (epoch(admitted) // 86400)::BIGINT // ((SELECT window_days FROM setting) + 1) AS bucket
    FROM counted
    WHERE stays_ever >= (SELECT occasions FROM setting)
        AND (
            crowd <= (SELECT crowd FROM setting)
            OR (department IS NOT NULL AND ward_crowd <= (SELECT crowd FROM setting))
        )
),
near AS (
    SELECT *, unnest([bucket, bucket + 1]) AS met_bucket
    FROM pairable
),
pair AS (
    SELECT
        one.person AS one,
        other.person AS other,
        greatest(one.admitted, other.admitted) AS met_on,
        greatest(one.day, other.day) AS day,
        greatest(one.stays, other.stays) AS stays,
        least(one.stays, other.stays) AS fewest
    FROM pairable AS one
    JOIN near AS other
        ON one.hospital = other.hospital
        AND one.bucket = other.met_bucket
        AND NOT one.is_crowded
        AND NOT other.is_crowded
        AND (other.bucket < one.bucket OR one.person < other.person)
    WHERE abs(one.admitted - other.admitted) <= (SELECT window_days FROM setting)
    UNION ALL
    SELECT
        one.person,
        other.person,
        greatest(one.admitted, other.admitted),
        greatest(one.day, other.day),
        greatest(one.stays, other.stays),
        least(one.stays, other.stays)
    FROM pairable AS one
    JOIN near AS other
        ON one.hospital = other.hospital
        AND one.department = other.department
        AND one.bucket = other.met_bucket
        AND (one.is_crowded OR other.is_crowded)
        AND (other.bucket < one.bucket OR one.person < other.person)
    WHERE abs(one.admitted - other.admitted) <= (SELECT window_days FROM setting)
),
occasion AS MATERIALIZED (
    SELECT
        least(one, other) AS a,
        greatest(one, other) AS b,
        met_on,
        min(day) AS day,
        min(stays) AS stays,
        min(fewest) AS fewest
    FROM pair
    WHERE one <> other
    GROUP BY ALL
),
often AS (
    SELECT a, b
    FROM occasion
    GROUP BY a, b
    HAVING count(*) >= (SELECT occasions FROM setting)
),
numbered AS (
    SELECT *, count(*) OVER (PARTITION BY a, b ORDER BY day) AS met
    FROM occasion
    SEMI JOIN often USING (a, b)
)
SELECT
    a,
    b,
    'together' AS kind,
    max(met)::INT AS weight,
    NULL::BIGINT AS amount_fen,
    min(day) FILTER (
        met >= (SELECT occasions FROM setting)
        AND fewest >= (SELECT occasions FROM setting)
        AND met >= (SELECT share FROM setting) * stays
    ) AS first_day,
    max(day) AS last_day
FROM numbered
GROUP BY a, b
HAVING first_day IS NOT NULL
ORDER BY a, b
