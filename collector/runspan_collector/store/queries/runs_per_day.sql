-- Runs a day, by how they ended; of two days or less, runs an hour.
SELECT
    if(
        dateDiff('hour', {from:DateTime('UTC')}, {to:DateTime('UTC')}) <= 48,
        formatDateTime(timestamp, '%Y-%m-%dT%H:00Z'),
        toString(toDate(timestamp))
    ) AS day,
    count() AS runs,
    countIf(status_code = 2 AND NOT ifNull(aborted, false)) AS failed,
    countIf(ifNull(aborted, false)) AS aborted_runs
FROM runs
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR {version:String} IN (`run.version`, `run.release`))
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
GROUP BY day
ORDER BY day
