WITH daily AS (
    SELECT
        doctor,
        hospital,
        known_on AS as_of,
        count(*) FILTER (NOT is_stay) AS visits,
        count(*) FILTER (is_stay) AS stays,
        max(case_id) AS case_id,
        list(case_id ORDER BY case_id DESC) AS cases,
        max(period) AS period
    FROM visits
    WHERE doctor IS NOT NULL AND known_on IS NOT NULL
    GROUP BY doctor, hospital, known_on
)
SELECT case_id, doctor, hospital, as_of, cases[2:51] AS other_cases, visits, stays
FROM daily
JOIN parameters USING (period)
WHERE visits > doctor_day_outpatients_most OR stays > doctor_day_stays_most
