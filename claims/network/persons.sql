-- Measures of persons: of the component, and the most persons who share a phone or account with them. `shared`: edges over
-- phones and accounts, those of offices too; `together`: pairs admitted together.
WITH used AS (
    SELECT a, kind, count(*) OVER (PARTITION BY b) - 1 AS others
    FROM shared
),
sharing AS (
    SELECT
        a AS node,
        max(others) FILTER (kind = 'phone')::INT AS phone_persons,
        max(others) FILTER (kind = 'account')::INT AS account_persons
    FROM used
    GROUP BY a
),
company AS (
    SELECT node, count(*)::INT AS together_persons, max(weight)::INT AS together_occasions
    FROM (SELECT a AS node, weight FROM together UNION ALL SELECT b, weight FROM together)
    GROUP BY node
)
SELECT
    member.node,
    member.component,
    coalesce(persons, 1) AS network_size,
    tie_kinds,
    density,
    hospital_share,
    doctor_share,
    coalesce(is_dense, FALSE) AS is_dense,
    phone_persons,
    account_persons,
    coalesce(together_persons, 0) AS together_persons,
    together_occasions,
    community,
    betweenness
FROM member
LEFT JOIN sharing USING (node)
LEFT JOIN company USING (node)
LEFT JOIN component ON member.component = component.component
LEFT JOIN placed USING (node)
WHERE member.kind = 'person'
ORDER BY member.node
