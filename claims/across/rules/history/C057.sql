SELECT
    visit.case_id,
    visit.person,
    visit.hospital,
    max(greatest(visit.known_on, stay.known_on)) AS as_of,
    list(stay.case_id ORDER BY stay.case_id) AS other_cases,
    visit.known_on AS day
FROM visits AS visit
JOIN stays AS stay
    ON stay.person = visit.person
    AND visit.known_on > stay.admission_date
    AND visit.known_on < stay.discharge_date
WHERE visit.visit_kind IN ('outpatient', 'chronic', 'internet')
GROUP BY visit.case_id, visit.person, visit.hospital, visit.known_on
