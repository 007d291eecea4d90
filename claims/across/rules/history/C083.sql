WITH bought AS (
    SELECT
        person,
        code,
        known_on AS day,
        count(DISTINCT case_id) AS visits,
        list(DISTINCT case_id ORDER BY case_id) AS cases,
        arg_min(hospital, case_id) AS hospital,
        max(period) AS period
    FROM lines
    JOIN visits USING (case_id)
    WHERE kind = 'drug'
        AND code IS NOT NULL
        AND person IS NOT NULL
        AND visit_kind IN ('outpatient', 'emergency', 'chronic', 'internet')
    GROUP BY person, code, known_on
),
counted AS (
    SELECT
        bought.*,
        sum(visits) OVER month AS times,
        flatten(list(cases) OVER month) AS month_cases,
        sum(visits) OVER month > drug_purchases_most AS too_often
    FROM bought
    JOIN parameters USING (period)
    WINDOW month AS (
        PARTITION BY person, code ORDER BY day RANGE BETWEEN INTERVAL 29 DAYS PRECEDING AND CURRENT ROW
    )
)
SELECT
    cases[-1] AS case_id,
    person,
    hospital,
    day AS as_of,
    list_sort(list_filter(month_cases, lambda one: one <> cases[-1])) AS other_cases,
    code AS drug,
    times
FROM counted
QUALIFY too_often AND NOT coalesce(lag(too_often) OVER (PARTITION BY person, code ORDER BY day), false)
