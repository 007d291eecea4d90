-- The stays with what the indicators compare them with: the mean of their group in the month over all hospitals, and the
-- next admission of the person to the same hospital. `followed`: the person is known and left alive.
CREATE VIEW measured AS
WITH usual AS (
    SELECT
        drg,
        month,
        round(avg(total_cost_fen))::BIGINT AS usual_fen,
        round(avg(date_diff('day', admission_date, discharge_date)), 6)::DECIMAL(18, 6) AS usual_nights,
        count(*) AS group_cases
    FROM stays
    WHERE drg IS NOT NULL
    GROUP BY drg, month
)
SELECT
    stays.*,
    date_diff('day', admission_date, discharge_date) AS nights,
    CASE WHEN group_cases >= group_cases_least THEN usual_fen END AS usual_fen,
    CASE WHEN group_cases >= group_cases_least THEN usual_nights END AS usual_nights,
    person IS NOT NULL AND discharge_way <> 5 AS followed,
    lead(admission_date) OVER (
        PARTITION BY person, hospital ORDER BY admission_date, discharge_date, case_id
    ) AS next_admission,
    (SELECT last_day FROM horizon) AS last_day
FROM stays
JOIN parameters USING (period)
LEFT JOIN usual ON usual.drg = stays.drg AND usual.month = stays.month
WHERE hospital IS NOT NULL;
