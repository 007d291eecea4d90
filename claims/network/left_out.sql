-- Stays that began in a crowd, so that only those known first were paired: see `together.sql`.
WITH stay AS (
    SELECT hospital, admission_date, department, person
    FROM visit
    WHERE hospital IS NOT NULL AND admission_date IS NOT NULL
    GROUP BY ALL
),
crowded AS (
    SELECT
        count(*) OVER (PARTITION BY hospital, admission_date) AS crowd,
        CASE WHEN department IS NOT NULL
            THEN count(*) OVER (PARTITION BY hospital, admission_date, department) END AS ward_crowd
    FROM stay
)
SELECT count(*) AS stays
FROM crowded
WHERE crowd > (SELECT crowd FROM setting) AND coalesce(ward_crowd > (SELECT crowd FROM setting), TRUE)
