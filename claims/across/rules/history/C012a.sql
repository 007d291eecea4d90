WITH daily AS (
    SELECT
        person,
        code,
        known_on AS day,
        date_trunc(CASE kind_of_limit WHEN 'per_month' THEN 'month' ELSE 'year' END, known_on)::DATE AS since,
        kind_of_limit,
        arg_max(hospital, case_id) AS hospital,
        max(value) AS most,
        sum(quantity) AS quantity,
        list(DISTINCT case_id ORDER BY case_id) AS cases
    FROM lines
    JOIN visits USING (case_id)
    JOIN limits USING (code)
    WHERE kind_of_limit IN ('per_month', 'per_year')
        AND known_on BETWEEN first_day AND last_day
        AND person IS NOT NULL
    GROUP BY person, code, known_on, kind_of_limit
),
added AS (
    SELECT *, sum(quantity) OVER so_far AS total, flatten(list(cases) OVER so_far) AS cases_so_far
    FROM daily
    WINDOW so_far AS (PARTITION BY person, code, kind_of_limit, since ORDER BY day)
)
SELECT
    cases[-1] AS case_id,
    person,
    hospital,
    day AS as_of,
    list_sort(list_filter(cases_so_far, lambda one: one <> cases[-1])) AS other_cases,
    code AS item,
    total AS quantity,
    most,
    since
FROM added
WHERE total > most AND total - quantity <= most
