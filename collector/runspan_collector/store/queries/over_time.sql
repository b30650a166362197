-- What the program runs with and on, by week: dependencies, Python, systems. Of a version the first two numbers; of
-- each field the 6 most frequent values of the time, and the others together.
SELECT
    field,
    week,
    if(place > 6, 'other', found) AS value,
    sum(counted) AS runs,
    runs / sum(runs) OVER (PARTITION BY field, week) AS share
FROM
(
    SELECT
        *,
        dense_rank() OVER (PARTITION BY field ORDER BY total DESC, found) AS place
    FROM
    (
        SELECT
            *,
            sum(counted) OVER (PARTITION BY field, found) AS total
        FROM
        (
            SELECT
                pair.1 AS field,
                "/week" AS week,
                replaceRegexpOne(
                    if(field = 'host.arch', "/arch", assumeNotNull(pair.2)), '^([0-9]+[.][0-9]+)[^0-9].*', '\\1') AS found,
                sum("/together") AS counted
            FROM
            (
                -- A field may have any name, but none of these (columns.py: named). Backquotes are for fields (tables.py).
                SELECT "/week", "/arch", "/together", {each:resource string (?!service\.|telemetry\.)} AS "/pairs"
                FROM
                (
                    -- First all runs that are the same, which is faster than each by itself.
                    SELECT
                        toMonday(timestamp) AS "/week",
                        `run.arch` AS "/arch", -- one name for a processor
                        {columns:resource string (?!service\.|telemetry\.)},
                        count() AS "/together"
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
            GROUP BY field, week, found
        )
    )
)
GROUP BY field, week, value
ORDER BY field, week, value
