SELECT
    stay.case_id,
    stay.person,
    stay.hospital,
    stay.known_on AS as_of,
    [before.case_id] AS other_cases,
    date_diff('day', before.discharge_date, stay.admission_date) AS days,
    stay.ratio AS ratio,
    before.ratio AS ratio_before,
    before.total_cost_fen + stay.total_cost_fen AS sum_fen
FROM stays AS stay
JOIN parameters USING (period)
JOIN stays AS before
    ON before.person = stay.person
    AND before.hospital = stay.hospital
    AND before.case_id <> stay.case_id
    AND (before.discharge_date, before.case_id) < (stay.discharge_date, stay.case_id)
    AND stay.admission_date BETWEEN before.discharge_date AND before.discharge_date + readmission_days::INTEGER
WHERE stay.ratio BETWEEN near_cap_share AND 1 AND before.ratio BETWEEN near_cap_share AND 1
QUALIFY row_number() OVER (
    PARTITION BY stay.case_id ORDER BY before.discharge_date DESC, before.case_id
) = 1
