WITH monthly AS (
    SELECT
        hospital,
        region,
        hospital_level,
        month AS starts,
        end_of(month, INTERVAL 1 MONTH) AS ends,
        max(period) AS period,
        count(*) AS cases,
        part(sum(drug_cost_fen), sum(total_cost_fen)) AS drug_share,
        part(sum(exam_cost_fen), sum(total_cost_fen)) AS exam_share
    FROM stays
    WHERE total_cost_fen IS NOT NULL AND drug_cost_fen IS NOT NULL AND exam_cost_fen IS NOT NULL
    GROUP BY hospital, region, hospital_level, month
)
SELECT
    *,
    true AS eligible,
    unnest(['drug_share', 'exam_share']) AS measure,
    unnest([drug_share, exam_share]) AS figure
FROM monthly
