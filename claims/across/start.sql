-- How a figure is told in a sentence, by its unit.
CREATE MACRO told_count(x) AS x::BIGINT::VARCHAR;
CREATE MACRO told_date(x) AS x::DATE::VARCHAR;
CREATE MACRO told_fen(x) AS (x::DECIMAL(38, 2) / 100)::DECIMAL(38, 2)::VARCHAR;
CREATE MACRO told_number(x) AS printf('%.2f', x::DOUBLE);
CREATE MACRO told_share(x) AS printf('%.1f%%', 100 * x::DOUBLE);
CREATE MACRO told_text(x) AS x::VARCHAR;
CREATE MACRO told_texts(x) AS array_to_string(x[1:5], ', ') || CASE WHEN len(x) > 5 THEN ' …' ELSE '' END;
-- Figures are compared after rounding, so that a sum gives the same answer in any order of its parts.
CREATE MACRO part(a, b) AS CASE WHEN b > 0 THEN round(a::DOUBLE / b::DOUBLE, 9) END;
-- The category of a diagnosis (three characters).
CREATE MACRO disease(codes) AS codes[1][1:3];
CREATE MACRO starts_with_any(code, prefixes) AS len(list_filter(prefixes, lambda prefix: starts_with(code, prefix))) > 0;

-- Rows that could not be read. `row` from 1 within its file; `reason`: a message id.
CREATE TABLE rejected ("table" VARCHAR, source VARCHAR, row BIGINT, case_id VARCHAR, field VARCHAR, value VARCHAR, reason VARCHAR);
