-- Which fields there are, each with its column's type. A type with Nothing in it is that of a field that a query names
-- and no schema has.
SELECT * APPLY(toTypeName)
FROM
(
    SELECT 1 AS one
) AS always
LEFT JOIN
(
    SELECT *, 1 AS one
    FROM runs
    WHERE false
) AS none USING one
