WITH yearly AS (
    SELECT *, date_trunc('year', known_on)::DATE AS first_day
    FROM stays
    WHERE year(admission_date) IN (SELECT year(day) FROM holidays)
)
SELECT
    '' AS measure,
    true AS eligible,
    hospital,
    region,
    hospital_level,
    first_day AS starts,
    end_of(first_day, INTERVAL 1 YEAR) AS ends,
    max(period) AS period,
    count(*) AS cases,
    part(count(*) FILTER (admission_date IN (SELECT day FROM holidays)), count(*)) AS figure
FROM yearly
GROUP BY hospital, region, hospital_level, first_day
