WITH bought AS (
    SELECT
        person,
        code,
        known_on AS day,
        hospital,
        sum(amount_fen)::BIGINT AS amount_fen,
        max(case_id) AS case_id,
        max(period) AS period
    FROM lines
    JOIN visits USING (case_id)
    WHERE kind = 'drug'
        AND code IS NOT NULL
        AND person IS NOT NULL
        AND visit_kind IN ('outpatient', 'emergency', 'chronic', 'internet')
    GROUP BY person, code, known_on, hospital
),
wide AS (
    SELECT person, code FROM bought GROUP BY person, code HAVING count(DISTINCT hospital) > (
        SELECT min(drug_hospitals_most) FROM parameters
    )
),
counted AS (
    SELECT
        bought.*,
        count(DISTINCT hospital) OVER month AS hospitals,
        sum(amount_fen) OVER month AS sum_fen,
        list(case_id) OVER month AS cases,
        hospitals > drug_hospitals_most AND sum_fen >= drug_amount_high_fen AS too_much
    FROM bought
    SEMI JOIN wide ON wide.person = bought.person AND wide.code = bought.code
    JOIN parameters USING (period)
    WINDOW month AS (
        PARTITION BY person, code ORDER BY day RANGE BETWEEN INTERVAL 29 DAYS PRECEDING AND CURRENT ROW
    )
),
daily AS (
    SELECT * FROM counted QUALIFY row_number() OVER (PARTITION BY person, code, day ORDER BY case_id DESC) = 1
)
SELECT
    case_id,
    person,
    hospital,
    day AS as_of,
    list_sort(list_filter(cases, lambda one: one <> case_id)) AS other_cases,
    code AS drug,
    hospitals,
    sum_fen
FROM daily
QUALIFY too_much AND NOT coalesce(lag(too_much) OVER (PARTITION BY person, code ORDER BY day), false)
