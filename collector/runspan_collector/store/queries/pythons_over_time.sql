-- The share of each Python in a week's runs: the first two numbers of its version. Runs that do not say it are left out.
SELECT
    week,
    python,
    runs,
    runs / sum(runs) OVER (PARTITION BY week) AS share
FROM
(
    SELECT
        toMonday(timestamp) AS week,
        arrayStringConcat(arraySlice(splitByChar('.', ifNull(toString(`process.runtime.version`), '')), 1, 2), '.') AS python,
        count() AS runs
    FROM runs
    WHERE ({service:String} = '' OR `service.name` = {service:String})
        AND ({subcommand:String} = '' OR name = {subcommand:String})
        AND ({version:String} = '' OR {version:String} IN (`run.version`, `run.release`))
        AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
        AND `process.runtime.version` IS NOT NULL
    GROUP BY week, python
)
ORDER BY week, python
