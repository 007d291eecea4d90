SELECT
    stay.case_id,
    stay.person,
    stay.hospital,
    stay.known_on AS as_of,
    [before.case_id] AS other_cases,
    date_diff('day', before.discharge_date, stay.admission_date) AS days,
    before.hospital AS hospital_before,
    stay.hospital_group
FROM stays AS stay
JOIN parameters USING (period)
JOIN stays AS before
    ON before.person = stay.person
    AND before.hospital_group = stay.hospital_group
    AND before.hospital <> stay.hospital
    AND (before.discharge_date, before.case_id) < (stay.discharge_date, stay.case_id)
    AND stay.admission_date BETWEEN before.discharge_date AND before.discharge_date + transfer_days::INTEGER
QUALIFY row_number() OVER (
    PARTITION BY stay.case_id ORDER BY before.discharge_date DESC, before.case_id
) = 1
