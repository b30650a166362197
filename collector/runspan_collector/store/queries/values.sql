-- The values of the parameters, but for lists: of each parameter the 20 most frequent, and the others together. The
-- largest double says that there is no limit.
SELECT
    field,
    multiIf(place > 20, 'other', found = '1.7976931348623157e308', 'none', found) AS value,
    sum(counted) AS runs
FROM
(
    SELECT
        *,
        row_number() OVER (PARTITION BY field ORDER BY counted DESC, found) AS place
    FROM
    (
        SELECT
            pair.1 AS field,
            assumeNotNull(pair.2) AS found,
            sum("/together") AS counted
        FROM
        (
            -- A field may have any name, but none of these (columns.py: named). Backquotes are for fields (tables.py).
            SELECT "/together", {each:span (int|double|string|bool) (?!aborted$)} AS "/pairs"
            FROM
            (
                -- First all runs that are the same: to make text of each run's values would take longer.
                SELECT {columns:span (int|double|string|bool) (?!aborted$)}, count() AS "/together"
                FROM runs
                WHERE ({service:String} = '' OR `service.name` = {service:String})
                    AND ({subcommand:String} = '' OR name = {subcommand:String})
                    AND ({version:String} = '' OR {version:String} IN (`run.version`, `run.release`))
                    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
                GROUP BY ALL
            )
        )
        ARRAY JOIN "/pairs" AS pair
        WHERE pair.2 IS NOT NULL
        GROUP BY field, found
    )
)
GROUP BY field, value
ORDER BY field, ifNull(toFloat64OrNull(value), 1.7976931348623157e308), value
