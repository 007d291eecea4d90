WITH placed AS (
    SELECT *, hospital_region[1:4] <> region[1:4] AS is_remote
    FROM visits
    WHERE admission_date IS NOT NULL
)
SELECT
    later.case_id,
    later.person,
    later.hospital,
    later.known_on AS as_of,
    list(other.case_id ORDER BY other.case_id) AS other_cases,
    min(CASE WHEN later.is_remote THEN later.hospital_region ELSE other.hospital_region END) AS hospital_region,
    later.admission_date AS day
FROM placed AS later
JOIN placed AS other
    ON other.person = later.person
    AND other.admission_date = later.admission_date
    AND disease(other.dx) = disease(later.dx)
    AND other.is_remote <> later.is_remote
    AND (other.known_on, other.case_id) < (later.known_on, later.case_id)
GROUP BY later.case_id, later.person, later.hospital, later.known_on, later.admission_date
