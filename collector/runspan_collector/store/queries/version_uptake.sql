-- How fast versions are taken up: the share of each in a day's runs; of two days or less, in an hour's.
SELECT
    day,
    version,
    runs,
    runs / sum(runs) OVER (PARTITION BY day) AS share
FROM
(
    SELECT
        if(
            dateDiff('hour', {from:DateTime('UTC')}, {to:DateTime('UTC')}) <= 48,
            formatDateTime(timestamp, '%Y-%m-%dT%H:00Z'),
            toString(toDate(timestamp))
        ) AS day,
        if({version:String} = '', `run.release`, `run.version`) AS version,
        count() AS runs
    FROM runs
    WHERE ({service:String} = '' OR `service.name` = {service:String})
        AND ({subcommand:String} = '' OR name = {subcommand:String})
        AND ({version:String} = '' OR {version:String} IN (`run.version`, `run.release`))
        AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
    GROUP BY day, version
)
ORDER BY day, version
