-- Which fields there are, each with its column's type. A type with Nothing in it is that of a field that a query names
-- and no schema has. The last two are for questions about fields that only the schemas name (each.py).
SELECT * APPLY(toTypeName)
FROM
(
    SELECT 1 AS one
) AS always
LEFT JOIN
(
    SELECT
        *,
        1 AS one,
        {all:resource string (?!service\.|telemetry\.)} AS "a text of the resource",
        {all:span (int|double|string|bool) (?!aborted$)} AS "a parameter"
    FROM runs
    WHERE false
) AS none USING one
