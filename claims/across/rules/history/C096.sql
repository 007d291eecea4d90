WITH kinds AS (
    SELECT unnest($one) AS code, unnest($one) AS family, 1 AS kind
    UNION ALL
    SELECT unnest($other), unnest($one), 2
),
told AS (
    SELECT
        case_id,
        person,
        hospital,
        known_on AS as_of,
        dx[1] AS dx,
        kind,
        lag(kind) OVER before AS kind_before,
        lag(case_id) OVER before AS case_before,
        lag(dx[1]) OVER before AS dx_before
    FROM visits
    JOIN kinds ON kinds.code = disease(visits.dx)
    WHERE person IS NOT NULL AND known_on IS NOT NULL
    WINDOW before AS (PARTITION BY person, family ORDER BY known_on, case_id)
)
SELECT case_id, person, hospital, as_of, [case_before] AS other_cases, dx, dx_before
FROM told
WHERE kind <> kind_before
