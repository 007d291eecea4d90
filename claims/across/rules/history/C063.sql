SELECT
    stay.case_id,
    stay.person,
    stay.hospital,
    stay.known_on AS as_of,
    list(before.case_id ORDER BY before.case_id) AS other_cases,
    stay.department,
    min(before.department) AS department_before,
    stay.drg,
    min(before.drg) AS drg_before
FROM stays AS stay
JOIN stays AS before
    ON before.person = stay.person
    AND before.hospital = stay.hospital
    AND before.case_id <> stay.case_id
    AND before.discharge_date = stay.admission_date
    AND (before.discharge_date, before.case_id) < (stay.discharge_date, stay.case_id)
    AND before.department <> stay.department
    AND before.drg <> stay.drg
GROUP BY stay.case_id, stay.person, stay.hospital, stay.known_on, stay.department, stay.drg
