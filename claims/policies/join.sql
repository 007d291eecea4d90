-- Of each claim what was known of its policy on its day. `claim`: row, policy, person, day; `state`: of policies, from
-- `valid_from` on; `change`: of beneficiaries. A claim that names no policy has that of its person where exactly one was in force.
WITH of_person AS (
    SELECT claim.row, state.*
    FROM claim
    JOIN state ON claim.person = state.person AND state.valid_from <= claim.day
    QUALIFY row_number() OVER (PARTITION BY claim.row, state.policy ORDER BY state.valid_from DESC) = 1
),
in_force AS (
    SELECT of_person.row, count(*) AS policies, any_value(of_person.policy) AS policy
    FROM of_person
    JOIN claim USING (row)
    WHERE of_person.ends_on IS NULL OR of_person.ends_on >= claim.day
    GROUP BY of_person.row
),
chosen AS (
    SELECT
        claim.row,
        claim.day,
        coalesce(policies, CASE WHEN claim.person IS NOT NULL THEN 0 END) AS policies,
        coalesce(claim.policy, CASE WHEN policies = 1 THEN in_force.policy END) AS policy
    FROM claim
    LEFT JOIN in_force USING (row)
),
stated AS (
    SELECT chosen.row, state.*
    FROM chosen
    ASOF JOIN state ON chosen.policy = state.policy AND chosen.day >= state.valid_from
),
changed AS (
    SELECT chosen.row, count(*) AS changes
    FROM chosen
    JOIN change ON chosen.policy = change.policy AND change.change_date < chosen.day
    GROUP BY chosen.row
)
SELECT
    chosen.policies,
    stated.issue_date,
    stated.waiting_until,
    stated.sum_insured_fen,
    stated.premium_fen,
    stated.channel,
    stated.occupation,
    CASE WHEN stated.policy IS NOT NULL THEN coalesce(changed.changes, 0) END AS beneficiary_changes
FROM chosen
LEFT JOIN stated USING (row)
LEFT JOIN changed USING (row)
ORDER BY row
