WITH groups AS (
    SELECT
        component,
        any_value(network_size) AS persons,
        any_value(density) AS density,
        count(*) AS visits,
        list(case_id ORDER BY known_on DESC, case_id DESC)[1:51] AS cases
    FROM visits
    JOIN network USING (person)
    WHERE is_dense
    GROUP BY component
)
SELECT
    cases[1] AS case_id,
    (SELECT last_day FROM horizon) AS as_of,
    cases[2:] AS other_cases,
    persons,
    density,
    visits
FROM groups
