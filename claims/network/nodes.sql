-- What the claims of each node add up to. `rank`: of the band, 0 the worst.
WITH named AS (
    UNPIVOT (SELECT case_row, day, total_cost_fen, rank, person, hospital, doctor, phone, account, agent FROM visit)
    ON person, hospital, doctor, phone, account, agent
    INTO NAME kind VALUE node
)
SELECT
    node,
    count(*)::INT AS claims,
    sum(total_cost_fen)::BIGINT AS amount_fen,
    min(day) AS first_day,
    max(day) AS last_day,
    min(rank) AS rank
FROM named
GROUP BY node
ORDER BY node
