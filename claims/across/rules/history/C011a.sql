WITH daily AS (
    SELECT
        person,
        code,
        known_on AS day,
        arg_max(hospital, case_id) AS hospital,
        max(value) AS most,
        sum(days_supplied) AS days,
        max(period) AS period,
        list(DISTINCT case_id ORDER BY case_id) AS cases
    FROM lines
    JOIN visits USING (case_id)
    JOIN limits USING (code)
    WHERE kind_of_limit = 'course_days' AND known_on BETWEEN first_day AND last_day AND person IS NOT NULL
    GROUP BY person, code, known_on
),
begun AS (
    SELECT
        *,
        coalesce(date_diff('day', lag(day) OVER (PARTITION BY person, code ORDER BY day), day) > course_gap_days, true)
            AS begins
    FROM daily
    JOIN parameters USING (period)
),
numbered AS (
    SELECT *, count(*) FILTER (begins) OVER (PARTITION BY person, code ORDER BY day) AS course FROM begun
),
added AS (
    SELECT
        *,
        sum(days) OVER so_far AS total,
        flatten(list(cases) OVER so_far) AS course_cases
    FROM numbered
    WINDOW so_far AS (PARTITION BY person, code, course ORDER BY day)
)
SELECT
    cases[-1] AS case_id,
    person,
    hospital,
    day AS as_of,
    list_sort(list_filter(course_cases, lambda one: one <> cases[-1])) AS other_cases,
    code AS item,
    total AS days,
    most
FROM added
WHERE total > most AND total - days <= most AND len(course_cases) > 1
