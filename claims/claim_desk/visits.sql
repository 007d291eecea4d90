-- One row a visit: the claim, its person and hospital, its group, its risk. Tables that an installation has not got are empty.
SELECT
    c.case_id, c.person, c.hospital, c.department, c.doctor, c.sex, c.age, c.admission_date, c.discharge_date, c.los_days,
    c.dx[1] AS principal_dx, c.proc[1] AS principal_proc, c.total_cost_fen, c.drug_cost_fen, c.consumable_cost_fen,
    c.patient_paid_fen, g.drg, g.drg_name, p.weight, p.standard_fen, p.ratio, r.band, r.score
FROM cases c
LEFT JOIN groups g USING (case_id)
LEFT JOIN prices p USING (case_id)
LEFT JOIN risk r USING (case_id)
