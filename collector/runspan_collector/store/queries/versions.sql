-- Which versions are in use, and since when each was seen. Those that are no releases are put together, as 1.3.2.dev,
-- unless {version:String} names one of these: then each is by itself.
SELECT
    `service.name` AS service,
    if({version:String} = '', `run.release`, `run.version`) AS version,
    count() AS runs,
    min(toDate(timestamp)) AS first_day,
    max(toDate(timestamp)) AS last_day
FROM runs
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR {version:String} IN (`run.version`, `run.release`))
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
GROUP BY service, version
ORDER BY runs DESC, service, version
