WITH settled AS (
    SELECT
        case_id,
        person,
        hospital,
        known_on AS as_of,
        invoice,
        period,
        row_number() OVER (PARTITION BY invoice ORDER BY known_on, case_id) AS uses
    FROM visits
    WHERE invoice IS NOT NULL AND known_on IS NOT NULL AND reversed IS DISTINCT FROM true
),
repeated AS (
    SELECT
        settled.*,
        list(case_id) OVER (PARTITION BY invoice ORDER BY uses ROWS BETWEEN 50 PRECEDING AND 1 PRECEDING)
            AS other_cases
    FROM settled
    JOIN parameters USING (period)
    WHERE uses <= invoice_uses_most
)
SELECT case_id, person, hospital, as_of, other_cases, invoice
FROM repeated
WHERE uses > 1
