-- How fast versions are taken up: the share of each in a day's runs.
SELECT
    day,
    version,
    runs,
    runs / sum(runs) OVER (PARTITION BY day) AS share
FROM
(
    SELECT
        toDate(timestamp) AS day,
        ifNull(`service.version`, 'unknown') AS version,
        count() AS runs
    FROM spans
    WHERE ({service:String} = '' OR `service.name` = {service:String})
        AND ({subcommand:String} = '' OR name = {subcommand:String})
        AND ({version:String} = '' OR `service.version` = {version:String})
        AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
    GROUP BY day, version
)
ORDER BY day, version
