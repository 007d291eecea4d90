WITH often AS (
    SELECT person, hospital FROM stays WHERE person IS NOT NULL GROUP BY person, hospital HAVING count(*) >= (
        SELECT min(together_times) FROM parameters
    )
),
joint AS (
    SELECT hospital, admission_date, discharge_date, person, min(case_id) AS case_id, max(period) AS period
    FROM stays
    SEMI JOIN often ON often.person = stays.person AND often.hospital = stays.hospital
    GROUP BY hospital, admission_date, discharge_date, person
    QUALIFY count(*) OVER (PARTITION BY hospital, admission_date, discharge_date) <= (
        SELECT max(together_crowd_most) FROM parameters
    )
),
pairs AS (
    SELECT
        a.hospital,
        a.admission_date,
        a.discharge_date,
        a.period,
        a.person AS person_a,
        b.person AS person_b,
        a.case_id AS case_a,
        b.case_id AS case_b,
        row_number() OVER (
            PARTITION BY a.hospital, a.person, b.person ORDER BY a.discharge_date, a.admission_date
        ) AS times
    FROM joint AS a
    JOIN joint AS b
        ON b.hospital = a.hospital
        AND b.admission_date = a.admission_date
        AND b.discharge_date = a.discharge_date
        AND a.person < b.person
),
repeated AS (
    SELECT hospital, admission_date, discharge_date, period, times, unnest([case_a, case_b]) AS case_id
    FROM pairs
    JOIN parameters USING (period)
    WHERE times >= together_times
),
together AS (
    SELECT
        hospital,
        discharge_date AS as_of,
        list(DISTINCT case_id ORDER BY case_id) AS cases,
        max(times) AS times,
        max(period) AS period
    FROM repeated
    GROUP BY hospital, admission_date, discharge_date
)
SELECT cases[1] AS case_id, hospital, as_of, cases[2:] AS other_cases, len(cases) AS persons, times
FROM together
JOIN parameters USING (period)
WHERE len(cases) >= together_persons
