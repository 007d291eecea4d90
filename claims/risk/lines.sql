-- Of each claim the cost of examinations, and its bills. `claim`: row, case_id; `line`: case_id, charge, code, amount_fen, invoice.
WITH judged AS (
    SELECT
        case_id,
        amount_fen,
        invoice,
        coalesce(list_contains((SELECT charges FROM exam), charge), regexp_matches(code, (SELECT code FROM exam))) AS is_exam
    FROM line
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
