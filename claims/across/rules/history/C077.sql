WITH typical AS (
    SELECT
        drg,
        month,
        count(*) AS cases,
        quantile_cont(date_diff('day', admission_date, discharge_date), 0.1) AS tenth
    FROM stays
    WHERE drg IS NOT NULL
    GROUP BY drg, month
)
SELECT
    stay.case_id,
    stay.person,
    stay.hospital,
    greatest(next.known_on, end_of(stay.month, INTERVAL 1 MONTH)) AS as_of,
    [next.case_id] AS other_cases,
    date_diff('day', stay.admission_date, stay.discharge_date) AS nights,
    tenth,
    cases,
    date_diff('day', stay.discharge_date, next.admission_date) AS days
FROM stays AS stay
JOIN parameters USING (period)
JOIN typical ON typical.drg = stay.drg AND typical.month = stay.month
JOIN stays AS next
    ON next.person = stay.person
    AND next.case_id <> stay.case_id
    AND next.admission_date BETWEEN stay.discharge_date AND stay.discharge_date + early_return_days::INTEGER
    AND (stay.discharge_date, stay.case_id) < (next.discharge_date, next.case_id)
WHERE cases >= peer_cases_least AND date_diff('day', stay.admission_date, stay.discharge_date) < tenth
QUALIFY row_number() OVER (PARTITION BY stay.case_id ORDER BY next.known_on, next.case_id) = 1
