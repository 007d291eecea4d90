-- Of each claim the cost of examinations, and its bills. `claim`: row, case_id; `line`: case_id, charge, code, amount_fen, invoice.
WITH known AS (
    -- Once a code: the pattern is compiled for each row anew.
    SELECT code, regexp_matches(code, (SELECT code FROM exam)) AS is_exam
    FROM (SELECT DISTINCT code FROM line)
),
judged AS (
    SELECT
        line.case_id,
        line.amount_fen,
        line.invoice,
        coalesce(list_contains((SELECT charges FROM exam), line.charge), known.is_exam) AS is_exam
    FROM line
    LEFT JOIN known ON line.code = known.code
),
summed AS (
    SELECT
        case_id,
        CASE WHEN count(amount_fen) = count(*) AND count(is_exam) = count(*)
            THEN coalesce(sum(amount_fen) FILTER (is_exam), 0) END::BIGINT AS exam_cost_fen,
        list_sort(list_distinct(list(invoice) FILTER (invoice IS NOT NULL))) AS invoices
    FROM judged
    GROUP BY case_id
)
SELECT exam_cost_fen, invoices
FROM claim
LEFT JOIN summed USING (case_id)
ORDER BY row
