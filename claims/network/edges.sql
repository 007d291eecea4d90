-- What persons share: one edge a person and hospital, doctor, phone, account or agent. `visit` has the numbers of nodes.
WITH named AS (
    UNPIVOT (SELECT person, day, total_cost_fen, hospital, doctor, phone, account, agent FROM visit)
    ON hospital, doctor, phone, account, agent
    INTO NAME kind VALUE other
)
SELECT
    person AS a,
    other AS b,
    kind,
    count(*)::INT AS weight,
    sum(total_cost_fen)::BIGINT AS amount_fen,
    min(day) AS first_day,
    max(day) AS last_day
FROM named
GROUP BY ALL
ORDER BY ALL
