SELECT
    later.case_id,
    later.person,
    later.hospital,
    later.known_on AS as_of,
    list(other.case_id ORDER BY other.case_id) AS other_cases,
    max(date_diff(
        'day',
        greatest(other.admission_date, later.admission_date),
        least(other.discharge_date, later.discharge_date)
    )) AS nights
FROM stays AS later
JOIN stays AS other
    ON other.person = later.person
    AND other.hospital <> later.hospital
    AND other.admission_date < later.discharge_date
    AND later.admission_date < other.discharge_date
    AND (other.known_on, other.case_id) < (later.known_on, later.case_id)
GROUP BY later.case_id, later.person, later.hospital, later.known_on
