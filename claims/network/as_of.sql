-- Each visit in the order of its day, and whether its person had used its phone and account on a day before.
SELECT
    case_row,
    person,
    phone,
    account,
    epoch(day) // 86400 AS day,
    coalesce(min(day) OVER (PARTITION BY person, phone) < day AND phone IS NOT NULL, FALSE) AS phone_seen,
    coalesce(min(day) OVER (PARTITION BY person, account) < day AND account IS NOT NULL, FALSE) AS account_seen
FROM visit
ORDER BY day, case_row
