-- What the rules read. `known_on`: the day on which a visit is known. What is known after `until` is not seen.
-- A person with more than `most_visits` visits is a placeholder, and the visits belong to nobody.
CREATE TABLE visits AS
WITH dated AS (
    SELECT *, coalesce(discharge_date, admission_date) AS known_on
    FROM visits_all
    WHERE (SELECT until FROM run) IS NULL OR coalesce(discharge_date, admission_date) <= (SELECT until FROM run)
),
crowded AS (
    SELECT person FROM dated WHERE person IS NOT NULL GROUP BY person HAVING count(*) > (SELECT most_visits FROM run)
),
regions AS (SELECT DISTINCT region FROM stretches)
SELECT
    dated.* REPLACE (CASE WHEN crowded.person IS NULL THEN dated.person END AS person),
    crowded.person IS NOT NULL AS crowded,
    coalesce(visit_kind = 'inpatient' AND admission_date IS NOT NULL AND discharge_date IS NOT NULL, false) AS is_stay,
    part(total_cost_fen, standard_fen) AS ratio,
    date_trunc('month', known_on)::DATE AS month,
    stretches.period
FROM dated
LEFT JOIN crowded ON crowded.person = dated.person
LEFT JOIN regions own ON own.region = coalesce(dated.region, (SELECT region FROM run))
LEFT JOIN regions province ON province.region = coalesce(dated.region, (SELECT region FROM run))[1:2] || '0000'
LEFT JOIN stretches
    ON stretches.region = coalesce(own.region, province.region, 'CN')
    AND known_on BETWEEN stretches.first_day AND stretches.last_day;

CREATE VIEW stays AS SELECT * FROM visits WHERE is_stay;

-- The last day on which anything was known: a period that is still open ends there.
CREATE TABLE horizon AS SELECT coalesce((SELECT until FROM run), max(known_on)) AS last_day FROM visits;
CREATE MACRO end_of(first_day, length) AS least((first_day + length - INTERVAL 1 DAY)::DATE, (SELECT last_day FROM horizon));

CREATE VIEW lines AS SELECT * FROM lines_all;
CREATE VIEW network AS SELECT * FROM network_all;

DROP TABLE read_visits;
