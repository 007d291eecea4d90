-- The cases of the same group that are clinically nearest: same kind of principal diagnosis, same main procedure, same sex,
-- then by age. Cost and stay are what is compared, so they do not choose.
SELECT v.*
FROM visits v, own o
WHERE v.drg = o.drg AND v.case_id <> o.case_id
ORDER BY
    v.principal_dx[1:3] IS DISTINCT FROM o.principal_dx[1:3],
    v.principal_proc IS DISTINCT FROM o.principal_proc,
    v.sex IS DISTINCT FROM o.sex,
    abs(v.age - o.age) NULLS LAST,
    v.case_id
LIMIT ?
