-- Features of claims as of the day of each claim. A window of earlier claims ends the day before: claims of the same day, which
-- may have been filed later, are not seen. `claim` has one row a claim, in order of `row`; a missing column is all null.
WITH known AS (
    SELECT
        *,
        coalesce(claim_date, discharge_date) AS day,
        dx[1][1:3] AS disease,
        los_days < 3 AS is_short
    FROM claim
),
dated AS (
    SELECT
        *,
        CASE WHEN person IS NOT NULL THEN date_diff('day', max(day) OVER of_person_ever, day) END AS days_since_last_claim
    FROM known
    WINDOW
        of_person_ever AS (
            PARTITION BY person ORDER BY day RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL 1 DAY PRECEDING
        )
),
of_bill AS (
    SELECT row, day, unnest(list_distinct(invoices)) AS invoice
    FROM known
),
used AS (
    SELECT
        row,
        count(*) OVER (
            PARTITION BY invoice ORDER BY day RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL 1 DAY PRECEDING
        ) AS earlier
    FROM of_bill
),
reused AS (
    SELECT row, max(earlier) AS invoice_reused
    FROM used
    GROUP BY row
),
of_disease_named AS (
    SELECT row, person, day, unnest(chronic) AS disease
    FROM known
    WHERE person IS NOT NULL
),
seen AS (
    -- No claim of an earlier day names it: a later one does not change the first day.
    SELECT row, day = min(day) OVER (PARTITION BY person, disease) AS is_first
    FROM of_disease_named
),
first_seen AS (
    SELECT row, bool_or(is_first) AS has_new_chronic
    FROM seen
    GROUP BY row
)
SELECT
    row,
    channel,
    occupation,
    beneficiary_changes,
    date_diff('day', issue_date, day) AS days_since_issue,
    (date_diff('day', issue_date, day) BETWEEN 0 AND 30)::INT AS within_30_days_of_issue,
    (day < waiting_until)::INT AS in_waiting_period,
    sum_insured_fen,
    premium_fen,
    policies,
    age,
    sex,
    region,
    insurance_type,
    dx[1][1] AS dx_chapter,
    len(dx) AS dx_count,
    len(proc) AS proc_count,
    los_days,
    icu_hours,
    weight,
    charlson,
    CASE WHEN upper(external_cause[1]) BETWEEN 'A' AND 'Z' THEN upper(external_cause[1:3]) END AS accident_cause,
    discharge_way,
    hospital_level,
    (isodow(admission_date) >= 6)::INT AS weekend_admission,
    total_cost_fen,
    patient_paid_fen / nullif(total_cost_fen, 0) AS patient_paid_share,
    drug_cost_fen / nullif(total_cost_fen, 0) AS drug_share,
    consumable_cost_fen / nullif(total_cost_fen, 0) AS consumable_share,
    total_cost_fen / greatest(los_days, 1) AS cost_per_day_fen,
    total_cost_fen / nullif(standard_fen, 0) AS cost_to_standard,
    CASE WHEN drg IS NOT NULL AND count(total_cost_fen) OVER of_drg >= 10
        THEN total_cost_fen / nullif(median(total_cost_fen) OVER of_drg, 0) END AS cost_to_peers,
    CASE WHEN drg IS NOT NULL AND count(los_days) OVER of_drg >= 10
        THEN los_days / nullif(median(los_days) OVER of_drg, 0) END AS stay_to_peers,
    (total_cost_fen % 10000 = 0)::INT AS round_total,
    exam_cost_fen / nullif(total_cost_fen, 0) AS exam_share,
    CASE WHEN len(invoices) > 0 THEN coalesce(invoice_reused, 0) END AS invoice_reused,
    CASE WHEN person IS NOT NULL THEN count(*) OVER of_person END AS claims_12m,
    CASE WHEN person IS NOT NULL THEN count(*) OVER of_person_24m END AS claims_24m,
    days_since_last_claim,
    CASE WHEN person IS NOT NULL THEN coalesce(sum(total_cost_fen::DOUBLE) OVER of_person, 0) END AS cost_12m_fen,
    CASE WHEN person IS NOT NULL THEN count(DISTINCT hospital) OVER of_person END AS hospitals_12m,
    CASE WHEN person IS NOT NULL AND disease IS NOT NULL THEN count(*) OVER of_disease END AS same_dx_12m,
    CASE WHEN person IS NOT NULL AND chronic IS NOT NULL AND issue_date IS NOT NULL
        THEN (coalesce(has_new_chronic, FALSE) AND date_diff('day', issue_date, day) BETWEEN 0 AND 90)::INT END AS new_chronic,
    CASE WHEN hospital IS NOT NULL THEN count(*) OVER of_hospital_90d END AS hospital_claims_90d,
    CASE WHEN hospital IS NOT NULL AND count(los_days) OVER of_hospital >= 10
        THEN avg(is_short::INT) OVER of_hospital END AS hospital_short_stays,
    CASE WHEN hospital IS NOT NULL AND count(total_cost_fen) OVER of_hospital >= 10
        THEN avg(total_cost_fen) OVER of_hospital END AS hospital_mean_cost_fen,
    CASE WHEN hospital IS NOT NULL AND count(person) OVER of_hospital >= 10
        -- No FILTER: DuckDB then goes through every row of every window.
        THEN (count(CASE WHEN days_since_last_claim < 15 THEN 1 END) OVER of_hospital)
            / (count(person) OVER of_hospital) END AS hospital_returns,
    CASE WHEN doctor IS NOT NULL THEN count(*) OVER of_doctor END AS doctor_claims_30d,
    network_size,
    phone_persons,
    account_persons,
    together_persons,
    finding_count,
    blocking_count,
    quality_score,
    document_findings,
    document_score,
    rule_hits
FROM dated
LEFT JOIN reused USING (row)
LEFT JOIN first_seen USING (row)
WINDOW
    of_person AS (
        PARTITION BY person ORDER BY day RANGE BETWEEN INTERVAL 365 DAY PRECEDING AND INTERVAL 1 DAY PRECEDING
    ),
    of_person_24m AS (
        PARTITION BY person ORDER BY day RANGE BETWEEN INTERVAL 730 DAY PRECEDING AND INTERVAL 1 DAY PRECEDING
    ),
    of_disease AS (
        PARTITION BY person, disease ORDER BY day RANGE BETWEEN INTERVAL 365 DAY PRECEDING AND INTERVAL 1 DAY PRECEDING
    ),
    of_drg AS (
        PARTITION BY drg ORDER BY day RANGE BETWEEN INTERVAL 365 DAY PRECEDING AND INTERVAL 1 DAY PRECEDING
    ),
    of_hospital AS (
        PARTITION BY hospital ORDER BY day RANGE BETWEEN INTERVAL 365 DAY PRECEDING AND INTERVAL 1 DAY PRECEDING
    ),
    of_hospital_90d AS (
        PARTITION BY hospital ORDER BY day RANGE BETWEEN INTERVAL 90 DAY PRECEDING AND INTERVAL 1 DAY PRECEDING
    ),
    of_doctor AS (
        PARTITION BY doctor ORDER BY day RANGE BETWEEN INTERVAL 30 DAY PRECEDING AND INTERVAL 1 DAY PRECEDING
    )
ORDER BY row
