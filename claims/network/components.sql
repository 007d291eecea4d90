-- Measures of components; the dense ones are a clue (C082). `member`: node, component, kind; `tie`: edges of components.
-- A pair is tied where two persons share a phone or account, or were admitted together.
WITH pair AS (
    SELECT one.a AS a, other.a AS b, one.kind
    FROM tie AS one
    JOIN tie AS other ON one.b = other.b AND one.a < other.a
    WHERE one.kind <> 'together' AND other.kind <> 'together'
    UNION
    SELECT a, b, kind
    FROM tie
    WHERE kind = 'together'
),
tied AS (
    SELECT
        component,
        count(DISTINCT (a, b))::INT AS tied_pairs,
        count(*) FILTER (pair.kind = 'together')::INT AS together_pairs,
        count(DISTINCT pair.kind)::INT AS tie_kinds
    FROM pair
    JOIN member ON pair.a = member.node
    GROUP BY component
),
sized AS (
    SELECT
        component,
        count(*) FILTER (kind = 'person')::INT AS persons,
        count(*) FILTER (kind = 'phone')::INT AS phones,
        count(*) FILTER (kind = 'account')::INT AS accounts
    FROM member
    GROUP BY component
),
treated AS (
    SELECT
        component,
        count(*)::INT AS claims,
        sum(total_cost_fen)::BIGINT AS amount_fen,
        min(day) AS first_day,
        max(day) AS last_day
    FROM visit
    JOIN member ON visit.person = member.node
    GROUP BY component
),
at_hospital AS (
    SELECT component, max(claims) / sum(claims) AS hospital_share
    FROM (
        SELECT component, hospital, count(*) AS claims
        FROM visit
        JOIN member ON visit.person = member.node
        WHERE hospital IS NOT NULL
        GROUP BY ALL
    )
    GROUP BY component
),
by_doctor AS (
    SELECT component, max(claims) / sum(claims) AS doctor_share
    FROM (
        SELECT component, doctor, count(*) AS claims
        FROM visit
        JOIN member ON visit.person = member.node
        WHERE doctor IS NOT NULL
        GROUP BY ALL
    )
    GROUP BY component
)
SELECT
    component,
    persons,
    phones,
    accounts,
    coalesce(tied_pairs, 0) AS tied_pairs,
    coalesce(together_pairs, 0) AS together_pairs,
    coalesce(tie_kinds, 0) AS tie_kinds,
    tied_pairs / (persons::DOUBLE * (persons - 1) / 2) AS density,
    hospital_share,
    doctor_share,
    coalesce(
        persons > (SELECT household FROM setting)
        AND density >= (SELECT least_density FROM setting)
        AND (tie_kinds > 1 OR together_pairs > 0),
        FALSE
    ) AS is_dense,
    claims,
    amount_fen,
    first_day,
    last_day
FROM sized
LEFT JOIN tied USING (component)
LEFT JOIN treated USING (component)
LEFT JOIN at_hospital USING (component)
LEFT JOIN by_doctor USING (component)
WHERE persons > 1
ORDER BY component
