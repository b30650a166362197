-- Runs a day, by how they ended.
SELECT
    toDate(timestamp) AS day,
    count() AS runs,
    countIf(status_code = 2 AND NOT ifNull(aborted, false)) AS failed,
    countIf(ifNull(aborted, false)) AS aborted_runs
FROM spans
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR `service.version` = {version:String})
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
GROUP BY day
ORDER BY day
